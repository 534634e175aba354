// The engine's LogReader over a lane's Kafka queue.
//
// Threads: as LogReader says; a mutex keeps poll() and start() apart, so that no record from before a start() is delivered after it:
// poll() delivers nothing while a start() runs.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/kafka/consumer.h"
#include "engine/log.h"

namespace foldline {

class KafkaLog final : public LogReader {
 public:
  static constexpr std::chrono::milliseconds kRequestTimeout{5'000};
  static constexpr std::chrono::milliseconds kGroupCommitInterval{1'000};

  explicit KafkaLog(std::unique_ptr<kafka::PartitionQueue> queue) : queue_(std::move(queue)) {}

  [[nodiscard]] kafka::PartitionQueue& queue() { return *queue_; }

  // The lane's partitions, in slot order; called on each assignment (with none: on a revoke). Blocks a poll() for its moment.
  void reset(std::vector<TopicPartition> partitions);

  void poll(std::size_t max_records, LogVisitor& visitor) override;
  Result<void> start(std::uint32_t slot, std::int64_t offset) override;
  Result<LogBounds> bounds(std::uint32_t slot) override;
  void ask_all_bounds() override;
  Result<std::int64_t> offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) override;
  void stop(std::uint32_t slot) override;
  std::int64_t known_end(std::uint32_t slot) override;
  Result<std::optional<std::int64_t>> committed_group_offset(std::uint32_t slot) override;
  void commit_group_offset(std::uint32_t slot, std::int64_t next_offset) override;
  // Sends what commit_group_offset() has collected; poll() does so once in kGroupCommitInterval. Before leaving the group.
  void flush_group_offsets();

  // Records that came for a partition that is not (or not yet) started; they are dropped.
  [[nodiscard]] std::uint64_t unstarted_records() const { return unstarted_.load(std::memory_order_relaxed); }

 private:
  class Adapter;
  Result<TopicPartition> partition_of(std::uint32_t slot);
  void send_group_offsets();

  std::unique_ptr<kafka::PartitionQueue> queue_;
  std::mutex mutex_;  // over everything below
  std::vector<TopicPartition> partitions_;
  std::vector<std::int64_t> started_at_;                // -1: not started
  std::vector<std::optional<LogBounds>> asked_bounds_;  // by ask_all_bounds(), until bounds() takes them
  std::vector<std::int64_t> group_offsets_;             // to be committed to the group; -1: nothing new
  std::chrono::steady_clock::time_point group_commit_at_{};
  std::atomic<std::uint64_t> unstarted_{0};
};

}  // namespace foldline
