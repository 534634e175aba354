#include "bench/micro/stages/in_memory.h"

#include "bench/orders/order.h"

namespace foldline::bench {

namespace {
constexpr std::uint64_t kCustomers = 1'000;
constexpr std::string_view kIdMark = R"("event_id":")";
}  // namespace

MemoryTopic::MemoryTopic(std::size_t events, int partitions, Workload workload) {
  struct Place {
    std::size_t value_begin;
    std::size_t value_size;
    std::size_t key_begin;
    std::size_t key_size;
    std::uint64_t key_number;
  };
  for (int p = 0; p < partitions; ++p) partitions_.push_back({"orders", p});
  std::vector<Place> places;
  for (std::size_t i = 0; i < events; ++i) {
    const bool shipped = workload == Workload::shipped && i % 2 == 1;
    const auto n = static_cast<std::int64_t>(workload == Workload::shipped ? i / 2 : i);
    const auto customer = static_cast<std::int64_t>(scrambled(static_cast<std::uint64_t>(n)) % kCustomers);
    const Order order(n, customer, 0);
    const std::string& key = workload == Workload::customers ? order.customer_id : order.order_id;
    const std::size_t value_begin = bytes_.size();
    if (shipped) {
      append_shipped(bytes_, order);
    } else {
      append_placed(bytes_, order);
    }
    const auto key_number = static_cast<std::uint64_t>(workload == Workload::customers ? customer : n);
    places.push_back({value_begin, bytes_.size() - value_begin, keys_.size(), key.size(), key_number});
    bytes_.append(kRecordPaddingBytes, '\0');
    keys_ += key;
  }
  next_offsets_.assign(static_cast<std::size_t>(partitions), 0);
  for (const Place& place : places) {
    Record& record = records_.emplace_back();
    record.slot = static_cast<std::uint32_t>(scrambled(place.key_number) % static_cast<std::uint64_t>(partitions));
    record.topic_partition = &partitions_[record.slot];
    record.timestamp_us = 1'767'225'600'000'000;
    record.key = std::string_view(keys_).substr(place.key_begin, place.key_size);
    record.value = std::string_view(bytes_).substr(place.value_begin, place.value_size);
    id_places_.push_back(bytes_.find(kIdMark, place.value_begin) + kIdMark.size());
  }
}

const Record& MemoryTopic::next() {
  if (at_ == records_.size()) {
    at_ = 0;
    ++turn_;
  }
  give_new_id(at_);
  Record& record = records_[at_++];
  record.offset = next_offsets_[record.slot]++;
  return record;
}

// The first four digits of the ID count the turns.
void MemoryTopic::give_new_id(std::size_t index) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t left = turn_;
  for (std::size_t i = 0; i < 4; ++i, left >>= 4U) bytes_[id_places_[index] + i] = kDigits[left & 0xfU];
}

void MemoryLog::poll(std::size_t max_records, LogVisitor& visitor) {
  for (std::size_t i = 0; i < max_records && left_ > 0; ++i) {
    --left_;
    if (!visitor.on_record(topic_.next())) return;
  }
}

Result<void> MemoryLog::start(std::uint32_t /*slot*/, std::int64_t offset) {
  if (offset != 0) return fail(ErrorCode::internal, "this log starts at its beginning alone");
  return {};
}

Result<LogBounds> MemoryLog::bounds(std::uint32_t /*slot*/) { return LogBounds{0, INT64_MAX}; }

Result<std::int64_t> MemoryLog::offset_for_time(std::uint32_t /*slot*/, std::int64_t /*timestamp_us*/) { return 0; }

Result<std::vector<OpenedPartition>> NullSink::open(const OpenRequest& request) {
  stored_.assign(request.partitions.size(), {});
  return stored_;
}

CommitResult NullSink::commit(const CommitBatch& batch) {
  for (const ViewRows& view : batch.views) rows += view.rows.size();
  CommitResult out;
  out.status = CommitStatus::committed;
  return out;
}

Result<std::vector<OpenedPartition>> NullSink::reload(std::span<const TopicPartition> partitions) {
  return std::vector<OpenedPartition>(partitions.size());
}

Result<void> NullSink::check(const ViewSchema& /*view*/, const Change& /*change*/) const { return {}; }

}  // namespace foldline::bench
