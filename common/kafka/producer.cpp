#include "common/kafka/producer.h"

#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include <array>
#include <functional>
#include <map>

namespace foldline::kafka {

namespace {

constexpr int kMetadataTimeoutMs = 2'000;

// What the delivery reports of one produce_all() add up to; passed to librdkafka as each message's opaque.
struct Delivery {
  std::size_t open = 0;
  rd_kafka_resp_err_t first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string failed_topic;
};

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto* delivery = static_cast<Delivery*>(message->_private);
  --delivery->open;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && delivery->first_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    delivery->first_error = message->err;
    delivery->failed_topic = rd_kafka_topic_name(message->rkt);
  }
}

bool can_never_succeed(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

Error produce_error(rd_kafka_resp_err_t error, const std::string& topic) {
  std::string hint = "the batch is not committed; it is tried again";
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    hint = "create the topic, or let the worker create it (it needs the right to)";
  } else if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    hint = "give the worker's user the right to write to this topic";
  } else if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    hint = "raise max.message.bytes of the topic";
  } else if (error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
    hint = "this machine's clock is ahead of the broker's: correct it, or set message.timestamp.type=LogAppendTime for the topic";
  }
  return {ErrorCode::dead_letter, "writing to topic " + topic + ": " + rd_kafka_err2str(error), std::move(hint), !can_never_succeed(error)};
}

}  // namespace

struct Producer::Impl {
  ClientHealth health;
  rd_kafka_t* client = nullptr;

  std::map<std::string, rd_kafka_topic_t*, std::less<>> topics;  // those that were ensured

  ~Impl() {
    if (client == nullptr) return;
    for (const auto& [name, topic] : topics) rd_kafka_topic_destroy(topic);
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_poll(client, 0);
    rd_kafka_destroy(client);
  }
};

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::~Producer() = default;

Result<std::unique_ptr<Producer>> Producer::create(const ClientOptions& options) {
  // Letters may be as large as the records they hold, with base64 and context on top.
  auto conf = make_conf(options,
                        {{"enable.idempotence", "true"},
                         {"acks", "all"},
                         kOneRequestUnderWay,
                         {"compression.codec", "lz4"},
                         {"linger.ms", "0"},
                         {"message.max.bytes", "33554432"},
                         {"delivery.timeout.ms", "10000"},
                         {"socket.keepalive.enable", "true"}},
                        {{"enable.idempotence", "letters must not be written twice by a retry"},
                         {"acks", "a letter must survive a broker"},
                         kNotMoreUnderWay,
                         kNotMoreUnderWayEither});
  if (!conf) return fail(conf.error());
  auto impl = std::make_unique<Impl>();
  attach_callbacks(conf->get(), &impl->health);
  rd_kafka_conf_set_dr_msg_cb(conf->get(), &on_delivery);
  std::array<char, 512> why{};
  impl->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why.data(), why.size());
  if (impl->client == nullptr) return fail(ErrorCode::config, std::string("Kafka producer: ") + why.data());
  static_cast<void>(conf->release());  // the client owns it now
  return std::unique_ptr<Producer>(new Producer(std::move(impl)));
}

