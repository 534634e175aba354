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

StraightPolicy::Tried* StraightPolicy::tried(Way way, std::uint32_t view, const std::string& signature) {
  const auto found = tried_.find(name_of(view, signature));
  return found == tried_.end() ? nullptr : &found->second[static_cast<std::size_t>(way)];
}

bool StraightPolicy::tries(Way way, std::uint32_t view, const std::string& signature) {
  Tried* found = tried(way, view, signature);
  if (found == nullptr) {
    if (tried_.size() >= kMaxTriedShapes) return false;
    found = &tried_.emplace(name_of(view, signature), BothWays{}).first->second[static_cast<std::size_t>(way)];
  }
  if (found->pause_batches == 0) return true;
  --found->pause_batches;
  return false;
}

void StraightPolicy::succeeded(Way way, std::uint32_t view, const std::string& signature) {
  Tried* found = tried(way, view, signature);
  if (found == nullptr || found->failures == 0) return;
  if (++found->successes < kForgivingSuccesses) return;
  found->successes = 0;
  --found->failures;
}

void StraightPolicy::failed(Way way, std::uint32_t view, const std::string& signature) {
  Tried* found = tried(way, view, signature);
  if (found == nullptr) return;
  std::uint32_t pause = kFirstPauseBatches;
  for (std::uint32_t i = 0; i < found->failures; ++i) pause *= 2;
  found->pause_batches = std::min(pause, options_.longest_pause_batches);
  if (pause < kLongestPauseBatches) ++found->failures;
  found->successes = 0;
}

}  // namespace foldline::postgres
