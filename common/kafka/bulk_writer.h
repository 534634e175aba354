// Writes very many records to one topic, as fast as the brokers take them: for generated data, not for letters (see producer.h).
//
//   auto writer = *kafka::BulkWriter::open(options, "orders.events");
//   for (...) writer->write(key, value);   writer->finish();   // acknowledged by all in-sync replicas, or an error
//
// Idempotent: within one writer no record is written twice and each key's records keep their order. The partition is murmur2 of the key,
// as Java's producers choose it. Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/kafka/client.h"

namespace foldline::kafka {

class BulkWriter {
 public:
  static constexpr std::chrono::milliseconds kMetadataTimeout{10'000};
  static constexpr std::chrono::milliseconds kDeliveryTimeout{60'000};

  // log_unavailable: no broker answers. log_lost: the topic is not there (it is not created by the way).
  static Result<std::unique_ptr<BulkWriter>> open(const ClientOptions& options, const std::string& topic);
  ~BulkWriter();
  BulkWriter(const BulkWriter&) = delete;
  BulkWriter& operator=(const BulkWriter&) = delete;

  [[nodiscard]] int partitions() const;
  // Copies both; waits while the client's queue is full. An error is that of any record so far: those after it may or may not be there.
  Result<void> write(std::string_view key, std::string_view value);
  Result<void> finish();

 private:
  struct Impl;
  explicit BulkWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace foldline::kafka
