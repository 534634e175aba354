// Conversions, all of them asked for by name: int(), decimal(), string(), … None of them loses anything silently but what its doc says.
#include <fmt/format.h>
#include <array>
#include <charconv>
#include <cmath>

#include "common/expr/functions.h"
#include "common/expr/operators.h"
#include "common/expr/utf8.h"
#include "common/expr/uuid5.h"
#include "common/json.h"

namespace foldline::expr {
namespace {

using Arguments = std::span<const Value>;
using K = ExprKind;

constexpr std::int64_t kMicros = 1'000'000;

bool no_number(const Value& v, const char* what, Runtime& run) { return run.fail(fmt::format("{} is not {}", describe(v), what)); }

bool same(Arguments a, Runtime&, Value& out) {
  out = a[0];
  return true;
}

bool to_int(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  switch (v.kind()) {
    case Kind::decimal: {
      const auto whole = v.as_decimal().to_int64();
      if (!whole) return run.fail("int(x): " + whole.error().message, whole.error().hint);
      out = Value::integer(*whole);
      return true;
    }
    case Kind::floating: {
      const double d = v.as_double();
      constexpr double kTwoTo63 = 9223372036854775808.0;
      if (!(d >= -kTwoTo63 && d < kTwoTo63)) return run.fail(fmt::format("int(x): {} does not fit in 64 bits", describe(v)));
      if (d != std::trunc(d))
        return run.fail(fmt::format("int(x): {} has a fraction", describe(v)), "round(decimal(x), 0) rounds it first");
      out = Value::integer(static_cast<std::int64_t>(d));
      return true;
    }
    case Kind::text: {
      const auto whole = parse_int64(v.as_text());
      if (!whole) return no_number(v, "an integer", run);
      out = Value::integer(*whole);
      return true;
    }
    case Kind::timestamp: out = Value::integer(v.as_int() / kMicros - (v.as_int() % kMicros < 0 ? 1 : 0)); return true;
    default: out = v; return true;
  }
}

bool read_double(std::string_view text, const Value& v, Runtime& run, Value& out) {
  double d = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), d);
  if (error != std::errc{} || end != text.data() + text.size() || !is_json_number(text)) return no_number(v, "a double", run);
  out = Value::floating(d);
  return true;
}

bool to_double(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  switch (v.kind()) {
    case Kind::integer: out = Value::floating(static_cast<double>(v.as_int())); return true;
    case Kind::decimal: return read_double(v.as_decimal().to_string(), v, run, out);
    case Kind::text: return read_double(v.as_text(), v, run, out);
    default: out = v; return true;
  }
}

bool to_decimal(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  if (v.is(Kind::integer)) {
    out = Value::decimal(Decimal::from_int(v.as_int()));
    return true;
  }
  if (v.is(Kind::decimal)) {
    out = v;
    return true;
  }
  std::string printed;  // a double: the shortest decimal that reads back as it
  if (v.is(Kind::floating)) append_json(printed, v);
  const auto d = Decimal::parse(v.is(Kind::text) ? v.as_text() : printed);
  if (!d) return run.fail(d.error().message, d.error().hint);
  out = Value::decimal(*d);
  return true;
}

bool to_string(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  std::string text;
  switch (v.kind()) {
    case Kind::text: out = v; return true;
    case Kind::bytes:
      if (!is_valid_utf8(v.as_text())) return run.fail("string(x): the bytes are not UTF-8");
      out = Value::text(v.as_text());
      return true;
    case Kind::interval: {  // CEL's form: seconds
      const Decimal seconds = Decimal{v.as_int(), 6}.normalized();
      text = seconds.to_string() + 's';
      break;
    }
    case Kind::timestamp: text = format_timestamp(v.as_int()); break;
    case Kind::date: text = format_date(v.as_int()); break;
    case Kind::uuid: text = v.as_uuid().to_string(); break;
    default: append_json(text, v); break;
  }
  out = Value::text(run.arena.copy(text));
  return true;
}

bool to_bool(Arguments a, Runtime& run, Value& out) {
  if (a[0].is(Kind::boolean)) {
    out = a[0];
    return true;
  }
  const std::string_view text = a[0].as_text();
  for (const char* yes : {"true", "True", "TRUE", "t", "1"}) {
    if (text == yes) {
      out = Value::boolean(true);
      return true;
    }
  }
  for (const char* no : {"false", "False", "FALSE", "f", "0"}) {
    if (text == no) {
      out = Value::boolean(false);
      return true;
    }
  }
  return run.fail(fmt::format("{} is not a bool", describe(a[0])));
}

