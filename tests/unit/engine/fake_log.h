// A broker in memory and a LogReader on it, with the faults that logs have.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/log.h"

namespace foldline::testing {

struct FakeRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp_us = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

struct FakePartition {
  std::vector<FakeRecord> records;  // by offset
  std::int64_t low = 0;
  std::int64_t high = 0;
};

class FakeBroker {
 public:
  // Answers the record's offset.
  std::int64_t append(const TopicPartition& partition, std::optional<std::string> value, std::int64_t timestamp_us = 1'000'000);
  std::int64_t append(const TopicPartition& partition, FakeRecord record);    // its offset is given
  void control_records(const TopicPartition& partition, std::int64_t count);  // offsets without a record
  void remove_below(const TopicPartition& partition, std::int64_t low);       // retention
  void compact_away(const TopicPartition& partition, std::int64_t offset);
  void recreate(const TopicPartition& partition);
  void truncate(const TopicPartition& partition, std::int64_t high);
  [[nodiscard]] std::int64_t high(const TopicPartition& partition) const;
  [[nodiscard]] FakePartition partition(const TopicPartition& partition) const;

 private:
  friend class FakeLog;
  mutable std::mutex mutex_;
  std::map<TopicPartition, FakePartition> partitions_;
};

class FakeLog final : public LogReader {
 public:
  FakeLog(FakeBroker& broker, std::vector<TopicPartition> slots) : broker_(broker), slots_(slots.size()) {
    for (std::size_t i = 0; i < slots.size(); ++i) slots_[i].partition = std::move(slots[i]);
  }

  void poll(std::size_t max_records, LogVisitor& visitor) override;
  Result<void> start(std::uint32_t slot, std::int64_t offset) override;
  Result<LogBounds> bounds(std::uint32_t slot) override;
  Result<std::int64_t> offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) override;
  void stop(std::uint32_t slot) override;
  std::int64_t known_end(std::uint32_t slot) override;
  Result<std::optional<std::int64_t>> committed_group_offset(std::uint32_t /*slot*/) override { return committed_offset; }
  void commit_group_offset(std::uint32_t slot, std::int64_t next_offset) override;

  std::int64_t group_offset(std::uint32_t slot) const { return slots_[slot].group_offset; }
  bool started(std::uint32_t slot) const { return slots_[slot].position >= 0; }
  std::int64_t position(std::uint32_t slot) const { return slots_[slot].position; }

  std::size_t max_per_slot = 1'000'000;                 // delivered of one partition in one poll
  std::optional<std::int64_t> committed_offset;         // the group's, of every slot
  std::optional<Error> bounds_error;                    // while set, bounds() and start() fail with it
  std::vector<std::pair<std::uint32_t, Error>> errors;  // delivered by the next poll
  bool redeliver = false;                               // the client's bug: each poll starts with the last record again

 private:
  struct Slot {
    TopicPartition partition;
    std::int64_t position = -1;
    std::int64_t told_end = -1;
    std::int64_t group_offset = -1;
    std::optional<FakeRecord> last;
  };
  bool deliver(std::uint32_t slot, const FakeRecord& record, LogVisitor& visitor);

  FakeBroker& broker_;
  std::vector<Slot> slots_;
  std::uint32_t first_ = 0;
};

}  // namespace foldline::testing
