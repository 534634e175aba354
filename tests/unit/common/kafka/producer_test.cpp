// Producers against librdkafka's own mock of a broker: answers that a real one gives only in a bad moment.
#include "common/kafka/producer.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/kafka/bulk_writer.h"
#include "common/kafka/inspector.h"

namespace foldline::kafka {
namespace {

constexpr std::int16_t kProduceRequest = 0;  // its number in Kafka's protocol

// One broker with one topic of one partition.
class MockBroker {
 public:
  MockBroker() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    cluster_ = rd_kafka_mock_cluster_new(client_, 1);
    rd_kafka_mock_topic_create(cluster_, "letters", 1, 1);
  }
  ~MockBroker() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }
  MockBroker(const MockBroker&) = delete;
  MockBroker& operator=(const MockBroker&) = delete;

  ClientOptions options() const {
    ClientOptions out;
    out.brokers = rd_kafka_mock_cluster_bootstraps(cluster_);
    return out;
  }
  // The next request to write is refused; each answer takes some time, so a client that sends the next one meanwhile does.
  void refuse_next_write() {
    constexpr int kAnswerMs = 150;
    rd_kafka_mock_broker_set_rtt(cluster_, 1, kAnswerMs);
    rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  }
  std::int64_t records() const {
    auto inspector = Inspector::create(options());
    EXPECT_TRUE(inspector);
    const auto bounds = (*inspector)->watermarks({"letters", 0});
    EXPECT_TRUE(bounds) << bounds.error().message;
    return bounds ? bounds->high : -1;
  }

 private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

// So large that no two of them go in one request (batch.size is a million bytes).
std::string large(char letter) { return std::string(700'000, letter); }

// A broker that knows nothing of a producer yet, as on a topic just made, takes any sequence number. The first request is refused, the
// second, sent meanwhile, is taken: librdkafka then believes that the first one was written too ("implicit acknowledgement").
TEST(ProducerTest, WhatIsAcknowledgedIsInTheLogAlsoWhenItsFirstRequestWasRefused) {  // G28
  MockBroker broker;
  auto producer = Producer::create(broker.options());
  ASSERT_TRUE(producer) << producer.error().message;
  ASSERT_TRUE((*producer)->ensure_topics(std::vector<std::string>{"letters"}, 1));
  broker.refuse_next_write();
  std::vector<OutgoingRecord> records;
  for (const char letter : {'a', 'b', 'c'}) records.push_back({"letters", std::nullopt, large(letter), {}});
  const auto produced = (*producer)->produce_all(records);
  ASSERT_TRUE(produced) << produced.error().message;
  EXPECT_EQ(broker.records(), 3);
}

TEST(ProducerTest, SoItIsOfABulk) {
  MockBroker broker;
  auto writer = BulkWriter::open(broker.options(), "letters");
  ASSERT_TRUE(writer) << writer.error().message;
  broker.refuse_next_write();
  for (const char letter : {'a', 'b', 'c'}) ASSERT_TRUE((*writer)->write("key", large(letter)));
  const auto finished = (*writer)->finish();
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(broker.records(), 3);
}

TEST(ProducerTest, MoreThanOneRequestUnderWayIsNotForTheOwnerToChoose) {
  ClientOptions options;
  options.brokers = "127.0.0.1:1";
  for (const char* name : {"max.in.flight.requests.per.connection", "max.in.flight"}) {
    options.options = {{name, Secret("5")}};
    const auto producer = Producer::create(options);
    ASSERT_FALSE(producer);
    EXPECT_NE(producer.error().message.find(name), std::string::npos) << producer.error().message;
    EXPECT_FALSE(BulkWriter::open(options, "letters"));
  }
}

}  // namespace
}  // namespace foldline::kafka
