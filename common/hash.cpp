#include "common/hash.h"

#include <xxhash.h>

namespace foldline {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

Hash128 hash128(std::string_view bytes, std::uint64_t seed) {
  const XXH128_hash_t h = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {h.high64, h.low64};
}

Hash128 hash_event_id(std::string_view source, std::string_view id) {
  // The source's hash seeds the ID's: ("a", "bc") and ("ab", "c") differ, and no source costs nothing.
  return hash128(id, source.empty() ? 0 : hash64(source, source.size()));
}

}  // namespace foldline
