// Values as they stand in Redis' strings, and back.
//
//   std::string out;   append_text(out, Value::timestamp(0), type);   // 1970-01-01T00:00:00.000000Z
//   Result<Value> v = value_from_text(out, type, arena);
//
// bool `0`/`1` · int, bigint digits · numeric plain decimal · numeric(p,s) the unscaled integer: 12.50 of numeric(8,2) is 1250 ·
// double shortest round-trip · text, keyword, enum, inet as they are · uuid · date 2026-04-03 · timestamptz RFC 3339 in UTC, always with
// six digits of fraction, so that bytes are ordered as times are · interval ISO 8601 · json as it is · bytes base64 ·
// list(T), set(T) a JSON array. Null has no text: a field that is null is not there.
#pragma once

#include <string>
#include <string_view>

#include "common/arena.h"
#include "common/error.h"
#include "common/type.h"

namespace foldline::redis {

// `value` is of the type's kind (common/type.h convert()), and not null.
void append_text(std::string& out, const Value& value, const Type& type);
inline std::string to_text(const Value& value, const Type& type) {
  std::string out;
  append_text(out, value, type);
  return out;
}

// Errors (code store_rejected) name the text and the type: somebody else wrote there.
Result<Value> value_from_text(std::string_view text, const Type& type, Arena& arena);

}  // namespace foldline::redis
