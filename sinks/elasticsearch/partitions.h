// What a sink knows of its partitions: checkpoints as they stand in the store, and chunks of processed IDs.
//
//   Partitions partitions(cluster, shared);
//   auto opened = partitions.take(request, histories);   // ownership
//   partitions.write_ids(batch);  ...  partitions.move(batch);
//
// Compare-and-set (G1): a checkpoint is written under the seq_no that this sink saw last, and what it saw is compared with owner,
// generation and next_offset; whoever writes it in between changes the seq_no, and the write is a 409. Chunks (G15): one document each,
// behind the alias `foldline-ids`, _id = the checkpoint's + ":" + first offset. Always written whole, from the sink's own memory of the
// committed tail: a repeated write is the same write. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sinks/elasticsearch/checkpoints.h"

namespace foldline::elasticsearch {

// A longer tail is not remembered: a chunk is sealed long before.
inline constexpr std::size_t kMaxTailBytes = 64 * 1024;
// Chunks of one page of the search that loads them, at most; they have 8 KiB or one batch's IDs.
inline constexpr int kChunksPerPage = 25;
inline constexpr int kOwnershipAttempts = 10;

// The same batch again later.
CommitResult retry(Error error);

class Partitions {
 public:
  Partitions(Cluster& cluster, const ProjectionId& id) : cluster_(cluster), id_(id) {}

  // Writes `owner` into every checkpoint, made where there is none; compares the recorded histories first (G26) and records `now`.
  Result<std::vector<OpenedPartition>> take(const OpenRequest& request, const Histories& now);
  // Writes an owner that nobody is into every checkpoint, whatever their histories: nobody's commit succeeds any more.
  Result<void> fence(std::span<const TopicPartition> partitions);
  // As they stand in the store.
  Result<std::vector<CheckpointDocument>> read(std::span<const TopicPartition> partitions);

  // The compare: nothing when every checkpoint is this batch's to move (or was moved by it already), else how the commit ends.
  std::optional<CommitResult> compare(const CommitBatch& batch);
  // The next compare() reads the checkpoints anew.
  void doubt(const CommitBatch& batch);
  // All moved by this very batch (G5).
  [[nodiscard]] bool all_moved(const CommitBatch& batch) const;
  std::optional<CommitResult> write_ids(const CommitBatch& batch);
  std::optional<CommitResult> move(const CommitBatch& batch);

  // The checkpoint as last seen; -1: not a partition of ours.
  [[nodiscard]] std::int64_t next_offset(const TopicPartition& topic_partition) const;
  [[nodiscard]] const Histories& histories() const { return histories_; }

 private:
  struct Chunk {
    std::int64_t last_offset = -1;
    std::int64_t seq_no = -1;  // -1: not known
    std::int64_t primary_term = 0;
  };
  struct Owned {
    CheckpointDocument document;
    bool in_doubt = false;                 // an answer was lost: read before comparing
    std::map<std::int64_t, Chunk> chunks;  // by first offset
    std::int64_t tail_first_offset = -1;   // of the committed tail; -1: none
    std::string tail;                      // its packed bytes
    Uuid tail_batch;                       // the batch that was added to it last
  };
  // One chunk on its way.
  struct ChunkWrite {
    const PartitionCommit* part = nullptr;
    Owned* owned = nullptr;
    std::int64_t first_offset = -1;
    std::string packed;
  };

  Result<void> take_all(std::span<const TopicPartition> partitions, const Uuid& owner, const Histories* now);
  Result<void> take_some(const Uuid& owner, const Histories* now, std::vector<TopicPartition>& left);
  Result<void> load_ids(const TopicPartition& topic_partition, std::int64_t window, Owned& owned, OpenedPartition& out);
  Result<std::optional<std::int64_t>> load_page(const std::string& query, Owned& owned, OpenedPartition& out);
  std::optional<CommitResult> look_again(const CommitBatch& batch);
  bool plan_chunk(const PartitionCommit& part, Owned& owned, std::vector<ChunkWrite>& writes) const;
  void add_chunk(BulkBody& body, const ChunkWrite& write) const;
  std::optional<CommitResult> settle_conflicts(const CommitBatch& batch, std::span<ChunkWrite*> conflicts);
  std::optional<CommitResult> drop_chunks(const CommitBatch& batch);
  [[nodiscard]] std::string chunk_id(const TopicPartition& topic_partition, std::int64_t first_offset) const;
  [[nodiscard]] static bool moved_by(const PartitionCommit& part, const CommitBatch& batch, const Owned& owned);
  void remember_moved(const PartitionCommit& part, Owned& owned) const;

  Cluster& cluster_;
  const ProjectionId& id_;
  std::map<TopicPartition, Owned> owned_;
  Histories histories_;
};

}  // namespace foldline::elasticsearch
