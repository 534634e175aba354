#include "bench/limits/kafka_client.h"

#include <array>

#include "bench/limits/program.h"

namespace foldline::bench {

namespace {
constexpr int kMetadataTimeoutMs = 10'000;
}  // namespace

void check_kafka(rd_kafka_resp_err_t error, const std::string& doing) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("{}: {}", doing, rd_kafka_err2str(error));
}

void check_kafka(rd_kafka_error_t* error, const std::string& doing) {
  if (error != nullptr) give_up("{}: {}", doing, rd_kafka_error_string(error));
}

KafkaClient::KafkaClient(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings) {
  std::array<char, 512> why{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) give_up("{}", why.data());
  }
  client_ = rd_kafka_new(type, conf, why.data(), why.size());
  if (client_ == nullptr) give_up("Kafka client: {}", why.data());
  if (type == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(client_);
}

KafkaClient::~KafkaClient() {
  if (rd_kafka_type(client_) == RD_KAFKA_CONSUMER) rd_kafka_consumer_close(client_);
  rd_kafka_destroy(client_);
}

int KafkaClient::partitions(const std::string& topic) const {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  check_kafka(rd_kafka_metadata(client_, 0, handle, &metadata, kMetadataTimeoutMs), "asking for topic " + topic);
  const int count = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  if (count == 0) give_up("there is no topic {}", topic);
  return count;
}

void KafkaClient::assign(const std::string& topic, std::int64_t offset) const {
  const int count = partitions(topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(count);
  for (int p = 0; p < count; ++p) rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = offset;
  check_kafka(rd_kafka_assign(client_, list), "assigning " + topic);
  rd_kafka_topic_partition_list_destroy(list);
}

}  // namespace foldline::bench
