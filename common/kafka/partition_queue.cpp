#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <future>
#include <shared_mutex>
#include <span>
#include <thread>

#include "common/kafka/consumer.h"
#include "common/kafka/consumer_impl.h"
#include "common/kafka/message.h"
#include "common/same_text.h"

namespace foldline::kafka {

namespace {

// What an error in a partition's queue means for the projection.
Error consume_error(const rd_kafka_message_t& message) {
  const char* text = rd_kafka_message_errstr(&message);
  std::string reason = text != nullptr ? text : rd_kafka_err2str(message.err);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return {ErrorCode::log_lost, "the position is outside the log: " + reason, "", false};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {ErrorCode::log_unavailable, "the topic or partition is unknown: " + reason, "was the topic deleted?", true};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return {ErrorCode::log_unavailable, "not allowed to read the topic: " + reason, "give the worker's user the right to read it", true};
    default: return {ErrorCode::log_unavailable, reason, "", true};
  }
}

Error request_error(const char* what, const TopicPartition& partition, rd_kafka_resp_err_t error) {
  return {ErrorCode::log_unavailable, std::string(what) + " of " + partition.to_string() + ": " + rd_kafka_err2str(error),
          "is a broker reachable?", true};
}

// Before 2.1 rd_kafka_seek_partitions() waits a thousandth of the time that it is given (librdkafka #4230): on a busy machine a seek then
// "times out" after 5 ms, again and again, while nothing is wrong.
int seek_timeout(std::chrono::milliseconds timeout) {
  constexpr int kFactorBefore21 = 1'000;
  static const int factor = rd_kafka_version() >= 0x020100ff ? 1 : kFactorBefore21;
  return static_cast<int>(timeout.count()) * factor;
}

// Before 2.1 the batch call may lose records when a seek, a pause or a rebalance happens beside it (known issues of librdkafka 2.0.0,
// mended by its #4208): G7. A record that is skipped leaves no trace but a gap in the offsets, and those have gaps of their own.
bool batches_are_safe() { return rd_kafka_version() >= 0x020100ff; }

}  // namespace

// What one poll() hands to its visitor.
class PartitionQueue::Delivery {
 public:
  Delivery(rd_kafka_t* client, std::size_t max_records, QueueVisitor& visitor, std::vector<Header>& headers)
      : client_(client), visitor_(visitor), headers_(headers), left_(max_records) {}

  [[nodiscard]] bool done() const { return left_ == 0; }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  // Of the last record; empty: there was none.
  [[nodiscard]] const std::string& topic() const { return topic_; }
  [[nodiscard]] std::int32_t partition() const { return partition_; }

  void take(const rd_kafka_message_t& message) {
    --left_;
    if (message.rkt == nullptr) return;
    const std::string_view topic = message.rkt == held_ ? held_name_ : rd_kafka_topic_name(message.rkt);
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return visitor_.on_end(topic, message.partition, message.offset);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return visitor_.on_error(topic, message.partition, consume_error(message));
    if (partition_ != message.partition || !same_text(topic_, topic)) {
      topic_ = topic;
      partition_ = message.partition;
    }
    size_bytes_ += message.len + message.key_len;
    Record record = record_of(&message, headers_);
    if (!visitor_.on_record(topic, message.partition, record)) left_ = 0;
  }

  // A topic that the caller holds until it gives null: the name of nearly every record's topic, asked for once.
  void hold(rd_kafka_topic_t* topic) {
    held_ = topic;
    if (topic != nullptr) held_name_ = rd_kafka_topic_name(topic);
  }

  // As librdkafka's callback: nothing may be thrown through its frames. What is left of the run goes back to the queue's head.
  static void on_message(rd_kafka_message_t* message, void* opaque) {
    Delivery& self = *static_cast<Delivery*>(opaque);
    try {
      self.take(*message);
    } catch (...) {
      self.thrown_ = std::current_exception();
      self.left_ = 0;
    }
    if (self.done()) rd_kafka_yield(self.client_);
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  rd_kafka_t* client_;
  QueueVisitor& visitor_;
  std::vector<Header>& headers_;
  const rd_kafka_topic_t* held_ = nullptr;
  std::string_view held_name_;
  std::size_t left_;
  std::size_t size_bytes_ = 0;
  std::string topic_;
  std::int32_t partition_ = -1;
  std::exception_ptr thrown_;
};

void PartitionQueue::TopicDeleter::operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }

PartitionQueue::PartitionQueue(std::shared_ptr<Consumer::Impl> consumer)
    : consumer_(std::move(consumer)), queue_(rd_kafka_queue_new(consumer_->client)) {
  fetched_.reserve(kFetchBatch);
}

