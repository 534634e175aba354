// A bare librdkafka client for the benchmark's programs: what a plain program would write.
//
//   KafkaClient client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers}, {"group.id", "bench"}});
//   client.assign("orders", 0);   rd_kafka_consumer_poll(client.get(), 100);
//
// Exits with a message when something fails. Not for the product.
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <utility>
#include <vector>

namespace foldline::bench {

void check_kafka(rd_kafka_resp_err_t error, const std::string& doing);
// Destroys the error.
void check_kafka(rd_kafka_error_t* error, const std::string& doing);

class KafkaClient {
 public:
  KafkaClient(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  [[nodiscard]] rd_kafka_t* get() const { return client_; }
  [[nodiscard]] int partitions(const std::string& topic) const;
  // A consumer reads all of the topic's partitions, without a group; `offset` as librdkafka takes it.
  void assign(const std::string& topic, std::int64_t offset) const;

 private:
  rd_kafka_t* client_ = nullptr;
};

}  // namespace foldline::bench
