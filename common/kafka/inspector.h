// Asks brokers about topics and offsets without joining a group: for `status` and its like.
//
//   auto inspector = *Inspector::create(options);
//   auto topics = *inspector->topics();                       // name → number of partitions
//   auto bounds = *inspector->watermarks({"orders", 0});
//
// Every call blocks for up to kTimeout. One thread at a time.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "common/kafka/client.h"
#include "common/kafka/consumer.h"

namespace foldline::kafka {

class Inspector {
 public:
  static constexpr std::chrono::milliseconds kTimeout{5'000};

  static Result<std::unique_ptr<Inspector>> create(const ClientOptions& options);
  ~Inspector();
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  Result<std::map<std::string, int>> topics();
  Result<Watermarks> watermarks(const TopicPartition& partition);

 private:
  Inspector() = default;
  ClientHealth health_;
  rd_kafka_t* client_ = nullptr;
};

}  // namespace foldline::kafka
