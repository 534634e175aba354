#include "common/value.h"

#include <fmt/format.h>
#include <bit>

#include "common/arena.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/time.h"

namespace foldline {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::absent: return "nothing";
    case Kind::null: return "null";
    case Kind::boolean: return "bool";
    case Kind::integer: return "integer";
    case Kind::decimal: return "decimal";
    case Kind::floating: return "double";
    case Kind::text: return "text";
    case Kind::bytes: return "bytes";
    case Kind::timestamp: return "timestamp";
    case Kind::date: return "date";
    case Kind::interval: return "interval";
    case Kind::uuid: return "uuid";
    case Kind::json: return "json";
    case Kind::list: return "list";
    case Kind::map: return "map";
  }
  return "unknown";
}

namespace {

bool equal_maps(std::span<const MapEntry> a, std::span<const MapEntry> b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    // The same producer writes the same order: look at the same place first.
    if (a[i].key == b[i].key && equal(a[i].value, b[i].value)) continue;
    bool found = false;
    for (const MapEntry& other : b) found = found || (other.key == a[i].key && equal(other.value, a[i].value));
    if (!found) return false;
  }
  return true;
}

// Finalizer of SplitMix64 (Steele, Lea, Flood 2014): each bit of the input moves half of the output's.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint64_t seed_of(Kind kind, std::uint64_t seed) { return mix(seed ^ (static_cast<std::uint64_t>(kind) << 56)); }

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::absent:
    case Kind::null: return true;
    case Kind::boolean:
    case Kind::integer:
    case Kind::timestamp:
    case Kind::date:
    case Kind::interval: return a.as_int() == b.as_int();
    case Kind::decimal: return compare(a.as_decimal(), b.as_decimal()) == 0;
    case Kind::floating: {  // NaN equals itself here, so that a key can be found again
      const double x = a.as_double();
      const double y = b.as_double();
      return !(x < y) && !(x > y) && (x == x) == (y == y);
    }
    case Kind::text:
    case Kind::bytes:
    case Kind::json: return a.as_text() == b.as_text();
    case Kind::uuid: return a.as_uuid() == b.as_uuid();
    case Kind::list: {
      const auto x = a.as_list();
      const auto y = b.as_list();
      if (x.size() != y.size()) return false;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (!equal(x[i], y[i])) return false;
      }
      return true;
    }
    case Kind::map: return equal_maps(a.as_map(), b.as_map());
  }
  return false;
}

std::uint64_t hash(const Value& v, std::uint64_t seed) {
  seed = seed_of(v.kind(), seed);
  switch (v.kind()) {
    case Kind::absent:
    case Kind::null: return seed;
    case Kind::boolean:
    case Kind::integer:
    case Kind::timestamp:
    case Kind::date:
    case Kind::interval: return mix(seed ^ static_cast<std::uint64_t>(v.as_int()));
    case Kind::decimal: {
      const Decimal d = v.as_decimal().normalized();
      const auto low = static_cast<std::uint64_t>(d.unscaled);
      const auto high = static_cast<std::uint64_t>(d.unscaled >> 64);
      return mix(mix(seed ^ low) ^ mix(high) ^ static_cast<std::uint64_t>(d.scale));
    }
    case Kind::floating: {
      const double d = v.as_double();
      if (!(d < 0) && !(d > 0)) return mix(seed ^ (d == d ? 0U : 1U));  // 0.0 and -0.0 are equal, and so are all NaNs
      return mix(seed ^ std::bit_cast<std::uint64_t>(d));
    }
    case Kind::text:
    case Kind::bytes:
    case Kind::json: return hash64(v.as_text(), seed);
    case Kind::uuid: {
      const Uuid u = v.as_uuid();
      return hash64({reinterpret_cast<const char*>(u.bytes.data()), u.bytes.size()}, seed);
    }
    case Kind::list: {
      for (const Value& item : v.as_list()) seed = hash(item, seed);
      return mix(seed ^ v.as_list().size());
    }
    case Kind::map: {  // a sum: the order of keys does not count
      std::uint64_t sum = 0;
      for (const MapEntry& entry : v.as_map()) sum += hash(entry.value, hash64(entry.key, seed));
      return mix(seed ^ sum);
    }
  }
  return seed;
}

std::uint64_t hash_key(std::span<const Value> parts) {
  std::uint64_t out = 0;
  for (const Value& part : parts) out = hash(part, out);
  return out;
}

namespace {

// Cut between characters: never inside a UTF-8 sequence.
std::string cut(std::string text, std::size_t max_chars) {
  if (text.size() <= max_chars) return text;
  std::size_t at = max_chars;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  text.resize(at);
  return text + "...";
}

}  // namespace

std::string describe(const Value& v, std::size_t max_chars) {
  switch (v.kind()) {
    case Kind::absent: return "nothing";
    case Kind::timestamp: return format_timestamp(v.as_int());
    case Kind::date: return format_date(v.as_int());
    case Kind::interval: return format_interval(v.as_int());
    case Kind::uuid: return v.as_uuid().to_string();
    case Kind::bytes: return fmt::format("{} bytes", v.as_text().size());
    case Kind::json: return cut(std::string(v.as_text().substr(0, max_chars + 4)), max_chars);
    case Kind::text: {
      std::string out;  // only what will be shown is escaped
      append_json(out, Value::text(v.as_text().substr(0, max_chars + 4)));
      if (out.size() <= max_chars + 2 && v.as_text().size() <= max_chars) return out;
      return cut(out.substr(0, out.size() - 1), max_chars) + '"';
    }
    default: {
      std::string out;
      append_json(out, v);
      return cut(std::move(out), max_chars);
    }
  }
}

Value deep_copy(const Value& v, Arena& arena) {
  switch (v.kind()) {
    case Kind::text: return Value::text(arena.copy(v.as_text()));
    case Kind::bytes: return Value::bytes(arena.copy(v.as_text()));
    case Kind::json: return Value::json(arena.copy(v.as_text()));
    case Kind::list: {
      const auto from = v.as_list();
      auto* to = arena.array<Value>(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) to[i] = deep_copy(from[i], arena);
      return Value::list({to, from.size()});
    }
    case Kind::map: {
      const auto from = v.as_map();
      auto* to = arena.array<MapEntry>(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) to[i] = {arena.copy(from[i].key), deep_copy(from[i].value, arena)};
      return Value::map({to, from.size()});
    }
    default: return v;
  }
}

}  // namespace foldline
