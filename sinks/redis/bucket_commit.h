// One bucket's share of a batch, as a batch of its own: what the commit script of a Redis that stands alone is given (encode.h).
//
//   BucketCommit share(bucket);   share.begin(batch);   share.partitions.push_back(...);   share.add_row(view, row);
//   share.encode(layouts, keys, encoder);
//
// Not thread-safe; points into the batch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sinks/redis/compared_rows.h"
#include "sinks/redis/encode.h"
#include "sinks/sink.h"

namespace foldline::redis {

class BucketCommit {
 public:
  explicit BucketCommit(std::uint32_t number) : bucket(number) {}

  void begin(const CommitBatch& batch);
  void add_row(std::uint32_t view, FoldedRow* row);
  // All that does not depend on what is stored. Errors as RowEncoder's.
  Result<void> encode(const std::vector<ViewLayout>& layouts, const SystemKeys& keys, RowEncoder& encoder);
  // The rows that must be read, then a checkpoint for each partition.
  void add_reads(const SystemKeys& keys, Request& out) const;
  // From the replies to those. Nothing: the script can be run; else how the commit ends for this bucket, `committed` if it was applied.
  std::optional<CommitResult> take_reads(std::span<const Reply> replies, const SystemKeys& keys);
  // Where nothing is read.
  void skip_reads();
  void add_script(std::string_view sha1, const SystemKeys& keys, Request& out) const;

  [[nodiscard]] bool has_rows() const { return !rows_.empty(); }
  [[nodiscard]] bool reads() const { return !compared_.empty(); }

  std::uint32_t bucket = 0;
  std::vector<PartitionCommit> partitions;
  CommitBatch batch;
  bool done = false;

 private:
  struct Rows {
    std::uint32_t view = 0;
    std::vector<FoldedRow*> rows;
  };
  std::vector<Rows> rows_;
  std::vector<ViewRows> views_;
  ScriptInput native_;  // what does not depend on what is stored
  ScriptInput input_;
  ComparedRows compared_;
};

}  // namespace foldline::redis