namespace {

rd_kafka_resp_err_t enqueue(rd_kafka_t* client, const OutgoingRecord& record, Delivery* delivery) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  // rd_kafka_produceva() and not producev(): its arguments are typed. librdkafka copies key and value (F_COPY) before it returns.
  std::array<rd_kafka_vu_t, 6> arguments{};
  arguments[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  arguments[0].u.cstr = record.topic.c_str();
  arguments[1].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[1].u.mem = {record.key ? const_cast<char*>(record.key->data()) : nullptr, record.key ? record.key->size() : 0};
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem = {record.value ? const_cast<char*>(record.value->data()) : nullptr, record.value ? record.value->size() : 0};
  arguments[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  arguments[3].u.headers = headers;
  arguments[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[4].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[5].u.ptr = delivery;
  rd_kafka_error_t* refused = rd_kafka_produceva(client, arguments.data(), arguments.size());
  const rd_kafka_resp_err_t error = refused != nullptr ? rd_kafka_error_code(refused) : RD_KAFKA_RESP_ERR_NO_ERROR;
  if (refused != nullptr) rd_kafka_error_destroy(refused);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
  return error;
}

}  // namespace

Result<void> Producer::produce_all(std::span<const OutgoingRecord> records) {
  Delivery delivery;  // outlives every report: the loops below return only when none is open
  const auto deadline = std::chrono::steady_clock::now() + kDeliveryTimeout;
  for (const OutgoingRecord& record : records) {
    rd_kafka_resp_err_t error;
    while ((error = enqueue(impl_->client, record, &delivery)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           std::chrono::steady_clock::now() < deadline) {
      rd_kafka_poll(impl_->client, 50);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (delivery.first_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        delivery.first_error = error;
        delivery.failed_topic = record.topic;
      }
      break;
    }
    ++delivery.open;
  }
  // delivery.timeout.ms (10 s) is shorter than our deadline, so every report comes in time; purge only guards against a bug there.
  while (delivery.open > 0 && std::chrono::steady_clock::now() < deadline) rd_kafka_poll(impl_->client, 50);
  if (delivery.open > 0) {
    rd_kafka_purge(impl_->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (delivery.open > 0) rd_kafka_poll(impl_->client, 50);
  }
  if (delivery.first_error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return fail(produce_error(delivery.first_error, delivery.failed_topic));
}

// One request, which also tells the client where the topic is led.
bool Producer::is_there(const std::string& topic) {
  rd_kafka_topic_t*& handle = impl_->topics[topic];
  if (handle == nullptr) handle = rd_kafka_topic_new(impl_->client, topic.c_str(), nullptr);
  if (handle == nullptr) return false;  // not a name; creating it says so
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(impl_->client, 0, handle, &metadata, kMetadataTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const bool there =
      metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt > 0;
  rd_kafka_metadata_destroy(metadata);
  return there;
}

Result<void> Producer::ensure_topics(std::span<const std::string> topics, int partitions, DatedBy dated_by) {
  std::vector<std::string> missing;
  for (const std::string& topic : topics) {
    if (!is_there(topic)) missing.push_back(topic);
  }
  if (missing.empty()) return {};
  if (auto made = create_topics(missing, partitions, dated_by); !made) return made;
  for (const std::string& topic : missing) static_cast<void>(is_there(topic));
  return {};
}

Result<void> Producer::create_topics(std::span<const std::string> topics, int partitions, DatedBy dated_by) {
  std::vector<rd_kafka_NewTopic_t*> wanted;
  std::array<char, 512> why{};
  for (const std::string& topic : topics) {
    rd_kafka_NewTopic_t* request = rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, why.data(), why.size());
    if (request == nullptr) {
      rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
      return fail(ErrorCode::config, "topic " + topic + ": " + why.data());
    }
    if (dated_by == DatedBy::broker) static_cast<void>(rd_kafka_NewTopic_set_config(request, "message.timestamp.type", "LogAppendTime"));
    wanted.push_back(request);
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(impl_->client);
  rd_kafka_AdminOptions_t* admin = rd_kafka_AdminOptions_new(impl_->client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_AdminOptions_set_request_timeout(admin, 5'000, why.data(), why.size());
  rd_kafka_CreateTopics(impl_->client, wanted.data(), wanted.size(), admin, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 6'000);

  Result<void> out;
  if (event == nullptr || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* reason = event == nullptr ? "no answer" : rd_kafka_event_error_string(event);
    out = fail(ErrorCode::dead_letter, std::string("creating topics: ") + reason, "is a broker reachable?", true);
  } else {
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (std::size_t i = 0; i < count; ++i) {
      const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
      out = fail(ErrorCode::dead_letter,
                 std::string("creating topic ") + rd_kafka_topic_result_name(results[i]) + ": " + rd_kafka_err2str(error),
                 "create it by hand, or give the worker's user the right to", true);
    }
  }
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(admin);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  return out;
}

}  // namespace foldline::kafka
