// The sink of a Redis Cluster: atomic per bucket (G4, G23; docs/decisions/0063-redis-cluster.md). See sinks/sink.h for the contract.
//
//   ClusterSink sink(shared);
//   auto opened = sink.open({partitions, owner});   CommitResult r = sink.commit(batch);
//
// A bucket is what a Redis that stands alone is to RedisSink: rows and a checkpoint for each partition, moved by the same script. What the
// buckets of a batch have in common:
//
//   - IDs stand in bucket 0 only. It is in every commit and comes first, so that the letters that the store caused are known to whoever
//     finds another bucket ahead (G28). A partition's very first commit reaches all buckets, bucket 0 last: a checkpoint in bucket 0 means
//     that there was one in every other.
//   - Before anything is written, every bucket with rows is asked whether something is against it: an event changes all or none (G28).
//   - A bucket without rows stays where it is until, once a second, all are brought up (G23), by a commit or by reload(). What was
//   committed
//     meanwhile held nothing for it, so it counts as if it stood where the lane does.
//   - A bucket that is ahead of the lane (an earlier commit reached it and not all others) stays there; the engine folds nothing for it
//     that it has.
//
// Threads: one at a time, but for check() and domain_of().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sinks/redis/bucket_commit.h"
#include "sinks/redis/checkpoints.h"
#include "sinks/redis/cluster.h"
#include "sinks/sink.h"

namespace foldline::redis {

inline constexpr std::chrono::seconds kBarrierInterval{1};
// Of a batch over all buckets. In the worst case all rows are one bucket's, and its script takes some 10 ms (G21).
inline constexpr std::size_t kMaxClusterBatchRows = 4'000;

// What all sinks of a store share; immutable.
struct ClusterShared {
  ProjectionId id;
  std::uint32_t buckets = kDefaultBuckets;
  std::vector<SystemKeys> keys;      // by bucket
  std::vector<std::uint32_t> slots;  // by bucket
  std::vector<ViewLayout> layouts;   // by view
  Address address;
  Timeouts timeouts;
};

// HMGET of a partition's checkpoint.
void add_checkpoint_read(Request& out, const SystemKeys& keys, const TopicPartition& partition);

class ClusterSink final : public Sink {
 public:
  explicit ClusterSink(std::shared_ptr<const ClusterShared> store);

  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  [[nodiscard]] Result<void> check(const ViewSchema& view, const Change& change) const override;
  [[nodiscard]] std::uint32_t domain_of(std::uint32_t view, const Value* key, std::uint64_t key_hash) const override;

 private:
  // Of a partition that this sink has opened.
  struct Kept {
    std::vector<StoredState> buckets;  // as they stand in the cluster
    bool started = false;              // the lane's first commit is done, or was found done
    Checkpoint lane;                   // what the lane has committed
  };

  // cluster_sink.cpp
  Result<std::vector<std::vector<StoredState>>> read_checkpoints(std::span<const TopicPartition> partitions);
  Result<OpenedPartition> describe(const TopicPartition& partition, const std::vector<StoredState>& buckets) const;
  Result<void> load_ids(const OpenRequest& request, std::vector<OpenedPartition>& opened);
  Result<void> bring_up();

  // cluster_commit.cpp
  Result<void> plan(const CommitBatch& batch);
  [[nodiscard]] PartitionCommit part_of(const PartitionCommit& part, const Kept& kept, std::uint32_t bucket) const;
  std::optional<CommitResult> read_rows();
  std::optional<CommitResult> ask_all();
  std::optional<CommitResult> write_all(bool starts);
  std::optional<CommitResult> write(std::span<BucketCommit* const> buckets);
  Result<std::vector<ClusterAnswer>> run(std::span<BucketCommit* const> buckets, std::size_t script);
  void applied(BucketCommit& bucket);
  [[nodiscard]] CommitResult settled(CommitResult result) const;

  std::shared_ptr<const ClusterShared> store_;
  Cluster cluster_;
  Uuid owner_;
  std::map<TopicPartition, Kept> kept_;
  std::chrono::steady_clock::time_point barrier_at_{};
  RowEncoder encoder_;
  std::vector<std::unique_ptr<BucketCommit>> buckets_;  // by bucket, made when first needed; their buffers serve batch after batch
  std::vector<BucketCommit*> planned_;                  // of this batch, bucket 0 among them
};

}  // namespace foldline::redis
