// A group member for tests of the log on a real broker.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/kafka/consumer.h"
#include "engine/kafka_log.h"

namespace foldline {

// What came from a log.
struct Collected : LogVisitor {
  std::map<std::uint32_t, std::vector<std::int64_t>> offsets;
  std::map<std::uint32_t, std::int64_t> ends;
  std::vector<Error> errors;
  bool on_record(const Record& record) override {
    offsets[record.slot].push_back(record.offset);
    return true;
  }
  void on_end(std::uint32_t slot, std::int64_t offset) override { ends[slot] = offset; }
  void on_error(std::uint32_t /*slot*/, const Error& error) override { errors.push_back(error); }
};

// A group member with one lane's log, driven by hand.
struct Member : kafka::RebalanceListener {
  std::unique_ptr<kafka::Consumer> consumer;
  std::unique_ptr<KafkaLog> log;
  std::vector<TopicPartition> assigned;
  int assignments = 0;

  Member(const kafka::ClientOptions& client, const std::string& group) {
    auto made = kafka::Consumer::create({.client = client, .group = group}, *this);
    EXPECT_TRUE(made) << made.error().message;
    consumer = std::move(*made);
    log = std::make_unique<KafkaLog>(consumer->new_queue());
  }
  ~Member() override { consumer.reset(); }

  std::vector<kafka::PartitionQueue*> on_assign(const std::vector<TopicPartition>& partitions) override {
    assigned = partitions;
    ++assignments;
    log->reset(partitions);
    return std::vector<kafka::PartitionQueue*>(partitions.size(), &log->queue());
  }
  void on_revoke(const std::vector<TopicPartition>& /*partitions*/) override {
    assigned.clear();
    log->reset({});
  }
  bool join(const std::string& topic, std::size_t partitions) {
    return consumer->subscribe({topic}).has_value() && poll_until([&] { return assigned.size() == partitions; });
  }
  bool poll_until(const std::function<bool()>& done, LogVisitor* visitor = nullptr) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      consumer->poll(std::chrono::milliseconds(10));
      if (visitor != nullptr) log->poll(1000, *visitor);
    }
    return done();
  }
};

inline std::vector<std::int64_t> range(std::int64_t first, std::int64_t end) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = first; i < end; ++i) out.push_back(i);
  return out;
}

}  // namespace foldline
