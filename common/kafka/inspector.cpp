#include "common/kafka/inspector.h"

#include <librdkafka/rdkafka.h>

#include <array>

namespace foldline::kafka {

Result<std::unique_ptr<Inspector>> Inspector::create(const ClientOptions& options) {
  auto conf = make_conf(options, {}, {});
  if (!conf) return fail(conf.error());
  std::unique_ptr<Inspector> out(new Inspector());
  attach_callbacks(conf->get(), &out->health_);
  std::array<char, 512> why{};
  // A producer that produces nothing: the lightest client that can ask.
  out->client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why.data(), why.size());
  if (out->client_ == nullptr) return fail(ErrorCode::config, std::string("Kafka client: ") + why.data());
  static_cast<void>(conf->release());  // the client owns it now
  return out;
}

Inspector::~Inspector() {
  if (client_ != nullptr) rd_kafka_destroy(client_);
}

Result<std::map<std::string, int>> Inspector::topics() { return list_topics(client_, kTimeout); }

Result<Watermarks> Inspector::watermarks(const TopicPartition& partition) {
  Watermarks out;
  const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(client_, partition.topic.c_str(), partition.partition, &out.low,
                                                                     &out.high, static_cast<int>(kTimeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(ErrorCode::log_unavailable, "asking the bounds of " + partition.to_string() + ": " + rd_kafka_err2str(error),
                "is a broker reachable?", true);
  }
  return out;
}

}  // namespace foldline::kafka
