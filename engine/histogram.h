// A distribution with fixed buckets, counted by one thread and read by any; exported as a Prometheus histogram.
//
//   Histogram commit{kDurationBucketsUs};
//   commit.observe(1'500);                                   // microseconds, or whatever the buckets are in
//
// Relaxed atomics: a reader may see a value in its bucket and not yet in the sum.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace foldline {

inline constexpr std::size_t kMaxHistogramBuckets = 24;

// Upper bounds, inclusive; a last bucket without a bound follows.
inline constexpr std::array<std::uint64_t, 15> kDurationBucketsUs = {
    100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 100'000, 250'000, 1'000'000, 5'000'000, 10'000'000, 30'000'000, 120'000'000};
inline constexpr std::array<std::uint64_t, 16> kLatencyBucketsUs = {1'000,      2'500,      5'000,       10'000,       25'000,    50'000,
                                                                    100'000,    250'000,    500'000,     1'000'000,    2'500'000, 5'000'000,
                                                                    10'000'000, 60'000'000, 600'000'000, 3'600'000'000};
inline constexpr std::array<std::uint64_t, 12> kBatchBuckets = {0, 1, 5, 10, 50, 100, 500, 1'000, 2'500, 5'000, 10'000, 20'000};

// The same, for one thread alone: filled without atomics, then added to a Histogram of the same buckets.
struct HistogramCounts {
  std::array<std::uint64_t, kMaxHistogramBuckets + 1> counts{};
  std::uint64_t sum = 0;

  void observe(std::span<const std::uint64_t> bounds, std::uint64_t value) {
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
    ++counts[static_cast<std::size_t>(bucket)];
    sum += value;
  }
};

class Histogram {
 public:
  explicit Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds.first(std::min(bounds.size(), kMaxHistogramBuckets))) {}

  void observe(std::uint64_t value) {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  void add(const HistogramCounts& more) {
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
      if (more.counts[i] > 0) counts_[i].fetch_add(more.counts[i], std::memory_order_relaxed);
    }
    sum_.fetch_add(more.sum, std::memory_order_relaxed);
  }

  [[nodiscard]] std::span<const std::uint64_t> bounds() const { return bounds_; }
  [[nodiscard]] std::uint64_t in_bucket(std::size_t index) const { return counts_[index].load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) out += in_bucket(i);
    return out;
  }

 private:
  std::span<const std::uint64_t> bounds_;
  std::array<std::atomic<std::uint64_t>, kMaxHistogramBuckets + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace foldline
