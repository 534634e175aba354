// A topic of its own for each test, on the broker that KAFKA_BROKERS names.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "common/kafka/producer.h"
#include "common/uuid.h"

namespace foldline {

class TopicFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("KAFKA_BROKERS");
    ASSERT_NE(brokers, nullptr) << "set KAFKA_BROKERS (deploy/local/stack env prints it)";
    client_.brokers = brokers;
    auto producer = kafka::Producer::create(client_);
    ASSERT_TRUE(producer) << producer.error().message;
    producer_ = std::move(*producer);
  }

  std::string new_topic(int partitions) {
    std::string name = "it-" + Uuid::random().to_string();
    const auto made = producer_->ensure_topics(std::vector<std::string>{name}, partitions);
    EXPECT_TRUE(made) << made.error().message;
    return name;
  }

  void produce(const std::string& topic, int first, int count) {
    std::vector<kafka::OutgoingRecord> records;
    for (int i = first; i < first + count; ++i) records.push_back({topic, "k" + std::to_string(i), "v" + std::to_string(i), {}});
    const auto produced = producer_->produce_all(records);
    ASSERT_TRUE(produced) << produced.error().message;
  }

  kafka::ClientOptions client_;
  std::unique_ptr<kafka::Producer> producer_;
};

}  // namespace foldline
