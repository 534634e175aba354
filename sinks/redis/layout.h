// How a view stands in Redis: worked out once, from the schema alone.
//
//   Result<ViewLayout> layout = make_layout(view, {"today", 1});
//
// | kind | key | value |
// | counter | one a row | the number, as text |
// | hash | one a row | a hash: field → text (value_text.h); a field that is null is not there |
// | json | one a row | a string: a JSON object of all fields, null as null |
// | sorted_set | one for all rows that differ in `member` only | member → score |
// | set | the same | members |
//
// Guards (G10) are hidden fields, _newest_1 and so on, _newest_alive, _newest_deleted: base64 of the stamp.
// A hash whose fields are all null, and a counter that is null, is no key at all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/view.h"
#include "sinks/redis/key_name.h"
#include "sinks/sink.h"

namespace foldline::redis {

// Scores are doubles: whole numbers are exact up to here (IEEE 754 binary64).
inline constexpr std::int64_t kMaxScore = 9'007'199'254'740'992;
// numeric(p,s) travels as a whole number of 64 bits.
inline constexpr std::int32_t kMaxScaledDigits = 18;

enum class KeyKind : std::uint8_t {
  counter,
  hash,
  json,
  sorted_set,
  set,
};

enum class Expiry : std::uint8_t {
  none,
  newest_event,  // the greatest event time that touched the row
  key_part,
  field,  // of a row that is read before it is written
};

// How the script merges a field by itself.
enum class Merging : std::uint8_t {
  none,   // the row must be read and written back (compared_rows.h)
  whole,  // as whole numbers of at most 64 bits
  bytes,  // by the order of the text's bytes
};

struct FieldLayout {
  std::string name;
  Type type;
  Merging merging = Merging::none;
  std::string least;  // whole: the bounds of the type
  std::string greatest;
  bool has_default = false;
  std::string default_text;
};

struct ViewLayout {
  ViewSchema schema;
  KeyKind kind = KeyKind::hash;
  KeyName name;
  int member = -1;        // index of the key part `member`
  bool compared = false;  // every row is read first: the server can't compute it
  Expiry expiry = Expiry::none;
  std::size_t expire_from = 0;  // index of the key part, or of the field
  std::vector<FieldLayout> fields;
  std::vector<std::string> guard_names;
};

// Errors (code config) name the view and what to change. `prefix`: what stands before every key's name.
Result<ViewLayout> make_layout(const ViewSchema& view, const ProjectionId& id, std::string prefix = {});

// When a row goes: `from` (µs; a date counts from its first moment in UTC) + after, in milliseconds, as PEXPIREAT takes it.
std::int64_t expire_at_ms(const ViewLayout& layout, const Value& from);
std::int64_t expire_at_ms(const ViewLayout& layout, std::int64_t from_us);

}  // namespace foldline::redis
