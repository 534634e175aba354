// JSON (RFC 8259) as text: the parts that On-Demand parsing leaves to its caller.
//
//   if (auto problem = check_json(text)) use(problem->message, problem->position);
//   Value v;  ScalarProblem p = read_scalar("29.99", v, arena);     // Value::decimal(29.99), never a double
//
// Stricter than the grammar in one point: half of a surrogate pair ("\ud800") is refused, because no UTF-8 text can hold it, and
// every store would refuse it later. Nothing here keeps state; any thread may call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/arena.h"
#include "common/json.h"
#include "common/value.h"

namespace foldline::codec {

struct JsonProblem {
  std::size_t position = 0;  // byte offset
  std::string message;       // "expected a value, found 'n'"
};

// The whole of `text` is one JSON value, nested kMaxJsonDepth levels at most (Postgres' jsonb stops at some thousand levels with an
// error that looks like an outage, 54001). The text is taken to be UTF-8 (see invalid_utf8).
std::optional<JsonProblem> check_json(std::string_view text);

// The bytes of the JSON value that `text` begins with, whatever stands behind it; 0: it begins with none, or with one of more than
// `max_depth` levels (0: scalars only). No blanks are skipped in front.
std::size_t json_value_size(std::string_view text, std::size_t max_depth);

// The offset of the first byte that is no part of UTF-8.
std::optional<std::size_t> invalid_utf8(std::string_view text);
bool is_utf8(std::string_view text);  // the same, fast for ASCII

// The text of a JSON string (without its quotes), its escapes resolved into `arena`; nullopt: a broken escape.
std::optional<std::string_view> unescape(std::string_view raw, Arena& arena);

enum class ScalarProblem : std::uint8_t {
  none,
  malformed,     // not a JSON string, number, true, false or null
  bad_escape,    // a string with a broken escape, or with half a surrogate pair
  out_of_range,  // a number that neither 38 digits nor a double can hold
};

// One scalar token without anything around it. A string without escapes becomes a view into `token`. A whole number that fits 64
// bits becomes an integer, any other number an exact decimal; one of more than 38 digits becomes a double, which converts to nothing
// but a double.
ScalarProblem read_scalar(std::string_view token, Value& out, Arena& arena);

}  // namespace foldline::codec
