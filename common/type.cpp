#include "common/type.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <limits>

#include "common/json.h"
#include "common/time.h"

namespace foldline {

std::string Type::name() const {
  switch (kind) {
    case TypeKind::boolean: return "bool";
    case TypeKind::int32: return "int";
    case TypeKind::bigint: return "bigint";
    case TypeKind::numeric: return precision == 0 ? "numeric" : fmt::format("numeric({},{})", precision, scale);
    case TypeKind::floating: return "double";
    case TypeKind::text: return "text";
    case TypeKind::keyword: return "keyword";
    case TypeKind::uuid: return "uuid";
    case TypeKind::date: return "date";
    case TypeKind::timestamptz: return "timestamptz";
    case TypeKind::interval: return "interval";
    case TypeKind::json: return "json";
    case TypeKind::bytes: return "bytes";
    case TypeKind::inet: return "inet";
    case TypeKind::enumeration: return fmt::format("enum [{}]", fmt::join(members, ", "));
    case TypeKind::list: return fmt::format("list({})", element ? element->name() : "?");
    case TypeKind::set: return fmt::format("set({})", element ? element->name() : "?");
  }
  return "unknown";
}

bool Type::operator==(const Type& other) const {
  if (kind != other.kind || precision != other.precision || scale != other.scale || members != other.members) return false;
  if (!element || !other.element) return element == other.element;
  return *element == *other.element;
}

namespace {

const char* article(const Type& type) {
  switch (type.kind) {
    case TypeKind::int32:
    case TypeKind::interval:
    case TypeKind::inet:
    case TypeKind::enumeration: return "an";
    default: return "a";
  }
}

tl::unexpected<Error> no_fit(const Value& value, const Type& type, std::string hint = {}) {
  return fail(ErrorCode::value, fmt::format("{} is not {} {}", describe(value), article(type), type.name()), std::move(hint));
}

const char* kStringHint = "string(x) makes text of it";

Result<Value> to_integer(const Value& value, const Type& type) {
  std::int64_t out = 0;
  switch (value.kind()) {
    case Kind::integer: out = value.as_int(); break;
    case Kind::decimal: {
      const auto whole = value.as_decimal().to_int64();
      if (!whole) return no_fit(value, type, whole.error().hint);
      out = *whole;
      break;
    }
    case Kind::text: {
      if (const auto whole = parse_int64(value.as_text())) {
        out = *whole;
        break;
      }
      const auto decimal = Decimal::parse(value.as_text());  // "1e3", "12.0"
      const auto whole = decimal ? decimal->to_int64() : tl::unexpected<Error>(decimal.error());
      if (!whole) return no_fit(value, type, whole.error().hint);
      out = *whole;
      break;
    }
    case Kind::floating: return no_fit(value, type, "int(x) takes a whole double");
    default: return no_fit(value, type);
  }
  if (type.kind == TypeKind::int32 && (out < std::numeric_limits<std::int32_t>::min() || out > std::numeric_limits<std::int32_t>::max())) {
    return no_fit(value, type, "it does not fit in 32 bits: make the field a bigint");
  }
  return Value::integer(out);
}

Result<Value> fit_numeric(const Decimal& decimal, const Value& value, const Type& type) {
  if (type.precision == 0) return Value::decimal(decimal);
  const Decimal exact = decimal.scale > type.scale ? decimal.normalized() : decimal;
  if (exact.scale > type.scale) {
    return no_fit(value, type, fmt::format("it has more than {} digits of fraction; round(x, {}) rounds it", type.scale, type.scale));
  }
  const auto scaled = rescale(exact, type.scale);
  const auto limit = Decimal::parse(fmt::format("1e{}", type.precision - type.scale));
  const Decimal size{exact.unscaled < 0 ? -exact.unscaled : exact.unscaled, exact.scale};
  if (!scaled || (limit && compare(size, *limit) >= 0)) {
    return no_fit(value, type, fmt::format("it has more than {} digits before the point", type.precision - type.scale));
  }
  return Value::decimal(*scaled);
}

Result<Value> to_numeric(const Value& value, const Type& type) {
  switch (value.kind()) {
    case Kind::integer: return fit_numeric(Decimal::from_int(value.as_int()), value, type);
    case Kind::decimal: return fit_numeric(value.as_decimal(), value, type);
    case Kind::text: {
      const auto decimal = Decimal::parse(value.as_text());
      if (!decimal) return no_fit(value, type, decimal.error().hint);
      return fit_numeric(*decimal, value, type);
    }
    case Kind::floating: return no_fit(value, type, "a double is not exact; decimal(x) takes the decimal that it prints as");
    default: return no_fit(value, type);
  }
}

Result<Value> parse_double(std::string_view text, const Value& value, const Type& type) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return no_fit(value, type);
  return Value::floating(out);
}

Result<Value> to_double(const Value& value, const Type& type) {
  switch (value.kind()) {
    case Kind::floating: return value;
    case Kind::integer: return Value::floating(static_cast<double>(value.as_int()));
    case Kind::decimal: return parse_double(value.as_decimal().to_string(), value, type);
    case Kind::text: {
      if (!is_json_number(value.as_text())) return no_fit(value, type);  // no "inf", no "0x1p3"
      return parse_double(value.as_text(), value, type);
    }
    default: return no_fit(value, type);
  }
}

Result<Value> in_range(std::int64_t micros, const Value& value, const Type& type) {
  if (micros < kMinTimestampUs || micros > kMaxTimestampUs) return no_fit(value, type, "years are 0001 to 9999");
  return Value::timestamp(micros);
}

Result<Value> to_timestamp(const Value& value, const Type& type) {
  switch (value.kind()) {
    case Kind::timestamp: return value;
    case Kind::text: {
      const auto micros = parse_timestamp_us(value.as_text());
      if (!micros) return no_fit(value, type, micros.error().hint);
      return in_range(*micros, value, type);
    }
    case Kind::integer: {
      std::int64_t micros = 0;
      if (__builtin_mul_overflow(value.as_int(), std::int64_t{1000}, &micros)) {
        return no_fit(value, type, "a whole number counts milliseconds since 1970; epoch(x, 'us') takes another unit");
      }
      return in_range(micros, value, type);
    }
    case Kind::decimal: {
      const auto whole = value.as_decimal().to_int64();
      if (!whole) return no_fit(value, type, "a whole number counts milliseconds since 1970; epoch(x, 's') takes another unit");
      return to_timestamp(Value::integer(*whole), type);
    }
    default: return no_fit(value, type);
  }
}

Result<Value> to_date(const Value& value, const Type& type) {
  if (value.is(Kind::date)) return value;
  if (value.is(Kind::timestamp)) return no_fit(value, type, "date(t) takes the day of it");
  if (!value.is(Kind::text)) return no_fit(value, type);
  const auto days = parse_date_days(value.as_text());
  if (!days) return no_fit(value, type, days.error().hint);
  return Value::date(*days);
}

Result<Value> to_interval(const Value& value, const Type& type) {
  if (value.is(Kind::interval)) return value;
  if (!value.is(Kind::text)) return no_fit(value, type, "duration('30m') makes an interval");
  const auto micros = parse_interval_us(value.as_text());
  if (!micros) return no_fit(value, type, micros.error().hint);
  return Value::interval(*micros);
}

Result<Value> to_uuid(const Value& value, const Type& type) {
  if (value.is(Kind::uuid)) return value;
  if (!value.is(Kind::text)) return no_fit(value, type);
  const auto uuid = Uuid::parse(value.as_text());
  if (!uuid) return no_fit(value, type, "8-4-4-4-12 hexadecimal digits");
  return Value::uuid(*uuid);
}

Result<Value> to_json(const Value& value, Arena& arena) {
  if (value.is(Kind::json)) return value;
  std::string out;
  append_json(out, value);
  return Value::json(arena.copy(out));
}

// An address, with or without the length of its prefix: 10.0.0.0/8.
Result<Value> to_inet(const Value& value, const Type& type) {
  if (!value.is(Kind::text)) return no_fit(value, type);
  const std::string_view text = value.as_text();
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  in6_addr buffer{};
  int bits = 0;
  if (inet_pton(AF_INET, address.c_str(), &buffer) == 1) bits = 32;
  if (inet_pton(AF_INET6, address.c_str(), &buffer) == 1) bits = 128;
  if (bits == 0 || address.size() != std::min(slash, text.size()) || address.find('\0') != std::string::npos) return no_fit(value, type);
  if (slash != std::string_view::npos) {
    int prefix = -1;
    const auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), prefix);
    if (error != std::errc{} || end != text.data() + text.size() || prefix < 0 || prefix > bits) return no_fit(value, type);
  }
  return value;
}