PartitionQueue::~PartitionQueue() {
  discard_fetched();
  rd_kafka_queue_destroy(queue_);
}

void PartitionQueue::forwarded_from(const TopicPartition& partition) {
  if (forwarding_ == consumer_->forwardings) return;  // one is enough
  from_topic_.reset(rd_kafka_topic_new(consumer_->client, partition.topic.c_str(), nullptr));
  from_partition_ = partition.partition;
  forwarding_ = consumer_->forwardings;
}

void PartitionQueue::poll(std::size_t max_records, QueueVisitor& visitor) {
  static const bool batches = batches_are_safe();
  Delivery delivery(consumer_->client, max_records, visitor, headers_);
  if (delivery.done()) return;
  if (batches) {
    poll_batches(delivery);
  } else {
    serve(delivery);
    poll_one_by_one(delivery);
  }
  wake_fetcher(delivery);
}

void PartitionQueue::poll_batches(Delivery& delivery) {
  while (!delivery.done()) {
    if (next_ == fetched_.size()) {
      fetched_.resize(kFetchBatch);
      const ssize_t count = rd_kafka_consume_batch_queue(queue_, 0, fetched_.data(), fetched_.size());
      fetched_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
      next_ = 0;
      if (fetched_.empty()) return;
    }
    const MessagePtr message(fetched_[next_++]);
    delivery.take(*message);
  }
}

// Many records under one lock of librdkafka's queue, each handed over at once and dropped there if a seek or a rebalance has overtaken it.
// The call that takes a queue has no limit: it would empty the queue for the time being, and the client fetch as if it were empty. The
// call that takes a partition has one, and serves the queue that the partition leads to: this one, as long as `forwarding` is held.
void PartitionQueue::serve(Delivery& delivery) {
  const std::shared_lock lock(consumer_->forwarding);
  if (from_topic_ == nullptr || forwarding_ != consumer_->forwardings) return;
  delivery.hold(from_topic_.get());
  while (!delivery.done() && rd_kafka_consume_callback(from_topic_.get(), from_partition_, 0, &Delivery::on_message, &delivery) > 0) {
  }
  delivery.hold(nullptr);
  delivery.rethrow();
}

// Whatever serve() could not reach: nothing, mostly.
void PartitionQueue::poll_one_by_one(Delivery& delivery) {
  while (!delivery.done()) {
    const MessagePtr message(rd_kafka_consume_queue(queue_, 0));
    if (!message) return;
    delivery.take(*message);
  }
}

// Before 2.2, a broker's thread that found the queue full looks at it again when it next wakes, up to a second later: a lane that empties
// the queue faster than that starves. A request wakes the thread; this one changes nothing, and nobody waits for its answer (librdkafka
// drops it when it comes). Only every few megabytes, so that light traffic sends none. Since 2.2: fetch.queue.backoff.ms.
void PartitionQueue::wake_fetcher(const Delivery& delivery) {
#if RD_KAFKA_VERSION < 0x020200ff
  constexpr std::size_t kWakeEveryBytes = 2 * 1024 * 1024;
  constexpr std::int64_t kLatest = -1;
  bytes_since_wake_ += delivery.size_bytes();
  if (bytes_since_wake_ < kWakeEveryBytes || delivery.topic().empty()) return;
  bytes_since_wake_ = 0;
  const TopicList list = new_topic_list(1);
  rd_kafka_topic_partition_list_add(list.get(), delivery.topic().c_str(), delivery.partition())->offset = kLatest;
  static_cast<void>(rd_kafka_offsets_for_times(consumer_->client, list.get(), 0));
#else
  static_cast<void>(delivery);
#endif
}

void PartitionQueue::discard_fetched() {
  for (; next_ < fetched_.size(); ++next_) rd_kafka_message_destroy(fetched_[next_]);
  fetched_.clear();
  next_ = 0;
}

void PartitionQueue::discard_fetched(const TopicPartition& partition) {
  const auto is_of_partition = [&](rd_kafka_message_t* message) {
    if (message->rkt == nullptr || message->partition != partition.partition || partition.topic != rd_kafka_topic_name(message->rkt))
      return false;
    rd_kafka_message_destroy(message);
    return true;
  };
  const auto first = fetched_.begin() + static_cast<std::ptrdiff_t>(next_);
  fetched_.erase(std::remove_if(first, fetched_.end(), is_of_partition), fetched_.end());
}

void PartitionQueue::wake_through(int file_descriptor) {
  static constexpr std::uint64_t kOne = 1;  // an eventfd wants 8 bytes
  rd_kafka_queue_io_event_enable(queue_, file_descriptor, &kOne, sizeof kOne);
}

