// Value: one JSON-like or typed value, 24 bytes, trivially copyable, owning nothing.
//
//   Value v = Value::text(arena.copy("EUR"));
//   if (v.is(Kind::text)) use(v.as_text());
//
// Text, bytes, JSON, lists and maps point into a batch's Arena (or into static storage) and live as long as it does.
// `absent` is a path that was not there; `null` is one that held null: the language tells them apart (language.md rule 5).
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/decimal.h"
#include "common/uuid.h"

namespace foldline {

enum class Kind : std::uint8_t {
  absent,  // nothing there (also CEL's optional.none())
  null,
  boolean,
  integer,   // 64 bits
  decimal,   // Decimal
  floating,  // double
  text,      // UTF-8
  bytes,
  timestamp,  // microseconds since 1970, UTC
  date,       // days since 1970
  interval,   // microseconds
  uuid,
  json,  // the text of a JSON object or array that nobody needed to take apart
  list,
  map,
};

std::string_view to_string(Kind kind);

struct MapEntry;

class Value {
 public:
  constexpr Value() : kind_(Kind::absent), scale_(0), size_(0), payload_{} {}

  static Value absent() { return {}; }
  static Value null() { return of(Kind::null); }
  static Value boolean(bool v) { return with_int(Kind::boolean, v ? 1 : 0); }
  static Value integer(std::int64_t v) { return with_int(Kind::integer, v); }
  static Value timestamp(std::int64_t micros_since_1970) { return with_int(Kind::timestamp, micros_since_1970); }
  static Value date(std::int64_t days_since_1970) { return with_int(Kind::date, days_since_1970); }
  static Value interval(std::int64_t micros) { return with_int(Kind::interval, micros); }
  static Value floating(double v) {
    Value out = of(Kind::floating);
    std::memcpy(out.payload_, &v, sizeof v);
    return out;
  }
  static Value decimal(const Decimal& v) {
    Value out = of(Kind::decimal);
    out.scale_ = static_cast<std::uint8_t>(v.scale);
    std::memcpy(out.payload_, &v.unscaled, sizeof v.unscaled);
    return out;
  }
  static Value uuid(const Uuid& v) {
    Value out = of(Kind::uuid);
    std::memcpy(out.payload_, v.bytes.data(), v.bytes.size());
    return out;
  }
  static Value text(std::string_view v) { return with_view(Kind::text, v.data(), v.size()); }
  static Value bytes(std::string_view v) { return with_view(Kind::bytes, v.data(), v.size()); }
  static Value json(std::string_view v) { return with_view(Kind::json, v.data(), v.size()); }
  // The reader has counted its elements (or members) on the way.
  static Value json(std::string_view v, std::uint32_t elements) {
    Value out = json(v);
    out.payload_[1] = std::uint64_t{elements} + 1;
    return out;
  }
  static Value list(std::span<const Value> v) { return with_view(Kind::list, v.data(), v.size()); }
  static Value map(std::span<const MapEntry> v);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }
  [[nodiscard]] bool is_absent() const { return kind_ == Kind::absent; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }

  // Each accessor asks for the kind it names; the caller has checked.
  [[nodiscard]] bool as_bool() const { return as_int() != 0; }
  [[nodiscard]] std::int64_t as_int() const {  // integer, timestamp, date, interval, boolean
    std::int64_t v;
    std::memcpy(&v, payload_, sizeof v);
    return v;
  }
  [[nodiscard]] double as_double() const {
    double v;
    std::memcpy(&v, payload_, sizeof v);
    return v;
  }
  [[nodiscard]] Decimal as_decimal() const {  // decimal only
    Decimal v;
    std::memcpy(&v.unscaled, payload_, sizeof v.unscaled);
    v.scale = scale_;
    return v;
  }
  [[nodiscard]] Uuid as_uuid() const {
    Uuid v;
    std::memcpy(v.bytes.data(), payload_, v.bytes.size());
    return v;
  }
  [[nodiscard]] std::string_view as_text() const { return {static_cast<const char*>(pointer()), size_}; }  // text, bytes, json
  [[nodiscard]] std::optional<std::size_t> json_elements() const {  // json only; nullopt: nobody has counted them
    return payload_[1] == 0 ? std::nullopt : std::optional<std::size_t>(payload_[1] - 1);
  }
  [[nodiscard]] std::span<const Value> as_list() const { return {static_cast<const Value*>(pointer()), size_}; }
  [[nodiscard]] std::span<const MapEntry> as_map() const;

 private:
  static Value of(Kind kind) {
    Value out;
    out.kind_ = kind;
    return out;
  }
  static Value with_int(Kind kind, std::int64_t v) {
    Value out = of(kind);
    std::memcpy(out.payload_, &v, sizeof v);
    return out;
  }
  static Value with_view(Kind kind, const void* data, std::size_t size) {
    Value out = of(kind);
    out.size_ = static_cast<std::uint32_t>(size);
    std::memcpy(out.payload_, &data, sizeof data);
    return out;
  }
  [[nodiscard]] const void* pointer() const {
    const void* p;
    std::memcpy(&p, payload_, sizeof p);
    return p;
  }

  Kind kind_;
  std::uint8_t scale_;
  std::uint32_t size_;
  std::uint64_t payload_[2];
};

struct MapEntry {
  std::string_view key;
  Value value;
};

inline Value Value::map(std::span<const MapEntry> v) { return with_view(Kind::map, v.data(), v.size()); }
inline std::span<const MapEntry> Value::as_map() const { return {static_cast<const MapEntry*>(pointer()), size_}; }

static_assert(sizeof(Value) == 24 && std::is_trivially_copyable_v<Value>);

// Same kind and same content (decimals numerically: 1.0 equals 1.00). For keys and tests; absent equals absent.
bool equal(const Value& a, const Value& b);
// 64-bit hash that agrees with equal().
std::uint64_t hash(const Value& v, std::uint64_t seed = 0);
std::uint64_t hash_key(std::span<const Value> parts);
// For people: logs, letters, errors. Long text is cut at `max_chars`.
std::string describe(const Value& v, std::size_t max_chars = 80);

class Arena;
// A copy whose text, lists and maps live in `arena`.
Value deep_copy(const Value& v, Arena& arena);

}  // namespace foldline
