// A consumer-group member whose partitions are read through queues of their own.
//
// librdkafka's group membership decides who reads what; everything else is ours: positions live in the store, so nothing is ever
// started from a committed group offset, and `auto.offset.reset` is `error` (G6).
//
//   auto consumer = *Consumer::create(options, "analytics-consumer", listener);
//   consumer->subscribe({"orders.events"});
//   while (running) consumer->poll(100ms);        // calls the listener's on_assign / on_revoke on this thread
//
// Why no pause/resume: librdkafka 2.0 may skip offsets around them (G7). A queue that nobody polls is back-pressure enough: the client
// stops fetching at queued.max.messages.kbytes, and poll() on the group's own queue keeps the membership alive.
//
// Threads: poll(), subscribe(), leave() on one thread; a PartitionQueue on its lane's thread (seek() may come from another, see there).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/kafka/client.h"
#include "common/record.h"

using rd_kafka_queue_t = struct rd_kafka_queue_s;
using rd_kafka_message_t = struct rd_kafka_message_s;
using rd_kafka_topic_t = struct rd_kafka_topic_s;

namespace foldline::kafka {

// Called inside Consumer::poll() and leave().
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  // The whole assignment (eager protocol, G7). Answers the queue that each partition shall be read through, in the same order; reading
  // starts at no position until seek() gives one.
  virtual std::vector<class PartitionQueue*> on_assign(const std::vector<TopicPartition>& partitions) = 0;
  // All of them go. Must return within a second or two: the group waits for it.
  virtual void on_revoke(const std::vector<TopicPartition>& partitions) = 0;
};

struct ConsumerOptions {
  ClientOptions client;
  std::string group;
  // Prefetched records of each PartitionQueue, whatever the number of partitions that are read through it: librdkafka holds the queue
  // that a partition is forwarded to against queued.max.messages.kbytes.
  std::size_t queue_kbytes = 12 * 1024;
};

class Consumer {
 public:
  static Result<std::unique_ptr<Consumer>> create(const ConsumerOptions& options, RebalanceListener& listener);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Topic names, or patterns that start with ^ (POSIX extended regular expressions).
  Result<void> subscribe(const std::vector<std::string>& topics);
  // Serves the group for up to `timeout`.
  void poll(std::chrono::milliseconds timeout);
  // Takes exactly these partitions, without any group: on_assign() is called before this returns. For tools that read on their own.
  Result<void> assign(const std::vector<TopicPartition>& partitions);

  // Leaves the group: on_revoke() for what is still assigned. subscribe() joins again.
  void leave();

  // How many partitions a topic has now; 0: no such topic (or not allowed to see it). Asks a broker, for `timeout` at most; an answer
  // clears last_error().
  Result<int> partition_count(const std::string& topic, std::chrono::milliseconds timeout);

  // Every topic that there is, with its number of partitions. Asks a broker, for `timeout` at most.
  Result<std::map<std::string, int>> topics(std::chrono::milliseconds timeout);

  // Empty while all is well; else what the group's queue said last (unknown topic, broker away, fenced instance). Thread-safe.
  [[nodiscard]] std::string last_error() const;

  std::unique_ptr<PartitionQueue> new_queue();

  struct Impl;

 private:
  explicit Consumer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // the client itself goes with the last of its queues: librdkafka waits for them
};

struct Watermarks {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

// Receives what a queue holds. Views live only during the call.
class QueueVisitor {
 public:
  virtual ~QueueVisitor() = default;
  // `partition` is one of the assignment; slot and topic_partition of `record` are not filled in.
  virtual bool on_record(std::string_view topic, std::int32_t partition, Record& record) = 0;
  virtual void on_end(std::string_view topic, std::int32_t partition, std::int64_t offset) = 0;
  virtual void on_error(std::string_view topic, std::int32_t partition, const Error& error) = 0;
};

// The records of some of a consumer's partitions.
class PartitionQueue {
 public:
  static constexpr std::size_t kFetchBatch = 1024;
  // How many records librdkafka takes out of its queue for one run of callbacks: see docs/decisions/0002-records-by-callbacks.md.
  static constexpr const char* kServedTogetherSetting = "consume.callback.max.messages";

  explicit PartitionQueue(std::shared_ptr<Consumer::Impl> consumer);
  ~PartitionQueue();
  PartitionQueue(const PartitionQueue&) = delete;
  PartitionQueue& operator=(const PartitionQueue&) = delete;

  // Delivers up to `max_records`, never waits. False from on_record stops; what was fetched and not delivered comes first next time.
  // What the visitor throws goes through. It calls nothing of this queue.
  void poll(std::size_t max_records, QueueVisitor& visitor);
  // Forgets what was fetched and not delivered, of all partitions (after a rebalance) or of one (after its seek). Not while poll() runs.
  void discard_fetched();
  void discard_fetched(const TopicPartition& partition);
  // Becomes readable when the queue has something: write end of an eventfd or pipe, 8 bytes a time.
  void wake_through(int file_descriptor);

  // The calls below are thread-safe and block for up to `timeout`.
  Result<void> seek(const TopicPartition& partition, std::int64_t offset, std::chrono::milliseconds timeout);
  Result<Watermarks> watermarks(const TopicPartition& partition, std::chrono::milliseconds timeout);
  // Of many partitions in two requests a broker that are under way together. A broker answers a connection's requests in turn, and a fetch
  // that waits for records at the log's end takes up to fetch.wait.max.ms: so this waits for it once, not once for each partition. In the
  // order asked; nullopt: this partition was not answered.
  Result<std::vector<std::optional<Watermarks>>> watermarks(std::span<const TopicPartition> partitions, std::chrono::milliseconds timeout);
  Result<std::int64_t> offset_for_time(const TopicPartition& partition, std::int64_t timestamp_us, std::chrono::milliseconds timeout);
  // The log's end as the client last heard with a fetch; -1: not yet. Never blocks.
  [[nodiscard]] std::int64_t known_end(const TopicPartition& partition) const;
  // What the group has committed for it; nullopt: nothing.
  Result<std::optional<std::int64_t>> committed_group_offset(const TopicPartition& partition, std::chrono::milliseconds timeout);
  // Asynchronous, best effort, skipped while a rebalance runs (G7).
  void commit_group_offset(const TopicPartition& partition, std::int64_t next_offset);

  // Records that wait in the client for poll(). Any thread.
  [[nodiscard]] std::size_t length() const;

  [[nodiscard]] rd_kafka_queue_t* handle() const { return queue_; }
  // This partition's own queue leads here until the next assignment. Consumer calls it, with Impl::forwarding held.
  void forwarded_from(const TopicPartition& partition);

 private:
  class Delivery;
  struct TopicDeleter {
    void operator()(rd_kafka_topic_t* topic) const;
  };

  void poll_batches(Delivery& delivery);
  void serve(Delivery& delivery);
  void poll_one_by_one(Delivery& delivery);
  void wake_fetcher(const Delivery& delivery);

  std::shared_ptr<Consumer::Impl> consumer_;
  rd_kafka_queue_t* queue_;
  // One of the partitions that are forwarded here, if forwarding_ is the last one. Under Impl::forwarding.
  std::unique_ptr<rd_kafka_topic_t, TopicDeleter> from_topic_;
  std::int32_t from_partition_ = 0;
  std::uint64_t forwarding_ = 0;
  std::vector<rd_kafka_message_t*> fetched_;
  std::size_t next_ = 0;
  std::size_t bytes_since_wake_ = 0;
  std::vector<Header> headers_;
};

}  // namespace foldline::kafka