Result<Value> to_enumeration(const Value& value, const Type& type) {
  if (!value.is(Kind::text)) return no_fit(value, type);
  for (const std::string& member : type.members) {
    if (member == value.as_text()) return value;
  }
  return fail(ErrorCode::value, fmt::format("{} is not one of {}", describe(value), fmt::join(type.members, ", ")),
              "add it to the field's enum, or map it in the expression");
}

Result<Value> to_list(const Value& value, const Type& type, Arena& arena) {
  Value list = value;
  if (value.is(Kind::json)) {
    auto parsed = parse_json(value.as_text(), arena);
    if (!parsed) return parsed;
    list = *parsed;
  }
  if (!list.is(Kind::list)) return no_fit(value, type);
  const auto from = list.as_list();
  auto* to = arena.array<Value>(from.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    auto item = convert(from[i], *type.element, arena);
    if (!item) return fail(ErrorCode::value, fmt::format("element {}: {}", i, item.error().message), item.error().hint);
    const bool repeated = type.kind == TypeKind::set && std::any_of(to, to + count, [&](const Value& v) { return equal(v, *item); });
    if (!repeated) to[count++] = *item;
  }
  return Value::list({to, count});
}

}  // namespace

Result<Value> convert(const Value& value, const Type& type, Arena& arena) {
  if (value.is_absent() || value.is_null()) return value;
  switch (type.kind) {
    case TypeKind::text:
    case TypeKind::keyword:
      if (value.is(Kind::text)) return value;
      return no_fit(value, type, kStringHint);
    case TypeKind::bigint:
      if (value.is(Kind::integer)) return value;
      return to_integer(value, type);
    case TypeKind::int32: return to_integer(value, type);
    case TypeKind::numeric: return to_numeric(value, type);
    case TypeKind::floating: return to_double(value, type);
    case TypeKind::boolean:
      if (value.is(Kind::boolean)) return value;
      return no_fit(value, type);
    case TypeKind::uuid: return to_uuid(value, type);
    case TypeKind::date: return to_date(value, type);
    case TypeKind::timestamptz: return to_timestamp(value, type);
    case TypeKind::interval: return to_interval(value, type);
    case TypeKind::json: return to_json(value, arena);
    case TypeKind::bytes:
      if (value.is(Kind::bytes)) return value;
      return no_fit(value, type);
    case TypeKind::inet: return to_inet(value, type);
    case TypeKind::enumeration: return to_enumeration(value, type);
    case TypeKind::list:
    case TypeKind::set: return to_list(value, type, arena);
  }
  return fail(ErrorCode::internal, "a type without a conversion: " + type.name());
}

}  // namespace foldline
