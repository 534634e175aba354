// What the tests of several stores ask of a change and its key.
#pragma once

#include <string>
#include <vector>

#include "common/change.h"
#include "common/time.h"

namespace foldline {

// Of every kind that a key may have, the longest of its kind where there is one.
inline std::vector<Value> parts_of_every_kind() {
  return {Value::text(""),
          Value::text("::%%"),
          Value::text("plain"),
          Value::json("[1,2]"),
          Value::bytes("a"),
          Value::bytes("\xff\xfe\xfd\xfc"),
          Value::boolean(false),
          Value::integer(INT64_MIN),
          Value::timestamp(kMinTimestampUs),
          Value::timestamp(kMaxTimestampUs),
          Value::date(-719'162),
          Value::uuid(Uuid{}),
          Value::interval(INT64_MIN),
          Value::floating(-1.2345678901234567e-300),
          Value::decimal(*Decimal::parse("-0.00000000000000000001"))};
}

// What `check` says of the change that sets the first field of the row with this key; empty: it can be held.
template <class Check>
std::string said_of(const Value* key, const Value& assigned, const Check& check) {
  Change change;
  change.key = key;
  const Assignment assignment{0, Op::set, assigned};
  change.assignments = {&assignment, 1};
  const auto ok = check(change);
  return ok ? std::string() : ok.error().message;
}

}  // namespace foldline
