#include "common/kafka/topic_reader.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <map>
#include <set>
#include <thread>

#include "common/kafka/consumer.h"
#include "common/kafka/message.h"

namespace foldline::kafka {

namespace {

constexpr std::size_t kFetchBatch = 512;
constexpr int kFetchWaitMs = 200;

struct TopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct QueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

constexpr std::chrono::seconds kNewTopicTimeout{5};
constexpr std::chrono::milliseconds kNewTopicPause{100};

// A topic that was just created has no leader for a moment.
bool is_of_a_new_topic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
}

Error read_error(const std::string& topic, std::int32_t partition, const std::string& why) {
  return {ErrorCode::log_unavailable, "reading " + topic + "/" + std::to_string(partition) + ": " + why, "is a broker reachable?", true};
}

}  // namespace

struct TopicReader::Impl {
  ClientHealth health;
  rd_kafka_t* client = nullptr;

  ~Impl() {
    if (client != nullptr) rd_kafka_destroy(client);
  }

  Result<Watermarks> bounds(const std::string& topic, std::int32_t partition) const {
    Watermarks out;
    const auto deadline = std::chrono::steady_clock::now() + kNewTopicTimeout;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (true) {
      error = rd_kafka_query_watermark_offsets(client, topic.c_str(), partition, &out.low, &out.high,
                                               static_cast<int>(kRequestTimeout.count()));
      if (!is_of_a_new_topic(error) || std::chrono::steady_clock::now() > deadline) break;
      std::this_thread::sleep_for(kNewTopicPause);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(read_error(topic, partition, rd_kafka_err2str(error)));
    return out;
  }
};

// Some partitions of one topic being read. librdkafka's simple consumer (rd_kafka_consume_start_queue) and not its group consumer: that
// one needs a group and the right to use it.
class TopicReader::Run {
 public:
  Run(Impl& impl, const std::string& topic)
      : topic_name_(topic), topic_(rd_kafka_topic_new(impl.client, topic.c_str(), nullptr)), queue_(rd_kafka_queue_new(impl.client)) {}
  ~Run() {
    while (!open_.empty()) stop(*open_.begin());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<void> start(std::int32_t partition, std::int64_t offset) {
    if (topic_ == nullptr || rd_kafka_consume_start_queue(topic_.get(), partition, offset, queue_.get()) != 0) {
      return fail(read_error(topic_name_, partition, rd_kafka_err2str(rd_kafka_last_error())));
    }
    open_.insert(partition);
    return {};
  }
  void stop(std::int32_t partition) {
    rd_kafka_consume_stop(topic_.get(), partition);
    open_.erase(partition);
  }
  [[nodiscard]] bool any_open() const { return !open_.empty(); }
  [[nodiscard]] bool is_open(std::int32_t partition) const { return open_.contains(partition); }

  // Hands over what has come: a record, or null with the partition's end. Waits a moment when there is nothing.
  template <class OnRecord, class OnEnd>
  Result<void> take(const OnRecord& on_record, const OnEnd& on_end) {
    std::array<rd_kafka_message_t*, kFetchBatch> fetched{};
    const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), kFetchWaitMs, fetched.data(), fetched.size());
    std::vector<MessagePtr> owned;  // all of them are destroyed, whatever ends the loop
    for (ssize_t i = 0; i < count; ++i) owned.emplace_back(fetched[static_cast<std::size_t>(i)]);
    const auto now = std::chrono::steady_clock::now();
    if (owned.empty()) {
      if (now - last_news_ < kStallTimeout) return {};
      return fail(read_error(topic_name_, open_.empty() ? 0 : *open_.begin(),
                             "nothing came for " + std::to_string(kStallTimeout.count() / 1000) + " s" +
                                 (last_error_.empty() ? "" : "; the client says: " + last_error_)));
    }
    for (const MessagePtr& message : owned) {
      if (!is_open(message->partition)) continue;  // behind what was wanted
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        last_news_ = now;
        on_end(message->partition, message->offset);
      } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        last_error_ = rd_kafka_err2str(message->err);  // most go by: a leader that moves, a broker that restarts
      } else {
        last_news_ = now;
        const Record record = record_of(message.get(), headers_);
        if (Result<void> visited = on_record(message->partition, record); !visited) return visited;
      }
    }
    return {};
  }

 private:
  std::string topic_name_;
  std::unique_ptr<rd_kafka_topic_t, TopicDeleter> topic_;
  std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue_;
  std::set<std::int32_t> open_;
  std::vector<Header> headers_;
  std::string last_error_;
  std::chrono::steady_clock::time_point last_news_ = std::chrono::steady_clock::now();
};

