#include "tests/unit/engine/fake_log.h"

#include <algorithm>

namespace foldline::testing {

std::int64_t FakeBroker::append(const TopicPartition& partition, std::optional<std::string> value, std::int64_t timestamp_us) {
  const std::lock_guard lock(mutex_);
  FakePartition& p = partitions_[partition];
  p.records.push_back({p.high, timestamp_us, "key-" + std::to_string(p.high % 5), std::move(value), {{"trace", std::nullopt}, {"h", "v"}}});
  return p.high++;
}

std::int64_t FakeBroker::append(const TopicPartition& partition, FakeRecord record) {
  const std::lock_guard lock(mutex_);
  FakePartition& p = partitions_[partition];
  record.offset = p.high;
  p.records.push_back(std::move(record));
  return p.high++;
}

void FakeBroker::control_records(const TopicPartition& partition, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  partitions_[partition].high += count;
}

void FakeBroker::remove_below(const TopicPartition& partition, std::int64_t low) {
  const std::lock_guard lock(mutex_);
  FakePartition& p = partitions_[partition];
  p.low = low;
  std::erase_if(p.records, [&](const FakeRecord& r) { return r.offset < low; });
}

void FakeBroker::compact_away(const TopicPartition& partition, std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  std::erase_if(partitions_[partition].records, [&](const FakeRecord& r) { return r.offset == offset; });
}

void FakeBroker::recreate(const TopicPartition& partition) {
  const std::lock_guard lock(mutex_);
  partitions_[partition] = {};
}

void FakeBroker::truncate(const TopicPartition& partition, std::int64_t high) {
  const std::lock_guard lock(mutex_);
  partitions_[partition].high = high;
  std::erase_if(partitions_[partition].records, [&](const FakeRecord& r) { return r.offset >= high; });
}

std::int64_t FakeBroker::high(const TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? 0 : found->second.high;
}

FakePartition FakeBroker::partition(const TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? FakePartition{} : found->second;
}

// A record's views live only during the call, and afterwards its bytes are others.
bool FakeLog::deliver(std::uint32_t slot, const FakeRecord& from, LogVisitor& visitor) {
  std::string key = from.key.value_or("");
  std::string value = from.value.value_or("");
  std::vector<Header> headers;
  std::vector<std::pair<std::string, std::optional<std::string>>> owned = from.headers;
  for (const auto& [name, content] : owned) headers.push_back({name, content ? std::optional<std::string_view>(*content) : std::nullopt});
  Record record;
  record.topic_partition = &slots_[slot].partition;
  record.slot = slot;
  record.offset = from.offset;
  record.timestamp_us = from.timestamp_us;
  if (from.key) record.key = key;
  if (from.value) record.value = value;
  record.headers = headers;
  const bool more = visitor.on_record(record);
  std::fill(key.begin(), key.end(), '#');
  std::fill(value.begin(), value.end(), '#');
  return more;
}

void FakeLog::poll(std::size_t max_records, LogVisitor& visitor) {
  const std::lock_guard lock(broker_.mutex_);
  for (auto& [slot, error] : std::exchange(errors, {})) visitor.on_error(slot, error);
  if (slots_.empty()) return;
  first_ = static_cast<std::uint32_t>((first_ + 1) % slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto index = static_cast<std::uint32_t>((first_ + i) % slots_.size());
    Slot& slot = slots_[index];
    if (slot.position < 0) continue;
    const FakePartition& log = broker_.partitions_[slot.partition];
    if (slot.position < log.low || slot.position > log.high) {
      slot.position = -1;
      visitor.on_error(index, {ErrorCode::log_lost, slot.partition.to_string() + ": offset out of range", "", false});
      continue;
    }
    if (redeliver && slot.last && slot.position < log.high) deliver(index, *slot.last, visitor);
    auto next = std::lower_bound(log.records.begin(), log.records.end(), slot.position,
                                 [](const FakeRecord& r, std::int64_t offset) { return r.offset < offset; });
    for (std::size_t n = 0; next != log.records.end() && n < max_per_slot; ++next, ++n) {
      if (max_records == 0) return;
      --max_records;
      slot.position = next->offset + 1;
      slot.last = *next;
      if (!deliver(index, *next, visitor)) return;
    }
    if (next == log.records.end() && slot.told_end != log.high) {
      slot.position = slot.told_end = log.high;
      visitor.on_end(index, log.high);
    }
  }
}

Result<void> FakeLog::start(std::uint32_t slot, std::int64_t offset) {
  const std::lock_guard lock(broker_.mutex_);
  if (bounds_error) return fail(*bounds_error);
  slots_[slot].position = offset;
  slots_[slot].told_end = -1;
  slots_[slot].last.reset();
  return {};
}

Result<LogBounds> FakeLog::bounds(std::uint32_t slot) {
  const std::lock_guard lock(broker_.mutex_);
  if (bounds_error) return fail(*bounds_error);
  const FakePartition& log = broker_.partitions_[slots_[slot].partition];
  return LogBounds{log.low, log.high};
}

Result<std::int64_t> FakeLog::offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) {
  const std::lock_guard lock(broker_.mutex_);
  const FakePartition& log = broker_.partitions_[slots_[slot].partition];
  for (const FakeRecord& record : log.records) {
    if (record.timestamp_us >= timestamp_us) return record.offset;
  }
  return log.high;
}

void FakeLog::stop(std::uint32_t slot) {
  const std::lock_guard lock(broker_.mutex_);
  slots_[slot].position = -1;
}

std::int64_t FakeLog::known_end(std::uint32_t slot) {
  const std::lock_guard lock(broker_.mutex_);
  return broker_.partitions_[slots_[slot].partition].high;
}

void FakeLog::commit_group_offset(std::uint32_t slot, std::int64_t next_offset) {
  const std::lock_guard lock(broker_.mutex_);
  slots_[slot].group_offset = next_offset;
}

}  // namespace foldline::testing
