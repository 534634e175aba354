// An idempotent producer that answers when everything is acknowledged.
//
//   auto producer = *kafka::Producer::create(options);
//   Result<void> r = producer->produce_all(records);   // all acknowledged by all in-sync replicas, or an error
//
// Threads: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/kafka/client.h"

namespace foldline::kafka {

struct OutgoingRecord {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;  // nullopt: null
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

// Who dates the records of a topic that is made here. A broker refuses what a producer dates an hour ahead of it (since 3.6, by
// message.timestamp.after.max.ms): where a record must always be taken, whatever this machine's clock says, the broker dates it.
enum class DatedBy : std::uint8_t {
  producer,
  broker,
};

class Producer {
 public:
  static constexpr std::chrono::milliseconds kDeliveryTimeout{15'000};

  static Result<std::unique_ptr<Producer>> create(const ClientOptions& options);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Blocks until every record is acknowledged or one has failed (then the others may or may not have been written).
  // Error: code dead_letter, retryable unless the record can never be taken (too large, topic refused by authorisation).
  Result<void> produce_all(std::span<const OutgoingRecord> records);

  // Creates the topics that are not there; those that are, stay as they are. `partitions` -1: the broker's default. Afterwards the client
  // knows where they are led: without this the first record waits for its next look at the topics, half a second on average.
  Result<void> ensure_topics(std::span<const std::string> topics, int partitions, DatedBy dated_by = DatedBy::producer);

 private:
  struct Impl;
  explicit Producer(std::unique_ptr<Impl> impl);
  bool is_there(const std::string& topic);
  Result<void> create_topics(std::span<const std::string> topics, int partitions, DatedBy dated_by);
  std::unique_ptr<Impl> impl_;
};

}  // namespace foldline::kafka
