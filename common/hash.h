// 128-bit hashes of event IDs (G15): XXH3, canonical byte order, so that stored chunks are read by any machine.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace foldline {

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0);
// (source, id) identifies an event (G14); the pair can't be confused with another split of the same bytes.
Hash128 hash_event_id(std::string_view source, std::string_view id);

// The same for many events in turn: the last source's own hash is kept, for most events have it. Not thread-safe.
class EventIdHash {
 public:
  Hash128 operator()(std::string_view source, std::string_view id);

 private:
  std::string source_;
  std::uint64_t seed_ = 0;  // of no source
};

}  // namespace foldline
