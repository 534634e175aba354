#include "common/kafka/consumer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>

#include "common/kafka/consumer_impl.h"

namespace foldline::kafka {

namespace {

constexpr std::chrono::seconds kEndOffsetsTimeout{10};
constexpr int kEndOffsetsRequestMs = 2'000;

std::vector<TopicPartition> to_partitions(const rd_kafka_topic_partition_list_t* list) {
  std::vector<TopicPartition> out;
  out.reserve(static_cast<std::size_t>(list->cnt));
  for (int i = 0; i < list->cnt; ++i) out.push_back({list->elems[i].topic, list->elems[i].partition});
  return out;
}

void log_if_error(const char* what, rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) spdlog::warn("kafka group: {}: {}", what, rd_kafka_err2str(error));
}

// Each partition's own queue is forwarded to its lane's. librdkafka forwards it to the group's queue anew whenever the partition is
// assigned unless the application has claimed it before, so this is done on each assignment, before assign() (G7).
void split_queues(Consumer::Impl& impl, const std::vector<TopicPartition>& partitions, const std::vector<PartitionQueue*>& queues) {
  const std::unique_lock lock(impl.forwarding);
  ++impl.forwardings;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    rd_kafka_queue_t* own = rd_kafka_queue_get_partition(impl.client, partitions[i].topic.c_str(), partitions[i].partition);
    if (own == nullptr) continue;
    rd_kafka_queue_forward(own, queues[i]->handle());
    rd_kafka_queue_destroy(own);
    queues[i]->forwarded_from(partitions[i]);
  }
}

// Partitions start at the end, so that nothing is read before the store's checkpoint has been loaded; the lane drops what comes before its
// seek(). The end is asked for here and given as a number, never as RD_KAFKA_OFFSET_END: librdkafka would look that up by itself, and when
// a seek() overtakes the answer it asks again half a second later and jumps to the end, over all records between (up to 2.15 at least:
// "outdated offset response" in rdkafka_partition.c).
void start_at_the_end(rd_kafka_t* client, rd_kafka_topic_partition_list_t* list) {
  constexpr std::int64_t kLatest = -1;  // a timestamp of the protocol: ListOffsets answers the end
  const auto deadline = std::chrono::steady_clock::now() + kEndOffsetsTimeout;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = kLatest;
    error = list->cnt == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_offsets_for_times(client, list, kEndOffsetsRequestMs);
    for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      error = list->elems[i].offset < 0 ? RD_KAFKA_RESP_ERR__TIMED_OUT : list->elems[i].err;
    }
  } while (error != RD_KAFKA_RESP_ERR_NO_ERROR && std::chrono::steady_clock::now() < deadline);
  log_if_error("asking where the partitions end", error);
  for (int i = 0; i < list->cnt; ++i) {
    list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    list->elems[i].offset = std::max<std::int64_t>(list->elems[i].offset, 0);
  }
}

void assign(Consumer::Impl& impl, rd_kafka_topic_partition_list_t* list) {
  const std::vector<TopicPartition> partitions = to_partitions(list);
  start_at_the_end(impl.client, list);
  const std::vector<PartitionQueue*> queues = impl.listener->on_assign(partitions);
  split_queues(impl, partitions, queues);
  log_if_error("assign", rd_kafka_assign(impl.client, list));
}

void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t* list, void* /*opaque*/);

}  // namespace

// rd_kafka's opaque is the ClientHealth (its error callback needs it); the Impl stands around it.
static Consumer::Impl& impl_of(rd_kafka_t* client) {
  auto* health = static_cast<ClientHealth*>(rd_kafka_opaque(client));
  static_assert(offsetof(Consumer::Impl, health) == 0, "impl_of() relies on health being the first member");
  return *reinterpret_cast<Consumer::Impl*>(health);
}

namespace {

void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t* list, void* /*opaque*/) {
  Consumer::Impl& impl = impl_of(client);
  impl.rebalancing.store(true, std::memory_order_release);
  switch (event) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
      assign(impl, list);
      impl.rebalancing.store(false, std::memory_order_release);
      impl.health.clear();
      break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
      impl.listener->on_revoke(to_partitions(list));
      log_if_error("unassign", rd_kafka_assign(client, nullptr));
      break;
    default:
      spdlog::warn("kafka group: rebalance: {}", rd_kafka_err2str(event));
      impl.listener->on_revoke(to_partitions(list));
      log_if_error("unassign", rd_kafka_assign(client, nullptr));
      break;
  }
}

}  // namespace

