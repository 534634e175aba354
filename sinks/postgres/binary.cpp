#include "sinks/postgres/binary.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <span>

#include "sinks/postgres/column_type.h"

namespace foldline::postgres {

namespace {

__extension__ using uint128 = unsigned __int128;

// The ends of PostgreSQL's calendar (src/include/datatype/timestamp.h), from 1970: 4713-11-24 BC, 294276-12-31, 5874897-12-31.
constexpr std::int64_t kMinTimestampUs = -211'813'488'000'000'000 + kPostgresEpochUs;
constexpr std::int64_t kMinDateDays = -2'451'545 + kPostgresEpochDays;
constexpr std::int64_t kMaxDateDays = 2'145'031'948 + kPostgresEpochDays;

tl::unexpected<Error> misfit(const Value& value, const Type& type, std::string_view why) {
  return fail(ErrorCode::store_rejected, fmt::format("{} {} {}", describe(value), why, column_type(type)));
}

constexpr std::string_view kOutOfRange = "is out of the range of";
constexpr std::string_view kWrongKind = "is not a value for";

// numeric_recv: number of digits, weight of the first, sign, digits after the point, then the digits, each 0..9999.
void put_numeric(std::string& out, int128 unscaled, std::int32_t scale) {
  std::array<std::int16_t, 24> digits;  // least significant first; 38 decimal digits give at most 11
  std::size_t count = 0;
  uint128 rest = unscaled < 0 ? ~static_cast<uint128>(unscaled) + 1 : static_cast<uint128>(unscaled);
  const int odd = scale % 4;  // the last digit holds `odd` decimal places, padded with zeros: never multiply, it may not fit 128 bits
  static constexpr std::array<unsigned, 4> kPower = {1, 10, 100, 1000};
  if (odd != 0) {
    digits[count++] = static_cast<std::int16_t>(static_cast<unsigned>(rest % kPower[odd]) * kPower[4 - odd]);
    rest /= kPower[odd];
  }
  const int fraction_digits = (scale + 3) / 4;
  while (rest != 0) {
    if (rest <= std::numeric_limits<std::uint64_t>::max()) {  // 64-bit division is several times faster
      for (auto small = static_cast<std::uint64_t>(rest); small != 0; small /= 10'000)
        digits[count++] = static_cast<std::int16_t>(small % 10'000);
      break;
    }
    digits[count++] = static_cast<std::int16_t>(rest % 10'000);
    rest /= 10'000;
  }
  std::size_t first = 0;
  while (first < count && digits[first] == 0) ++first;  // zeros after the last significant digit are not stored
  while (count > first && digits[count - 1] == 0) --count;
  const std::size_t stored = count - first;
  const int weight = stored == 0 ? 0 : static_cast<int>(count) - 1 - fraction_digits;
  put<std::int32_t>(out, static_cast<std::int32_t>(8 + 2 * stored));
  put<std::int16_t>(out, static_cast<std::int16_t>(stored));
  put<std::int16_t>(out, static_cast<std::int16_t>(weight));
  put<std::int16_t>(out, unscaled < 0 ? 0x4000 : 0);
  put<std::int16_t>(out, static_cast<std::int16_t>(scale));
  for (std::size_t i = count; i > first; --i) put<std::int16_t>(out, digits[i - 1]);
}

// A whole number in 64 bits, from an integer or a whole decimal (folded sums may arrive as decimals).
bool whole(const Value& value, std::int64_t& out) {
  if (value.is(Kind::integer)) {
    out = value.as_int();
    return true;
  }
  const Decimal d = value.as_decimal();
  int128 v = d.unscaled;
  for (std::int32_t i = 0; i < d.scale; ++i) {
    if (v % 10 != 0) return false;
    v /= 10;
  }
  if (v > std::numeric_limits<std::int64_t>::max() || v < std::numeric_limits<std::int64_t>::min()) return false;
  out = static_cast<std::int64_t>(v);
  return true;
}

struct InetAddress {
  std::uint8_t family = 2;  // PGSQL_AF_INET; 3: PGSQL_AF_INET6
  std::uint8_t bits = 32;
  std::uint8_t size = 4;
  std::array<std::uint8_t, 16> bytes{};
};

// 10.0.0.1, 10.0.0.0/8, ::1, 2001:db8::/32
bool parse_inet(std::string_view text, InetAddress& out) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (inet_pton(AF_INET6, address.c_str(), out.bytes.data()) == 1) {
    out.family = 3;
    out.bits = 128;
    out.size = 16;
  } else if (inet_pton(AF_INET, address.c_str(), out.bytes.data()) != 1) {
    return false;
  }
  if (slash == std::string_view::npos) return true;
  const std::string_view width = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(width.data(), width.data() + width.size(), bits);
  if (error != std::errc{} || end != width.data() + width.size() || bits > out.bits) return false;
  out.bits = static_cast<std::uint8_t>(bits);
  return true;
}

Result<void> put_inet(std::string& out, const Value& value, const Type& type) {
  InetAddress address;
  if (!parse_inet(value.as_text(), address)) return misfit(value, type, kWrongKind);
  put<std::int32_t>(out, 4 + address.size);
  out += static_cast<char>(address.family);
  out += static_cast<char>(address.bits);
  out += '\0';  // inet, not cidr
  out += static_cast<char>(address.size);
  for (std::size_t i = 0; i < address.size; ++i) out += static_cast<char>(address.bytes[i]);
  return {};
}

// array_recv: dimensions, whether nulls occur, element type, then for the one dimension its size and lower bound, then the elements.
Result<void> put_array(std::string& out, std::span<const Value> items, const Type& element) {
  const std::size_t start = out.size();
  put<std::int32_t>(out, 0);  // the length, known at the end
  bool has_null = false;
  for (const Value& item : items) has_null = has_null || item.is_null() || item.is_absent();
  put<std::int32_t>(out, items.empty() ? 0 : 1);
  put<std::int32_t>(out, has_null ? 1 : 0);
  put<std::int32_t>(out, static_cast<std::int32_t>(type_oid(element)));
  if (!items.empty()) {
    put<std::int32_t>(out, static_cast<std::int32_t>(items.size()));
    put<std::int32_t>(out, 1);
    for (const Value& item : items) {
      if (auto ok = encode_field(out, item, element); !ok) return ok;
    }
  }
  const std::int32_t length = to_big_endian(static_cast<std::int32_t>(out.size() - start - 4));
  std::memcpy(out.data() + start, &length, sizeof length);
  return {};
}

Result<void> put_whole(std::string& out, const Value& value, const Type& type) {
  std::int64_t number = 0;
  if (!value.is(Kind::integer) && !value.is(Kind::decimal)) return misfit(value, type, kWrongKind);
  if (!whole(value, number)) return misfit(value, type, kOutOfRange);
  if (type.kind == TypeKind::bigint) {
    put<std::int32_t>(out, 8);
    put<std::int64_t>(out, number);
    return {};
  }
  if (number > std::numeric_limits<std::int32_t>::max() || number < std::numeric_limits<std::int32_t>::min()) {
    return misfit(value, type, kOutOfRange);
  }
  put<std::int32_t>(out, 4);
  put<std::int32_t>(out, static_cast<std::int32_t>(number));
  return {};
}

Kind expected_kind(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean: return Kind::boolean;
    case TypeKind::int32:
    case TypeKind::bigint: return Kind::integer;
    case TypeKind::numeric: return Kind::decimal;
    case TypeKind::floating: return Kind::floating;
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::enumeration:
    case TypeKind::inet: return Kind::text;
    case TypeKind::uuid: return Kind::uuid;
    case TypeKind::date: return Kind::date;
    case TypeKind::timestamptz: return Kind::timestamp;
    case TypeKind::interval: return Kind::interval;
    case TypeKind::json: return Kind::json;
    case TypeKind::bytes: return Kind::bytes;
    case TypeKind::list:
    case TypeKind::set: return Kind::list;
  }
  return Kind::absent;
}

// \u0000 with an odd number of backslashes before the u: jsonb can't hold it.
bool has_escaped_nul(std::string_view json) {
  for (std::size_t at = json.find("\\u0000"); at != std::string_view::npos; at = json.find("\\u0000", at + 1)) {
    std::size_t backslashes = 1;
    while (at >= backslashes && json[at - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 1) return true;
  }
  return false;
}

bool fits_precision(const Decimal& value, const Type& type) {
  if (type.precision == 0) return true;
  uint128 whole_part = value.unscaled < 0 ? ~static_cast<uint128>(value.unscaled) + 1 : static_cast<uint128>(value.unscaled);
  for (std::int32_t i = 0; i < value.scale; ++i) whole_part /= 10;
  std::int32_t digits = 0;
  for (; whole_part != 0; whole_part /= 10) ++digits;
  return digits <= type.precision - type.scale;
}

}  // namespace

bool encode_plain(std::string& out, const Value& value, const Type& type) {
  switch (value.kind()) {
    case Kind::null:
    case Kind::absent: put_null(out); return true;
    case Kind::text:
      if (type.kind != TypeKind::text && type.kind != TypeKind::keyword && type.kind != TypeKind::enumeration) return false;
      put_bytes(out, value.as_text());
      return true;
    case Kind::integer: {
      const std::int64_t number = value.as_int();
      if (type.kind == TypeKind::bigint) {
        put_field<std::int64_t>(out, number);
        return true;
      }
      if (type.kind != TypeKind::int32 || number != static_cast<std::int32_t>(number)) return false;
      put_field<std::int32_t>(out, static_cast<std::int32_t>(number));
      return true;
    }
    case Kind::timestamp:
      if (type.kind != TypeKind::timestamptz || value.as_int() < kMinTimestampUs) return false;
      put_field<std::int64_t>(out, value.as_int() - kPostgresEpochUs);
      return true;
    case Kind::boolean:
      if (type.kind != TypeKind::boolean) return false;
      put_field<std::uint8_t>(out, value.as_bool() ? 1 : 0);
      return true;
    default: return false;
  }
}

Result<void> encode_field(std::string& out, const Value& value, const Type& type) {
  if (encode_plain(out, value, type)) return {};
  if (type.kind == TypeKind::int32 || type.kind == TypeKind::bigint) return put_whole(out, value, type);
  if (type.kind == TypeKind::numeric && value.is(Kind::integer)) {
    put_numeric(out, value.as_int(), 0);
    return {};
  }
  if (value.kind() != expected_kind(type.kind)) return misfit(value, type, kWrongKind);
  switch (type.kind) {
    case TypeKind::boolean:
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::enumeration:
    case TypeKind::int32:
    case TypeKind::bigint: break;  // above
    case TypeKind::numeric: {
      const Decimal d = value.as_decimal();
      put_numeric(out, d.unscaled, d.scale);
      return {};
    }
    case TypeKind::floating:
      put<std::int32_t>(out, 8);
      put<std::uint64_t>(out, std::bit_cast<std::uint64_t>(value.as_double()));
      return {};
    case TypeKind::bytes: put_bytes(out, value.as_text()); return {};
    case TypeKind::uuid: {
      const Uuid uuid = value.as_uuid();
      put<std::int32_t>(out, 16);
      for (const std::uint8_t byte : uuid.bytes) out += static_cast<char>(byte);
      return {};
    }
    case TypeKind::date:
      if (value.as_int() < kMinDateDays || value.as_int() > kMaxDateDays) return misfit(value, type, kOutOfRange);
      put<std::int32_t>(out, 4);
      put<std::int32_t>(out, static_cast<std::int32_t>(value.as_int() - kPostgresEpochDays));
      return {};
    case TypeKind::timestamptz: return misfit(value, type, kOutOfRange);  // the others were plain
    case TypeKind::interval:  // microseconds, days, months: Foldline's intervals are plain lengths of time
      put<std::int32_t>(out, 16);
      put<std::int64_t>(out, value.as_int());
      put<std::int64_t>(out, 0);
      return {};
    case TypeKind::json:
      put<std::int32_t>(out, static_cast<std::int32_t>(value.as_text().size() + 1));
      out += '\1';  // the version of jsonb's binary format
      out.append(value.as_text());
      return {};
    case TypeKind::inet: return put_inet(out, value, type);
    case TypeKind::list:
    case TypeKind::set: return put_array(out, value.as_list(), *type.element);
  }
  return misfit(value, type, kWrongKind);
}

bool passes_plainly(const Value& value, const Type& type) {
  switch (value.kind()) {
    case Kind::null:
    case Kind::absent: return true;
    case Kind::text: {
      const std::string_view text = value.as_text();
      const bool holds_text = type.kind == TypeKind::text || type.kind == TypeKind::keyword || type.kind == TypeKind::enumeration;
      return holds_text && (text.empty() || std::memchr(text.data(), 0, text.size()) == nullptr);
    }
    case Kind::integer:
      return type.kind == TypeKind::bigint || (type.kind == TypeKind::int32 && value.as_int() == static_cast<std::int32_t>(value.as_int()));
    case Kind::timestamp: return type.kind == TypeKind::timestamptz && value.as_int() >= kMinTimestampUs;
    case Kind::boolean: return type.kind == TypeKind::boolean;
    default: return false;
  }
}

Result<void> check_value(const Value& value, const Type& type) {
  if (value.is_null() || value.is_absent()) return {};
  switch (type.kind) {
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::enumeration:
    case TypeKind::json:
      if (!value.is(Kind::text) && !value.is(Kind::json)) return misfit(value, type, kWrongKind);
      if (value.as_text().find('\0') != std::string_view::npos) {
        return fail(ErrorCode::store_rejected, fmt::format("a {} holds a NUL character, which PostgreSQL can't store", column_type(type)));
      }
      if (type.kind == TypeKind::json && has_escaped_nul(value.as_text())) {
        return fail(ErrorCode::store_rejected, "a JSON value holds \\u0000, which PostgreSQL's jsonb can't store");
      }
      return {};
    case TypeKind::numeric:
      if (value.is(Kind::integer) ? !fits_precision(Decimal::from_int(value.as_int()), type)
                                  : value.is(Kind::decimal) && !fits_precision(value.as_decimal(), type)) {
        return misfit(value, type, kOutOfRange);
      }
      return value.is(Kind::integer) || value.is(Kind::decimal) ? Result<void>{} : misfit(value, type, kWrongKind);
    case TypeKind::list:
    case TypeKind::set:
      if (!value.is(Kind::list)) return misfit(value, type, kWrongKind);
      for (const Value& item : value.as_list()) {
        if (auto ok = check_value(item, *type.element); !ok) return ok;
      }
      return {};
    case TypeKind::bytes: return value.is(Kind::bytes) ? Result<void>{} : misfit(value, type, kWrongKind);
    default: {  // cheap and short: let the encoder itself say
      static thread_local std::string scratch;
      scratch.clear();
      return encode_field(scratch, value, type);
    }
  }
}

}  // namespace foldline::postgres
