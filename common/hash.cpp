#include "common/hash.h"

#include <xxhash.h>

#include "common/same_text.h"

namespace foldline {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

Hash128 hash128(std::string_view bytes, std::uint64_t seed) {
  const XXH128_hash_t h = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {h.high64, h.low64};
}

namespace {

// The source's hash seeds the ID's: ("a", "bc") and ("ab", "c") differ, and no source costs nothing.
std::uint64_t seed_of(std::string_view source) { return source.empty() ? 0 : hash64(source, source.size()); }

}  // namespace

Hash128 hash_event_id(std::string_view source, std::string_view id) { return hash128(id, seed_of(source)); }

Hash128 EventIdHash::operator()(std::string_view source, std::string_view id) {
  if (!same_text(source, source_)) {
    source_ = source;
    seed_ = seed_of(source);
  }
  return hash128(id, seed_);
}

}  // namespace foldline
