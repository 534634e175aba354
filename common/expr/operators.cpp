// The operators at run time.
#include "common/expr/operators.h"

#include <fmt/format.h>
#include <array>
#include <cmath>
#include <cstring>

#include "common/json.h"
#include "common/time.h"

namespace foldline::expr {
namespace {

bool overflow(Operator op, const Value& a, const Value& b, Runtime& run) {
  return run.fail(fmt::format("{} {} {} does not fit in 64 bits", describe(a), to_string(op), describe(b)), "decimal(x) counts further");
}

bool wrong_types(Operator op, const Value& a, const Value& b, Runtime& run) {
  if (a.is_absent() || b.is_absent())
    return run.fail(fmt::format("an operand of {} is none", to_string(op)), ".orValue(x) gives a none a value");
  return run.fail(fmt::format("{} {} {}: there is no such operation on {} and {}", describe(a), to_string(op), describe(b),
                              to_string(expr_kind_of(a)), to_string(expr_kind_of(b))));
}

bool never_mix(const Value& a, const Value& b, Runtime& run) {
  return run.fail(fmt::format("{} and {}: decimals and doubles never mix", describe(a), describe(b)),
                  "decimal(x) makes an exact decimal of a double, double(x) a double of a decimal");
}

bool is_exact(const Value& v) { return v.is(Kind::integer) || v.is(Kind::decimal); }
bool is_number(const Value& v) { return is_exact(v) || v.is(Kind::floating); }
Decimal exact(const Value& v) { return v.is(Kind::integer) ? Decimal::from_int(v.as_int()) : v.as_decimal(); }

bool give(Result<Decimal> result, Runtime& run, Value& out) {
  if (!result) return run.fail(std::move(result.error().message), std::move(result.error().hint));
  out = Value::decimal(*result);
  return true;
}

bool give_double(double result, Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  if (!std::isfinite(result)) return run.fail(fmt::format("{} {} {} is not a finite double", describe(a), to_string(op), describe(b)));
  out = Value::floating(result);
  return true;
}

bool integers(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  const std::int64_t x = a.as_int();
  const std::int64_t y = b.as_int();
  std::int64_t result = 0;
  switch (op) {
    case Operator::add:
      if (__builtin_add_overflow(x, y, &result)) return overflow(op, a, b, run);
      break;
    case Operator::subtract:
      if (__builtin_sub_overflow(x, y, &result)) return overflow(op, a, b, run);
      break;
    case Operator::multiply:
      if (__builtin_mul_overflow(x, y, &result)) return overflow(op, a, b, run);
      break;
    case Operator::divide:
    case Operator::modulo:
      if (y == 0) return run.fail(fmt::format("{} {} 0: division by zero", x, to_string(op)));
      if (y == -1) {  // the one quotient that overflows
        if (op == Operator::divide && __builtin_sub_overflow(std::int64_t{0}, x, &result)) return overflow(op, a, b, run);
        break;
      }
      result = op == Operator::divide ? x / y : x % y;
      break;
    default: return wrong_types(op, a, b, run);
  }
  out = Value::integer(result);
  return true;
}

bool decimals(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  const Decimal x = exact(a);
  const Decimal y = exact(b);
  switch (op) {
    case Operator::add: return give(foldline::add(x, y), run, out);
    case Operator::subtract: return give(foldline::subtract(x, y), run, out);
    case Operator::multiply: return give(foldline::multiply(x, y), run, out);
    case Operator::divide: return give(foldline::divide(x, y), run, out);
    default: return run.fail(fmt::format("{} {} {}: % is for integers", describe(a), to_string(op), describe(b)));
  }
}

bool doubles(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  const double x = a.as_double();
  const double y = b.as_double();
  switch (op) {
    case Operator::add: return give_double(x + y, op, a, b, run, out);
    case Operator::subtract: return give_double(x - y, op, a, b, run, out);
    case Operator::multiply: return give_double(x * y, op, a, b, run, out);
    case Operator::divide: return give_double(x / y, op, a, b, run, out);
    default: return wrong_types(op, a, b, run);
  }
}

bool in_time(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  std::int64_t result = 0;
  const bool too_far = op == Operator::add ? __builtin_add_overflow(a.as_int(), b.as_int(), &result)
                                           : __builtin_sub_overflow(a.as_int(), b.as_int(), &result);
  const bool both_timestamps = a.is(Kind::timestamp) && b.is(Kind::timestamp);
  const bool both_intervals = a.is(Kind::interval) && b.is(Kind::interval);
  const bool is_timestamp = !both_timestamps && !both_intervals;
  if (too_far || (is_timestamp && (result < kMinTimestampUs || result > kMaxTimestampUs))) {
    return run.fail(fmt::format("{} {} {} is out of range", describe(a), to_string(op), describe(b)), "years are 0001 to 9999");
  }
  out = is_timestamp ? Value::timestamp(result) : Value::interval(result);
  return true;
}

bool concatenation(const Value& a, const Value& b, Runtime& run, Value& out) {
  const std::string_view x = a.as_text();
  const std::string_view y = b.as_text();
  if (x.size() + y.size() > kMaxTextBytes) return run.fail(fmt::format("a text of more than {} bytes", kMaxTextBytes));
  char* to = run.arena.array<char>(x.size() + y.size());
  if (!x.empty()) std::memcpy(to, x.data(), x.size());
  if (!y.empty()) std::memcpy(to + x.size(), y.data(), y.size());
  const std::string_view both(to, x.size() + y.size());
  out = a.is(Kind::text) ? Value::text(both) : Value::bytes(both);
  return true;
}

bool joined_lists(const Value& a, const Value& b, Runtime& run, Value& out) {
  const auto x = a.as_list();
  const auto y = b.as_list();
  if ((x.size() + y.size()) * sizeof(Value) > kMaxTextBytes) return run.fail("a list of too many elements");
  auto* to = run.arena.array<Value>(x.size() + y.size());
  std::copy(x.begin(), x.end(), to);
  std::copy(y.begin(), y.end(), to + x.size());
  out = Value::list({to, x.size() + y.size()});
  return true;
}

bool arithmetic(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  if (a.is(Kind::integer) && b.is(Kind::integer)) return integers(op, a, b, run, out);
  if (is_exact(a) && is_exact(b)) return decimals(op, a, b, run, out);
  if (a.is(Kind::floating) && b.is(Kind::floating)) return doubles(op, a, b, run, out);
  if ((a.is(Kind::floating) && b.is(Kind::decimal)) || (a.is(Kind::decimal) && b.is(Kind::floating))) return never_mix(a, b, run);
  const bool sum = op == Operator::add;
  if (sum && a.is(Kind::text) && b.is(Kind::text)) return concatenation(a, b, run, out);
  if (sum && a.is(Kind::bytes) && b.is(Kind::bytes)) return concatenation(a, b, run, out);
  if (sum || op == Operator::subtract) {
    if (a.is(Kind::timestamp) && (b.is(Kind::interval) || (!sum && b.is(Kind::timestamp)))) return in_time(op, a, b, run, out);
    if (a.is(Kind::interval) && (b.is(Kind::interval) || (sum && b.is(Kind::timestamp)))) return in_time(op, a, b, run, out);
  }
  if (sum && expr_kind_of(a) == ExprKind::list && expr_kind_of(b) == ExprKind::list) {
    Value x;
    Value y;
    return unpack_json(a, run, x) && unpack_json(b, run, y) && joined_lists(x, y, run, out);
  }
  return wrong_types(op, a, b, run);
}

// An integer against a double, exactly: a double of 2^63 or more is past every integer.
int compare_to_double(std::int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return -1;
  if (b < -kTwoTo63) return 1;
  const auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return a < whole ? -1 : 1;
  const double fraction = b - static_cast<double>(whole);
  return fraction > 0 ? -1 : (fraction < 0 ? 1 : 0);
}

// Of two numbers; false: they never mix.
bool compare_numbers(const Value& a, const Value& b, Runtime& run, int& out) {
  for (const Value* v : {&a, &b}) {
    if (v->is(Kind::floating) && std::isnan(v->as_double())) return run.fail("NaN has no order");
  }
  if (a.is(Kind::integer) && b.is(Kind::integer)) {
    out = a.as_int() < b.as_int() ? -1 : (a.as_int() > b.as_int() ? 1 : 0);
  } else if (is_exact(a) && is_exact(b)) {
    out = compare(exact(a), exact(b));
  } else if (a.is(Kind::floating) && b.is(Kind::floating)) {
    out = a.as_double() < b.as_double() ? -1 : (a.as_double() > b.as_double() ? 1 : 0);
  } else if (a.is(Kind::integer)) {
    out = compare_to_double(a.as_int(), b.as_double());
  } else if (b.is(Kind::integer)) {
    out = -compare_to_double(b.as_int(), a.as_double());
  } else {
    return never_mix(a, b, run);
  }
  return true;
}

bool order(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  int result = 0;
  if (is_number(a) && is_number(b)) {
    if (!compare_numbers(a, b, run, result)) return false;
  } else if (a.kind() != b.kind()) {
    return wrong_types(op, a, b, run);
  } else {
    switch (a.kind()) {
      case Kind::text:
      case Kind::bytes: result = a.as_text().compare(b.as_text()); break;
      case Kind::boolean:
      case Kind::timestamp:
      case Kind::date:
      case Kind::interval: result = a.as_int() < b.as_int() ? -1 : (a.as_int() > b.as_int() ? 1 : 0); break;
      default: return wrong_types(op, a, b, run);
    }
  }
  switch (op) {
    case Operator::less: out = Value::boolean(result < 0); break;
    case Operator::less_equal: out = Value::boolean(result <= 0); break;
    case Operator::greater: out = Value::boolean(result > 0); break;
    default: out = Value::boolean(result >= 0); break;
  }
  return true;
}

bool contained(const Value& needle, const Value& haystack, Runtime& run, Value& out) {
  Value in;
  if (!unpack_json(haystack, run, in)) return false;
  bool found = false;
  if (in.is(Kind::list)) {
    for (const Value& item : in.as_list()) {
      if (!values_equal(needle, item, run, found)) return false;
      if (found) break;
    }
  } else if (in.is(Kind::map)) {
    for (const MapEntry& entry : in.as_map()) {
      found = needle.is(Kind::text) && entry.key == needle.as_text() && !entry.value.is_absent();
      if (found) break;
    }
  } else {
    return run.fail(fmt::format("{} is neither a list nor a map: in can't look into it", describe(haystack)));
  }
  out = Value::boolean(found);
  return true;
}

const char* kUseUuid = "both must be UUIDs";

// Text beside a type that prints as text: a UUID is read from it; a time has many spellings, so the owner says which is meant.
bool equals_text(const Value& typed, const Value& text, Runtime& run, bool& out) {
  switch (typed.kind()) {
    case Kind::uuid: {
      const auto parsed = Uuid::parse(text.as_text());
      if (!parsed)
        return run.fail(fmt::format("{} is not a UUID: it can't be compared with {}", describe(text), describe(typed)), kUseUuid);
      out = *parsed == typed.as_uuid();
      return true;
    }
    case Kind::timestamp:
      return run.fail(fmt::format("{} is text, {} a timestamp", describe(text), describe(typed)), "timestamp(x) reads the text");
    case Kind::date:
      return run.fail(fmt::format("{} is text, {} a date", describe(text), describe(typed)), "string(date) makes text of a date");
    case Kind::interval:
      return run.fail(fmt::format("{} is text, {} an interval", describe(text), describe(typed)), "duration(x) reads the text");
    default: out = false; return true;
  }
}

bool lists_equal(std::span<const Value> a, std::span<const Value> b, Runtime& run, bool& out) {
  out = a.size() == b.size();
  for (std::size_t i = 0; out && i < a.size(); ++i) {
    if (!values_equal(a[i], b[i], run, out)) return false;
  }
  return true;
}

bool maps_equal(std::span<const MapEntry> a, std::span<const MapEntry> b, Runtime& run, bool& out) {
  out = a.size() == b.size();
  for (std::size_t i = 0; out && i < a.size(); ++i) {
    bool found = false;
    for (std::size_t j = 0; !found && j < b.size(); ++j) {
      if (a[i].key == b[j].key && !values_equal(a[i].value, b[j].value, run, found)) return false;
    }
    out = found;
  }
  return true;
}

}  // namespace

bool unpack_json(const Value& value, Runtime& run, Value& out) {
  if (!value.is(Kind::json)) {
    out = value;
    return true;
  }
  auto parsed = parse_json(value.as_text(), run.arena);
  if (!parsed) return run.fail(std::move(parsed.error().message), std::move(parsed.error().hint));
  out = *parsed;
  return true;
}

bool values_equal(const Value& a, const Value& b, Runtime& run, bool& out) {
  if (a.is(Kind::text) && b.is(Kind::text)) {
    out = a.as_text() == b.as_text();
    return true;
  }
  if (is_number(a) && is_number(b)) {
    int order = 0;
    if (!compare_numbers(a, b, run, order)) return false;
    out = order == 0;
    return true;
  }
  if (a.is_absent() || b.is_absent()) return run.fail("a none is compared", ".orValue(x) gives a none a value, .hasValue() asks for one");
  if (a.is(Kind::text)) return equals_text(b, a, run, out);
  if (b.is(Kind::text)) return equals_text(a, b, run, out);
  const ExprKind kind = expr_kind_of(a);
  if (kind != expr_kind_of(b)) {
    out = false;
    return true;
  }
  if (kind != ExprKind::list && kind != ExprKind::map) {
    out = equal(a, b);
    return true;
  }
  Value x;
  Value y;
  if (!unpack_json(a, run, x) || !unpack_json(b, run, y)) return false;
  return kind == ExprKind::list ? lists_equal(x.as_list(), y.as_list(), run, out) : maps_equal(x.as_map(), y.as_map(), run, out);
}

bool apply_binary(Operator op, const Value& a, const Value& b, Runtime& run, Value& out) {
  switch (op) {
    case Operator::equal:
    case Operator::not_equal: {
      bool same = false;
      if (!values_equal(a, b, run, same)) return false;
      out = Value::boolean(same == (op == Operator::equal));
      return true;
    }
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal: return order(op, a, b, run, out);
    case Operator::in: return contained(a, b, run, out);
    default: return arithmetic(op, a, b, run, out);
  }
}

bool apply_unary(Operator op, const Value& a, Runtime& run, Value& out) {
  if (op == Operator::logical_not) {
    if (!a.is(Kind::boolean)) return run.fail(fmt::format("{} is not a bool: ! can't negate it", describe(a)));
    out = Value::boolean(!a.as_bool());
    return true;
  }
  std::int64_t whole = 0;
  switch (a.kind()) {
    case Kind::integer:
    case Kind::interval:
      if (__builtin_sub_overflow(std::int64_t{0}, a.as_int(), &whole))
        return run.fail(fmt::format("-({}) does not fit in 64 bits", describe(a)));
      out = a.is(Kind::integer) ? Value::integer(whole) : Value::interval(whole);
      return true;
    case Kind::decimal: {
      Decimal d = a.as_decimal();
      d.unscaled = -d.unscaled;
      out = Value::decimal(d);
      return true;
    }
    case Kind::floating: out = Value::floating(-a.as_double()); return true;
    case Kind::absent: return run.fail("a none is negated", ".orValue(x) gives a none a value");
    default: return run.fail(fmt::format("{} is not a number: - can't negate it", describe(a)));
  }
}

}  // namespace foldline::expr