TopicReader::TopicReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TopicReader::~TopicReader() = default;

Result<std::unique_ptr<TopicReader>> TopicReader::create(const ClientOptions& options) {
  const std::string prefetch = std::to_string(kPrefetchKbytes);
  auto conf = make_conf(
      options,
      {{"enable.partition.eof", "true"},
       {"auto.offset.reset", "earliest"},
       {"isolation.level", "read_committed"},
       {"allow.auto.create.topics", "false"},
       {"enable.auto.commit", "false"},
       {"queued.max.messages.kbytes", prefetch.c_str()},
       {"fetch.wait.max.ms", "50"},
       {"fetch.error.backoff.ms", "100"},
       {"socket.keepalive.enable", "true"}},
      {{"enable.partition.eof", "the end is found with it"}, {"auto.offset.reset", "a tool passes over what retention has taken away"}});
  if (!conf) return fail(conf.error());
  auto impl = std::make_unique<Impl>();
  attach_callbacks(conf->get(), &impl->health);
  std::array<char, 512> why{};
  impl->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why.data(), why.size());
  if (impl->client == nullptr) return fail(ErrorCode::config, std::string("Kafka client: ") + why.data());
  static_cast<void>(conf->release());  // the client owns it now
  return std::unique_ptr<TopicReader>(new TopicReader(std::move(impl)));
}

Result<std::uint64_t> TopicReader::read_all(const std::string& topic, int partitions, const Visit& visit) {
  std::map<std::int32_t, std::int64_t> ends;
  Run run(*impl_, topic);
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    const auto bounds = impl_->bounds(topic, partition);
    if (!bounds) return fail(bounds.error());
    if (bounds->low >= bounds->high) continue;
    ends[partition] = bounds->high;
    if (auto started = run.start(partition, bounds->low); !started) return fail(started.error());
  }
  std::uint64_t count = 0;
  // The last records below the end may be control records, which never come: then the end itself says that it was reached.
  const auto on_end = [&](std::int32_t partition, std::int64_t offset) {
    if (offset >= ends[partition]) run.stop(partition);
  };
  const auto on_record = [&](std::int32_t partition, const Record& record) -> Result<void> {
    if (record.offset < ends[partition]) {
      ++count;
      if (auto visited = visit(partition, record); !visited) return visited;
    }
    if (record.offset + 1 >= ends[partition]) run.stop(partition);
    return {};
  };
  while (run.any_open()) {
    if (auto taken = run.take(on_record, on_end); !taken) return fail(taken.error());
  }
  return count;
}

Result<void> TopicReader::read_at(const TopicPartition& partition, std::span<const std::int64_t> offsets, const Visit& visit) {
  const auto bounds = impl_->bounds(partition.topic, partition.partition);
  if (!bounds) return fail(bounds.error());
  std::size_t next = 0;  // the first offset that has not been dealt with
  while (next < offsets.size() && offsets[next] < bounds->low) ++next;
  while (next < offsets.size() && offsets[next] < bounds->high) {
    Run run(*impl_, partition.topic);
    if (auto started = run.start(partition.partition, offsets[next]); !started) return started;
    const auto on_end = [&](std::int32_t /*partition*/, std::int64_t offset) {
      if (offset < bounds->high) return;
      next = offsets.size();
      run.stop(partition.partition);
    };
    const auto on_record = [&](std::int32_t number, const Record& record) -> Result<void> {
      while (next < offsets.size() && offsets[next] < record.offset) ++next;  // compacted away, or a control record
      if (next < offsets.size() && offsets[next] == record.offset) {
        ++next;
        if (auto visited = visit(number, record); !visited) return visited;
      }
      if (next == offsets.size() || offsets[next] >= bounds->high || offsets[next] > record.offset + kSkipRecords) run.stop(number);
      return {};
    };
    while (run.any_open()) {
      if (auto taken = run.take(on_record, on_end); !taken) return taken;
    }
  }
  return {};
}

}  // namespace foldline::kafka
