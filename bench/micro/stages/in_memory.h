// A log, a store and an executor that cost nothing, so that what is measured is the engine: records that lie in memory, a sink that takes
// every batch and keeps nothing, and jobs that run at once on the caller's thread.
//
//   MemoryTopic topic(200'000, 8, MemoryTopic::Workload::new_orders);
//   MemoryLog log(topic);   NullSink sink;   InlineExecutor executor;
//
// For benchmarks alone. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/record.h"
#include "engine/executor.h"
#include "engine/lane.h"
#include "engine/log.h"
#include "sinks/sink.h"

namespace foldline::bench {

inline constexpr std::size_t kEvents = 200'000;  // of a topic: more than fits the caches, as a worker meets them
inline constexpr int kPartitions = 8;
// A store that answers at once gets what one poll brought.
inline const std::size_t kSmallBatchRecords = LaneOptions{}.max_poll_records;

// Order events of bench/orders, as they lie in a client's buffers: one behind the other, the partitions by turns.
class MemoryTopic {
 public:
  enum class Workload {
    new_orders,
    shipped,    // every order is placed and shipped: two events a row
    customers,  // as new_orders, of 1,000 customers at random
  };
  MemoryTopic(std::size_t events, int partitions, Workload workload);
  MemoryTopic(const MemoryTopic&) = delete;
  MemoryTopic& operator=(const MemoryTopic&) = delete;

  // The next record of an endless topic: the orders come again and again, at offsets that rise on, in events with new IDs. Valid until the
  // same order comes again.
  const Record& next();

  [[nodiscard]] const std::vector<TopicPartition>& partitions() const { return partitions_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  void give_new_id(std::size_t index);

  std::string bytes_;
  std::string keys_;
  std::vector<TopicPartition> partitions_;
  std::vector<Record> records_;
  std::vector<std::size_t> id_places_;  // in bytes_
  std::vector<std::int64_t> next_offsets_;
  std::size_t at_ = 0;
  std::uint64_t turn_ = 0;
};

class MemoryLog final : public LogReader {
 public:
  explicit MemoryLog(MemoryTopic& topic) : topic_(topic) {}
  // So many records are there to be read now.
  void add(std::size_t records) { left_ += records; }
  void poll(std::size_t max_records, LogVisitor& visitor) override;
  Result<void> start(std::uint32_t slot, std::int64_t offset) override;
  Result<LogBounds> bounds(std::uint32_t slot) override;
  Result<std::int64_t> offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) override;
  void commit_group_offset(std::uint32_t /*slot*/, std::int64_t /*next_offset*/) override {}

 private:
  MemoryTopic& topic_;
  std::size_t left_ = 0;
};

class NullSink final : public Sink {
 public:
  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  [[nodiscard]] Result<void> check(const ViewSchema& view, const Change& change) const override;

  std::uint64_t rows = 0;

 private:
  std::vector<OpenedPartition> stored_;
};

class InlineExecutor final : public Executor {
 public:
  void submit(std::function<void()> job) override { job(); }
};

}  // namespace foldline::bench
