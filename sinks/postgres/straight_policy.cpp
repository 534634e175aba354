#include "sinks/postgres/straight_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace foldline::postgres {

namespace {

std::string name_of(std::uint32_t view, const std::string& signature) { return fmt::format("{} ", view) + signature; }

std::uint32_t fingerprint(std::uint64_t hash) { return std::max(static_cast<std::uint32_t>(hash >> 32U), 1U); }

}  // namespace

bool RecentKeys::contains(std::uint64_t hash) const {
  if (buckets_.empty()) return false;
  const Bucket& bucket = buckets_[hash % kBuckets];
  return std::find(bucket.begin(), bucket.end(), fingerprint(hash)) != bucket.end();
}

void RecentKeys::add(std::uint64_t hash) {
  if (buckets_.empty()) buckets_.resize(kBuckets, Bucket{});
  Bucket& bucket = buckets_[hash % kBuckets];
  // To the front, as the youngest: what stands before its old place moves back, or the oldest falls out.
  auto place = std::find(bucket.begin(), bucket.end(), fingerprint(hash));
  if (place == bucket.end()) --place;
  std::move_backward(bucket.begin(), place, place + 1);
  bucket.front() = fingerprint(hash);
}

bool StraightPolicy::tries(std::uint32_t view, const std::string& signature) {
  const std::string name = name_of(view, signature);
  auto found = tried_.find(name);
  if (found == tried_.end()) {
    if (tried_.size() >= kMaxTriedShapes) return false;
    found = tried_.emplace(name, Tried{}).first;
  }
  if (found->second.pause_batches == 0) return true;
  --found->second.pause_batches;
  return false;
}

void StraightPolicy::succeeded(std::uint32_t view, const std::string& signature) {
  const auto found = tried_.find(name_of(view, signature));
  if (found == tried_.end() || found->second.failures == 0) return;
  if (++found->second.successes < kForgivingSuccesses) return;
  found->second.successes = 0;
  --found->second.failures;
}

void StraightPolicy::failed(std::uint32_t view, const std::string& signature) {
  const auto found = tried_.find(name_of(view, signature));
  if (found == tried_.end()) return;
  Tried& tried = found->second;
  std::uint32_t pause = kFirstPauseBatches;
  for (std::uint32_t i = 0; i < tried.failures; ++i) pause *= 2;
  tried.pause_batches = std::min(pause, options_.longest_pause_batches);
  if (pause < kLongestPauseBatches) ++tried.failures;
  tried.successes = 0;
}

}  // namespace foldline::postgres