Result<void> PartitionQueue::seek(const TopicPartition& partition, std::int64_t offset, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const TopicList list = new_topic_list(1);
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset = offset;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (rd_kafka_error_t* failed = rd_kafka_seek_partitions(consumer_->client, list.get(), seek_timeout(timeout))) {
      error = rd_kafka_error_code(failed);
      rd_kafka_error_destroy(failed);
    } else {
      error = list->elems[0].err;
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    // Right after assign() the partition is not being fetched yet: that takes some milliseconds.
    if (error != RD_KAFKA_RESP_ERR__STATE || std::chrono::steady_clock::now() > deadline) {
      return fail(request_error("seek", partition, error));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<Watermarks> PartitionQueue::watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout) {
  Watermarks out;
  const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(consumer_->client, partition.topic.c_str(), partition.partition,
                                                                     &out.low, &out.high, static_cast<int>(timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(request_error("asking the bounds", partition, error));
  return out;
}

Result<std::vector<std::optional<Watermarks>>> PartitionQueue::watermarks(std::span<const TopicPartition> partitions,
                                                                          std::chrono::milliseconds timeout) {
  // Timestamps of the protocol: ListOffsets answers the end and the beginning.
  constexpr std::int64_t kLatest = -1;
  constexpr std::int64_t kEarliest = -2;
  const auto list_offsets = [&](std::int64_t which) {
    TopicList list = new_topic_list(partitions.size());
    for (const TopicPartition& p : partitions) {
      rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.partition)->offset = which;
    }
    const rd_kafka_resp_err_t error = partitions.empty()
                                          ? RD_KAFKA_RESP_ERR_NO_ERROR
                                          : rd_kafka_offsets_for_times(consumer_->client, list.get(), static_cast<int>(timeout.count()));
    return std::pair(std::move(list), error);
  };
  auto earliest = std::async(std::launch::async | std::launch::deferred, list_offsets, kEarliest);
  const auto [high, high_error] = list_offsets(kLatest);
  const auto [low, low_error] = earliest.get();
  for (const rd_kafka_resp_err_t error : {low_error, high_error}) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(request_error("asking the bounds", partitions.front(), error));
  }
  std::vector<std::optional<Watermarks>> out(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto answered = [&](const TopicList& list) {
      const rd_kafka_topic_partition_t* found =
          rd_kafka_topic_partition_list_find(list.get(), partitions[i].topic.c_str(), partitions[i].partition);
      return found != nullptr && found->err == RD_KAFKA_RESP_ERR_NO_ERROR && found->offset >= 0 ? found->offset : -1;
    };
    const std::int64_t from = answered(low);
    const std::int64_t to = answered(high);
    if (from >= 0 && to >= from) out[i] = Watermarks{from, to};
  }
  return out;
}

Result<std::int64_t> PartitionQueue::offset_for_time(const TopicPartition& partition, std::int64_t timestamp_us,
                                                     std::chrono::milliseconds timeout) {
  const TopicList list = new_topic_list(1);
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset = timestamp_us / 1000;
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(consumer_->client, list.get(), static_cast<int>(timeout.count()));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[0].err;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(request_error("asking the offset for a time", partition, error));
  if (list->elems[0].offset >= 0) return list->elems[0].offset;
  auto bounds = watermarks(partition, timeout);  // no record is that young: the end
  if (!bounds) return fail(bounds.error());
  return bounds->high;
}

std::size_t PartitionQueue::length() const { return rd_kafka_queue_length(queue_); }

std::int64_t PartitionQueue::known_end(const TopicPartition& partition) const {
  std::int64_t low = 0;
  std::int64_t high = -1;
  const rd_kafka_resp_err_t error =
      rd_kafka_get_watermark_offsets(consumer_->client, partition.topic.c_str(), partition.partition, &low, &high);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? high : -1;
}

Result<std::optional<std::int64_t>> PartitionQueue::committed_group_offset(const TopicPartition& partition,
                                                                           std::chrono::milliseconds timeout) {
  const TopicList list = new_topic_list(1);
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
  rd_kafka_resp_err_t error = rd_kafka_committed(consumer_->client, list.get(), static_cast<int>(timeout.count()));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[0].err;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(request_error("asking the group's committed offset", partition, error));
  const std::int64_t offset = list->elems[0].offset;
  return offset >= 0 ? std::optional(offset) : std::nullopt;  // RD_KAFKA_OFFSET_INVALID: none
}

void PartitionQueue::commit_group_offset(const TopicPartition& partition, std::int64_t next_offset) {
  if (consumer_->rebalancing.load(std::memory_order_acquire)) return;
  const TopicList list = new_topic_list(1);
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset = next_offset;
  rd_kafka_commit(consumer_->client, list.get(), 1);
}

}  // namespace foldline::kafka
