// Which rows go straight into a view's table, without ON CONFLICT. Those whose keys are probably not there yet are copied; a wrong guess
// costs the attempt: the transaction is rolled back and the batch upserted. Those whose keys are probably all there are updated; a wrong
// guess costs the UPDATE: the rows are upserted after it (docs/decisions/0052).
//
//   StraightPolicy policy({});   if (policy.tries(Way::copy, view, signature) && !policy.is_recent(hash)) ...copy...
//   policy.succeeded(Way::copy, view, signature);   // or failed()
//
// Two things make the guess. A shape (shape.h) tells much: `placed` sets other fields than `shipped`. So each shape has a memory of how it
// went: every failure doubles the number of batches that it sits out, and only a row of successes takes one failure back. Within a shape,
// keys that this lane wrote lately are known. Both live in the worker's memory alone: a restart starts with hope, and pays at most one
// failure a shape. Nothing is ever decided wrongly by them. Not thread-safe: one lane's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/prefetch.h"

namespace foldline::postgres {

// A COPY has its own round trip and its check of the table: below so many rows of a shape it is not worth that.
inline constexpr std::size_t kMinStraightRows = 400;
// After the first failure a shape sits out so many batches; after each further one twice as many, up to the limit.
inline constexpr std::uint32_t kFirstPauseBatches = 4;
inline constexpr std::uint32_t kLongestPauseBatches = 512;
// So many successes in a row take back one failure: a shape that fails now and then does not come back at once (hysteresis).
inline constexpr std::uint32_t kForgivingSuccesses = 8;
// Shapes that are remembered, each for both ways; a view of more (patches) is upserted.
inline constexpr std::size_t kMaxTriedShapes = 256;

// A set of the hashes that were added lately. Bounded: 8 a bucket, the oldest of a bucket goes. May forget (costs a failure), and may
// mistake one for another (costs an upsert).
class RecentKeys {
 public:
  static constexpr std::size_t kBuckets = 1U << 17U;  // a million keys in 4 MiB
  static constexpr std::size_t kKeysPerBucket = 8;

  [[nodiscard]] bool contains(std::uint64_t hash) const;
  void prefetch(std::uint64_t hash) const {
    if (!buckets_.empty()) prefetch_read(&buckets_[hash % kBuckets]);
  }
  void add(std::uint64_t hash);

 private:
  using Bucket = std::array<std::uint32_t, kKeysPerBucket>;  // 0: empty
  std::vector<Bucket> buckets_;                              // made with the first key
};

struct StraightOptions {
  bool enabled = true;  // false: all rows are upserted
  std::size_t min_rows = kMinStraightRows;
  std::uint32_t longest_pause_batches = kLongestPauseBatches;
};

class StraightPolicy {
 public:
  enum class Way {
    copy,
    update,
  };
  explicit StraightPolicy(const StraightOptions& options) : options_(options) {}
  [[nodiscard]] std::size_t min_rows() const { return options_.min_rows; }

  // Whether to try it in this batch; ask once a batch, for a shape with enough rows.
  bool tries(Way way, std::uint32_t view, const std::string& signature);
  void succeeded(Way way, std::uint32_t view, const std::string& signature);
  void failed(Way way, std::uint32_t view, const std::string& signature);

  [[nodiscard]] bool is_recent(std::uint64_t key_hash) const { return recent_.contains(key_hash); }
  // A look at this key comes soon.
  void prefetch(std::uint64_t key_hash) const { recent_.prefetch(key_hash); }
  void remember(std::uint64_t key_hash) { recent_.add(key_hash); }

 private:
  struct Tried {
    std::uint32_t failures = 0;
    std::uint32_t successes = 0;  // since the last failure or forgiveness
    std::uint32_t pause_batches = 0;
  };
  using BothWays = std::array<Tried, 2>;

  Tried* tried(Way way, std::uint32_t view, const std::string& signature);

  StraightOptions options_;
  std::unordered_map<std::string, BothWays> tried_;  // by view and signature
  RecentKeys recent_;
};

}  // namespace foldline::postgres
