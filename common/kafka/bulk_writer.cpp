#include "common/kafka/bulk_writer.h"

#include <librdkafka/rdkafka.h>

#include <array>

namespace foldline::kafka {

struct BulkWriter::Impl {
  ClientHealth health;
  rd_kafka_t* client = nullptr;
  rd_kafka_topic_t* topic = nullptr;
  std::string topic_name;
  std::string brokers;
  int partitions = 0;
  std::uint64_t written = 0;
  rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;  // of a delivery report, on the calling thread

  ~Impl() {
    if (topic != nullptr) rd_kafka_topic_destroy(topic);
    if (client == nullptr) return;
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_poll(client, 0);
    rd_kafka_destroy(client);
  }
};

namespace {

constexpr int kQueueFullWaitMs = 20;
constexpr std::uint64_t kPollEveryRecords = 1'000;

Error away(const std::string& brokers, const std::string& reason) {
  return {ErrorCode::log_unavailable, "no Kafka broker answers at " + brokers + ": " + reason,
          "is it running, and is the address right? (--brokers, or the variable KAFKA_BROKERS)", true};
}

Error write_error(rd_kafka_resp_err_t error, const std::string& topic, const std::string& brokers) {
  if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    return away(brokers, "records were not acknowledged in time; the topic holds a part of them");
  }
  std::string hint;
  if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) hint = "give this user the right to write to the topic";
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
    hint = "was the topic deleted meanwhile?";
  return {ErrorCode::log_unavailable, "writing to topic " + topic + ": " + rd_kafka_err2str(error), std::move(hint), false};
}

// The number of the topic's partitions; 0 when it is not there. All topics are listed because asking for one by name may create it.
Result<int> count_partitions(rd_kafka_t* client, const std::string& topic, const std::string& brokers) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error = rd_kafka_metadata(client, 1, nullptr, &metadata, static_cast<int>(BulkWriter::kMetadataTimeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(away(brokers, rd_kafka_err2str(error)));
  int partitions = 0;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (topic == metadata->topics[i].topic) partitions = metadata->topics[i].partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  return partitions;
}

}  // namespace

BulkWriter::BulkWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BulkWriter::~BulkWriter() = default;

Result<std::unique_ptr<BulkWriter>> BulkWriter::open(const ClientOptions& options, const std::string& topic) {
  auto conf = make_conf(options,
                        {{"enable.idempotence", "true"},
                         {"acks", "all"},
                         kOneRequestUnderWay,
                         {"compression.codec", "lz4"},
                         {"linger.ms", "20"},
                         {"batch.num.messages", "10000"},
                         {"queue.buffering.max.messages", "200000"},
                         {"partitioner", "murmur2_random"},
                         {"delivery.report.only.error", "true"},
                         {"delivery.timeout.ms", "60000"}},
                        {{"enable.idempotence", "a retry must not write twice"}, kNotMoreUnderWay, kNotMoreUnderWayEither});
  if (!conf) return fail(conf.error());
  auto impl = std::make_unique<Impl>();
  impl->topic_name = topic;
  impl->brokers = options.brokers;
  attach_callbacks(conf->get(), &impl->health);
  rd_kafka_conf_set_dr_msg_cb(conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    auto* self = static_cast<Impl*>(message->_private);
    if (self->first_error == RD_KAFKA_RESP_ERR_NO_ERROR) self->first_error = message->err;
  });
  std::array<char, 512> why{};
  impl->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why.data(), why.size());
  if (impl->client == nullptr) return fail(ErrorCode::config, std::string("Kafka producer: ") + why.data());
  static_cast<void>(conf->release());  // the client owns it now

  auto partitions = count_partitions(impl->client, topic, options.brokers);
  if (!partitions) return fail(partitions.error());
  if (*partitions == 0) return fail(ErrorCode::log_lost, "topic " + topic + " does not exist at " + options.brokers);
  impl->partitions = *partitions;
  impl->topic = rd_kafka_topic_new(impl->client, topic.c_str(), nullptr);
  if (impl->topic == nullptr) return fail(ErrorCode::config, "topic " + topic + ": " + rd_kafka_err2str(rd_kafka_last_error()));
  return std::unique_ptr<BulkWriter>(new BulkWriter(std::move(impl)));
}

int BulkWriter::partitions() const { return impl_->partitions; }

Result<void> BulkWriter::write(std::string_view key, std::string_view value) {
  Impl& impl = *impl_;
  const auto deadline = std::chrono::steady_clock::now() + kDeliveryTimeout;
  // F_COPY: librdkafka copies before it returns, so the cast away from const only satisfies its C signature.
  while (rd_kafka_produce(impl.topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()), value.size(), key.data(),
                          key.size(), &impl) != 0) {
    const rd_kafka_resp_err_t error = rd_kafka_last_error();
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return fail(write_error(error, impl.topic_name, impl.brokers));
    if (std::chrono::steady_clock::now() > deadline) return fail(write_error(RD_KAFKA_RESP_ERR__TIMED_OUT, impl.topic_name, impl.brokers));
    rd_kafka_poll(impl.client, kQueueFullWaitMs);
    if (impl.first_error != RD_KAFKA_RESP_ERR_NO_ERROR) break;
  }
  if (++impl.written % kPollEveryRecords == 0) rd_kafka_poll(impl.client, 0);
  if (impl.first_error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(write_error(impl.first_error, impl.topic_name, impl.brokers));
  return {};
}

Result<void> BulkWriter::finish() {
  Impl& impl = *impl_;
  const rd_kafka_resp_err_t flushed = rd_kafka_flush(impl.client, static_cast<int>(kDeliveryTimeout.count()) + 5'000);
  if (impl.first_error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(write_error(impl.first_error, impl.topic_name, impl.brokers));
  if (flushed != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(write_error(flushed, impl.topic_name, impl.brokers));
  return {};
}

}  // namespace foldline::kafka