bool to_timestamp(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  if (v.is(Kind::timestamp)) {
    out = v;
    return true;
  }
  std::int64_t us = 0;
  if (v.is(Kind::text)) {
    const auto parsed = parse_timestamp_us(v.as_text());
    if (!parsed) return run.fail(parsed.error().message, parsed.error().hint);
    us = *parsed;
  } else if (__builtin_mul_overflow(v.as_int(), kMicros, &us)) {
    us = kMaxTimestampUs + 1;
  }
  if (us < kMinTimestampUs || us > kMaxTimestampUs) {
    return run.fail(fmt::format("timestamp({}) is out of range: years are 0001 to 9999", describe(v)),
                    "a number counts seconds; epoch(x, 'ms') takes milliseconds");
  }
  out = Value::timestamp(us);
  return true;
}

bool to_bytes(Arguments a, Runtime&, Value& out) {
  out = Value::bytes(a[0].as_text());
  return true;
}

bool read_json(Arguments a, Runtime& run, Value& out) {
  if (a[0].is(Kind::text)) {
    auto parsed = parse_json(a[0].as_text(), run.arena);
    if (!parsed) return run.fail("json(x): " + parsed.error().message, parsed.error().hint);
    out = *parsed;
    return true;
  }
  return unpack_json(a[0], run, out);
}

bool round_to(Arguments a, Runtime& run, Value& out) {
  const std::int64_t digits = a.size() > 1 ? a[1].as_int() : 0;
  if (digits < 0 || digits > Decimal::kMaxScale) return run.fail(fmt::format("round(x, {}): digits of fraction are 0 to 38", digits));
  if (a[0].is(Kind::integer)) {
    out = Value::decimal(Decimal::from_int(a[0].as_int()));
    return true;
  }
  const Decimal d = a[0].as_decimal();
  if (d.scale <= digits) {
    out = a[0];
    return true;
  }
  const auto rounded = rescale(d, static_cast<std::int32_t>(digits));
  if (!rounded) return run.fail(rounded.error().message, rounded.error().hint);
  out = Value::decimal(*rounded);
  return true;
}

bool make_uuid5(Arguments a, Runtime& run, Value& out) {
  Uuid space;
  if (a[0].is(Kind::uuid)) {
    space = a[0].as_uuid();
  } else if (const auto named = uuid5_namespace(a[0].as_text())) {
    space = *named;
  } else if (const auto parsed = Uuid::parse(a[0].as_text())) {
    space = *parsed;
  } else {
    return run.fail(fmt::format("uuid5(): {} is no namespace", describe(a[0])), "a UUID, or 'dns', 'url', 'oid', 'x500'");
  }
  out = Value::uuid(uuid5(space, a[1].as_text()));
  return true;
}

constexpr KindSet kText = set_of(K::text);

constexpr std::array kFunctions{
    Function{"int",
             false,
             1,
             {kNumbers | set_of(K::text, K::timestamp)},
             K::integer,
             to_int,
             "a whole number, text of one, or a time's seconds since 1970; a fraction is an error"},
    Function{"double", false, 1, {kNumbers | kText}, K::floating, to_double, "the nearest double"},
    Function{"decimal", false, 1, {kNumbers | kText}, K::decimal, to_decimal, "an exact decimal; of a double the one that it prints as"},
    Function{"string",
             false,
             1,
             {kNumbers | set_of(K::text, K::bytes, K::boolean, K::timestamp, K::date, K::interval, K::uuid)},
             K::text,
             to_string,
             "text of a number, bool, time, interval (seconds), UUID or UTF-8 bytes"},
    Function{"bool", false, 1, {set_of(K::boolean, K::text)}, K::boolean, to_bool, "'true' or 'false' as a bool"},
    Function{"timestamp",
             false,
             1,
             {set_of(K::timestamp, K::text, K::integer)},
             K::timestamp,
             to_timestamp,
             "a time from RFC 3339 text or seconds since 1970"},
    Function{"bytes", false, 1, {kText}, K::bytes, to_bytes, "the UTF-8 bytes of a text"},
    Function{"json", false, 1, {set_of(K::text, K::list, K::map)}, K::dyn, read_json, "the value that a JSON text holds", false, true},
    Function{"round", false, 2, {kExactNumbers, set_of(K::integer)}, K::decimal, round_to, "n digits of fraction, half away from zero"},
    Function{"round", false, 1, {kExactNumbers}, K::decimal, round_to, "no fraction, half away from zero"},
    Function{"uuid5", false, 2, {set_of(K::uuid, K::text), kText}, K::uuid, make_uuid5, "the name-based UUID (RFC 4122, version 5)"},
    Function{"dyn", false, 1, {kAnything}, K::dyn, same, "the value, its type forgotten", false, true},
};

}  // namespace

std::span<const Function> conversion_functions() { return kFunctions; }

}  // namespace foldline::expr