Consumer::Consumer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Consumer>> Consumer::create(const ConsumerOptions& options, RebalanceListener& listener) {
  const std::string queue_kbytes = std::to_string(options.queue_kbytes);
  // Members hear of a rebalance by their heartbeats: with 2 s between two the stream stood still for 1.9 s when a worker came or went, with
  // half a second for 0.4 s (make bench CASE=rebalance).
  auto conf = make_conf(
      options.client,
      {
        {"group.id", options.group.c_str()}, {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"},
            {"auto.offset.reset", "error"}, {"enable.partition.eof", "true"}, {"partition.assignment.strategy", "range,roundrobin"},
            {"session.timeout.ms", "10000"}, {"heartbeat.interval.ms", "500"}, {"topic.metadata.refresh.interval.ms", "30000"},
            {"allow.auto.create.topics", "false"}, {"isolation.level", "read_committed"}, {"queued.min.messages", "100000"},
            {"queued.max.messages.kbytes", queue_kbytes.c_str()}, {"fetch.wait.max.ms", "100"}, {"fetch.error.backoff.ms", "100"},
#if RD_KAFKA_VERSION >= 0x020200ff
            // A full queue is looked at again after this long; the client's default of 1 s starves a lane that folds faster.
            {"fetch.queue.backoff.ms", "10"},
#endif
            {"fetch.max.bytes", "4194304"}, {"reconnect.backoff.max.ms", "2000"}, {PartitionQueue::kServedTogetherSetting, "512"}, {
          "socket.keepalive.enable", "true"
        }
      },
      {{"enable.auto.commit", "positions live in the store"},
       {"auto.offset.reset", "a lost position must stop the partition, never reset it silently"},
       {"partition.assignment.strategy", "Foldline uses the eager protocol"},
       {"group.id", "it is the projection file's `group`"},
       {"enable.partition.eof", "lag is measured with it"},
       {PartitionQueue::kServedTogetherSetting, "without it, the client would go past queued.max.messages.kbytes"}});
  if (!conf) return fail(conf.error());
  auto impl = std::make_shared<Impl>();
  impl->listener = &listener;
  attach_callbacks(conf->get(), &impl->health);
  rd_kafka_conf_set_rebalance_cb(conf->get(), &on_rebalance);
  std::array<char, 512> why{};
  impl->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why.data(), why.size());
  if (impl->client == nullptr) return fail(ErrorCode::config, std::string("Kafka consumer: ") + why.data());
  static_cast<void>(conf->release());  // the client owns it now
  rd_kafka_poll_set_consumer(impl->client);
  return std::unique_ptr<Consumer>(new Consumer(std::move(impl)));
}

Consumer::~Consumer() {
  if (impl_ != nullptr && impl_->client != nullptr) rd_kafka_consumer_close(impl_->client);
}

Result<void> Consumer::subscribe(const std::vector<std::string>& topics) {
  const TopicList list = new_topic_list(topics.size());
  for (const std::string& topic : topics) rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(impl_->client, list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(ErrorCode::log_unavailable, std::string("subscribing: ") + rd_kafka_err2str(error), "check the names under `topics`");
  }
  return {};
}

Result<void> Consumer::assign(const std::vector<TopicPartition>& partitions) {
  const TopicList list = new_topic_list(partitions.size());
  for (const TopicPartition& p : partitions) rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.partition);
  start_at_the_end(impl_->client, list.get());
  split_queues(*impl_, partitions, impl_->listener->on_assign(partitions));
  const rd_kafka_resp_err_t error = rd_kafka_assign(impl_->client, list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return fail(ErrorCode::log_unavailable, std::string("assigning partitions: ") + rd_kafka_err2str(error), "is a broker reachable?", true);
}

void Consumer::poll(std::chrono::milliseconds timeout) {
  rd_kafka_message_t* message = rd_kafka_consumer_poll(impl_->client, static_cast<int>(timeout.count()));
  if (message == nullptr) return;
  // Records go to the lanes' queues; what arrives here are the group's own errors.
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const char* topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : "";
    const char* reason = rd_kafka_message_errstr(message);
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && *topic == '^') {
      // A pattern waits for its topics; that is no trouble.
      spdlog::info("kafka group: no topic matches {} yet", topic);
      rd_kafka_message_destroy(message);
      return;
    }
    spdlog::warn("kafka group: {} {}", topic, reason != nullptr ? reason : rd_kafka_err2str(message->err));
    impl_->health.set_error(std::string(reason != nullptr ? reason : rd_kafka_err2str(message->err)));
  }
  rd_kafka_message_destroy(message);
}

void Consumer::leave() {
  log_if_error("unsubscribe", rd_kafka_unsubscribe(impl_->client));
  // The revoke arrives through poll(); a second is enough on a healthy broker, and without one the session times out by itself.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < deadline) {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    rd_kafka_assignment(impl_->client, &assigned);
    const TopicList owned(assigned);
    if (assigned == nullptr || assigned->cnt == 0) return;
    poll(std::chrono::milliseconds(50));
  }
}

Result<int> Consumer::partition_count(const std::string& topic, std::chrono::milliseconds timeout) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(impl_->client, topic.c_str(), nullptr);
  if (handle == nullptr) return fail(ErrorCode::config, "`" + topic + "` is not a topic name");
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(impl_->client, 0, handle, &metadata, static_cast<int>(timeout.count()));
  rd_kafka_topic_destroy(handle);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(ErrorCode::log_unavailable, std::string("no broker answers: ") + rd_kafka_err2str(error),
                "check kafka.brokers and the network", true);
  }
  const int count =
      metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  impl_->health.clear();
  return count;
}

Result<std::map<std::string, int>> Consumer::topics(std::chrono::milliseconds timeout) { return list_topics(impl_->client, timeout); }

std::string Consumer::last_error() const { return impl_->health.last_error(); }

std::unique_ptr<PartitionQueue> Consumer::new_queue() { return std::make_unique<PartitionQueue>(impl_); }

}  // namespace foldline::kafka
