// The types of fields and key parts (language.md §3, "Types").
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/value.h"

namespace foldline {

enum class TypeKind : std::uint8_t {
  boolean,
  int32,
  bigint,
  numeric,
  floating,
  text,
  keyword,
  uuid,
  date,
  timestamptz,
  interval,
  json,
  bytes,
  inet,
  enumeration,  // stored as text
  list,
  set,
};

struct Type {
  TypeKind kind = TypeKind::text;
  std::int32_t precision = 0;  // numeric(p,s); 0: any
  std::int32_t scale = 0;
  std::vector<std::string> members;     // enumeration
  std::shared_ptr<const Type> element;  // list, set

  [[nodiscard]] std::string name() const;  // as in the file: "numeric(12,2)", "list(text)"
  bool operator==(const Type& other) const;
};

// Converts where nothing is lost (language.md, "Values convert only where nothing is lost"); else an Error of code `value` that
// names the value and the type, for example: `"many" is not a bigint`. null stays null and absent stays absent.
// The answer's Kind: boolean→boolean, int32|bigint→integer, numeric→decimal, floating→floating, text|keyword|enumeration|inet→text,
// uuid→uuid, date→date, timestamptz→timestamp, interval→interval, json→json (the text), bytes→bytes, list|set→list.
Result<Value> convert(const Value& value, const Type& type, Arena& arena);

// Whether convert() would give the same value back, without the call: for the paths where a call a value counts. Says false where finding
// out takes more than a look at the kind: then convert() decides.
inline bool fits(const Value& value, TypeKind kind) {
  switch (kind) {
    case TypeKind::text:
    case TypeKind::keyword: return value.is(Kind::text);
    case TypeKind::bigint: return value.is(Kind::integer);
    case TypeKind::int32: return value.is(Kind::integer) && value.as_int() == static_cast<std::int32_t>(value.as_int());
    case TypeKind::boolean: return value.is(Kind::boolean);
    case TypeKind::timestamptz: return value.is(Kind::timestamp);
    case TypeKind::date: return value.is(Kind::date);
    case TypeKind::uuid: return value.is(Kind::uuid);
    case TypeKind::json: return value.is(Kind::json);
    default: return false;
  }
}

}  // namespace foldline
