#include "engine/kafka_log.h"

#include <utility>

#include "common/same_text.h"

namespace foldline {

// Maps (topic, partition) to the lane's slots and leaves out what has not been started.
class KafkaLog::Adapter final : public kafka::QueueVisitor {
 public:
  Adapter(KafkaLog& log, LogVisitor& visitor) : log_(log), visitor_(visitor) {}

  bool on_record(std::string_view topic, std::int32_t partition, Record& record) override {
    const std::int64_t slot = find(topic, partition);
    if (slot < 0 || record.offset < log_.started_at_[static_cast<std::size_t>(slot)]) {
      log_.unstarted_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    record.slot = static_cast<std::uint32_t>(slot);
    record.topic_partition = &log_.partitions_[record.slot];
    return visitor_.on_record(record);
  }
  void on_end(std::string_view topic, std::int32_t partition, std::int64_t offset) override {
    const std::int64_t slot = find(topic, partition);
    if (slot >= 0) visitor_.on_end(static_cast<std::uint32_t>(slot), offset);
  }
  void on_error(std::string_view topic, std::int32_t partition, const Error& error) override {
    const std::int64_t slot = find(topic, partition);
    if (slot >= 0) visitor_.on_error(static_cast<std::uint32_t>(slot), error);
  }

 private:
  // Slot of a started partition, or -1. Records come in runs of one partition, so the last answer is nearly always right.
  std::int64_t find(std::string_view topic, std::int32_t partition) {
    const auto matches = [&](std::size_t i) {
      return log_.partitions_[i].partition == partition && same_text(log_.partitions_[i].topic, topic) && log_.started_at_[i] >= 0;
    };
    if (last_ < log_.partitions_.size() && matches(last_)) return static_cast<std::int64_t>(last_);
    for (std::size_t i = 0; i < log_.partitions_.size(); ++i) {
      if (matches(i)) {
        last_ = i;
        return static_cast<std::int64_t>(i);
      }
    }
    return -1;
  }

  KafkaLog& log_;
  LogVisitor& visitor_;
  std::size_t last_ = 0;
};

void KafkaLog::reset(std::vector<TopicPartition> partitions) {
  const std::lock_guard lock(mutex_);
  queue_->discard_fetched();
  started_at_.assign(partitions.size(), -1);
  group_offsets_.assign(partitions.size(), -1);
  asked_bounds_.assign(partitions.size(), std::nullopt);
  partitions_ = std::move(partitions);
}

void KafkaLog::poll(std::size_t max_records, LogVisitor& visitor) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  if (std::chrono::steady_clock::now() >= group_commit_at_) send_group_offsets();
  Adapter adapter(*this, visitor);
  queue_->poll(max_records, adapter);
}

Result<void> KafkaLog::start(std::uint32_t slot, std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  if (slot >= partitions_.size()) return fail(ErrorCode::log_unavailable, "the partition has been revoked", "", true);
  started_at_[slot] = -1;
  if (auto sought = queue_->seek(partitions_[slot], offset, kRequestTimeout); !sought) return fail(sought.error());
  // librdkafka drops the records that it queued before the seek; those that we had fetched are ours to drop.
  queue_->discard_fetched(partitions_[slot]);
  started_at_[slot] = offset;
  return {};
}

Result<TopicPartition> KafkaLog::partition_of(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  if (slot >= partitions_.size()) return fail(ErrorCode::log_unavailable, "the partition has been revoked", "", true);
  return partitions_[slot];
}

void KafkaLog::ask_all_bounds() {
  std::vector<TopicPartition> asked;
  {
    const std::lock_guard lock(mutex_);
    asked = partitions_;
    asked_bounds_.assign(asked.size(), std::nullopt);
  }
  const auto found = queue_->watermarks(asked, kRequestTimeout);
  const std::lock_guard lock(mutex_);
  if (!found || asked != partitions_) return;  // bounds() asks again, one by one
  for (std::size_t slot = 0; slot < found->size(); ++slot) {
    if ((*found)[slot]) asked_bounds_[slot] = LogBounds{(*found)[slot]->low, (*found)[slot]->high};
  }
}

Result<LogBounds> KafkaLog::bounds(std::uint32_t slot) {
  auto partition = partition_of(slot);
  if (!partition) return fail(partition.error());
  {
    const std::lock_guard lock(mutex_);
    if (slot < asked_bounds_.size() && asked_bounds_[slot]) return *std::exchange(asked_bounds_[slot], std::nullopt);
  }
  auto marks = queue_->watermarks(*partition, kRequestTimeout);
  if (!marks) return fail(marks.error());
  return LogBounds{marks->low, marks->high};
}

Result<std::int64_t> KafkaLog::offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) {
  auto partition = partition_of(slot);
  if (!partition) return fail(partition.error());
  return queue_->offset_for_time(*partition, timestamp_us, kRequestTimeout);
}

// Its records are dropped as they come. Not paused: see docs/decisions/0001-read-without-pause.md.
void KafkaLog::stop(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  if (slot < started_at_.size()) started_at_[slot] = -1;
}

std::int64_t KafkaLog::known_end(std::uint32_t slot) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || slot >= partitions_.size() || started_at_[slot] < 0) return -1;
  return queue_->known_end(partitions_[slot]);
}

Result<std::optional<std::int64_t>> KafkaLog::committed_group_offset(std::uint32_t slot) {
  auto partition = partition_of(slot);
  if (!partition) return fail(partition.error());
  return queue_->committed_group_offset(*partition, kRequestTimeout);
}

void KafkaLog::commit_group_offset(std::uint32_t slot, std::int64_t next_offset) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock() && slot < group_offsets_.size()) group_offsets_[slot] = next_offset;
}

void KafkaLog::flush_group_offsets() {
  const std::lock_guard lock(mutex_);
  send_group_offsets();
}

void KafkaLog::send_group_offsets() {
  group_commit_at_ = std::chrono::steady_clock::now() + kGroupCommitInterval;
  for (std::size_t slot = 0; slot < partitions_.size(); ++slot) {
    if (group_offsets_[slot] < 0) continue;
    queue_->commit_group_offset(partitions_[slot], group_offsets_[slot]);
    group_offsets_[slot] = -1;
  }
}

}  // namespace foldline
