// The sink for OpenSearch 2 and Elasticsearch 7 and 8: see sinks/sink.h for the contract, docs/search.md for what people see.
//
//   auto opened = sink.open({partitions, owner});   CommitResult r = sink.commit(batch);
//
// A search store has no transactions, so a commit is a series of writes, each of which may be the last before a crash (G24):
//
//   compare    in memory                      | nothing is written
//   IDs        chunks of processed IDs (G15)  | entries past the checkpoint, which nobody counts
//   documents  the views' rows, in no order   | some include the batch; their watermarks say so, and whoever reads the events again leaves
//              (row_writer.h)                 | them alone
//   checkpoint one document a partition       | those that moved are done; the others' events are read again, see above
//
// The documents are encoded while the IDs are on their way, and go when those stand.
// Each step writes under if_seq_no or creates, so a repeated or stale step changes nothing. There is no other state.
// One thread at a time, but for check().
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "sinks/elasticsearch/partitions.h"
#include "sinks/elasticsearch/row_writer.h"
#include "sinks/elasticsearch/tombstones.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

inline constexpr std::size_t kCacheBytes = 64U << 20U;  // of all sinks of a store together

// What all sinks of a store share; immutable but for their number.
struct StoreShared {
  ProjectionId id;        // generation 0 until prepare() has found the live one
  bool building = false;  // the generation is in the making
  std::vector<ViewSchema> views;
  std::vector<ViewLayout> layouts;  // by view
  HttpOptions http;
  BulkLimits limits;
  TombstoneLimits tombstones;
  std::size_t cache_bytes = kCacheBytes;
  std::shared_ptr<std::atomic<std::uint32_t>> requests_under_way;  // of all sinks
  mutable std::atomic<std::size_t> sinks{0};                       // how many share the cache's bytes
  std::vector<std::string> indices() const;                        // whose histories count
};

class ElasticsearchSink final : public Sink {
 public:
  explicit ElasticsearchSink(std::shared_ptr<const StoreShared> store);
  ~ElasticsearchSink() override { --store_->sinks; }
  ElasticsearchSink(const ElasticsearchSink&) = delete;
  ElasticsearchSink& operator=(const ElasticsearchSink&) = delete;

  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  // Compares the shards' histories too (G26).
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  [[nodiscard]] Result<void> check(const ViewSchema& view, const Change& change) const override;

  [[nodiscard]] const RowWriter& rows() const { return rows_; }

 private:
  CommitResult commit_steps(const CommitBatch& batch);

  std::shared_ptr<const StoreShared> store_;
  Cluster cluster_;
  Partitions partitions_;
  RowWriter rows_;
  TombstonePurge purge_;
};

}  // namespace foldline::elasticsearch
