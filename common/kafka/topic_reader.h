// Reads a topic as it is now, from start to end, without joining a group: for tools, not for workers.
//
//   auto reader = *TopicReader::create(options);
//   auto read = reader->read_all("orders.dlq", 1, [&](std::int32_t partition, const Record& record) { … return Result<void>(); });
//   auto some = reader->read_at({"orders", 0}, offsets, visit);      // single records, by ascending offset
//
// The end is captured when the call starts, so a topic that is being written to comes to an end, too. Reads committed records only.
// Memory: what librdkafka prefetches (kPrefetchKbytes a partition), whatever the topic's size.
//
// Errors: log_unavailable (retryable) when brokers are away or nothing comes for kStallTimeout; an error of the visitor ends the call and
// is its answer. Records that retention takes away while they are read are passed over.
// Threads: one at a time. Crash: nothing is written anywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/kafka/client.h"
#include "common/record.h"

namespace foldline::kafka {

class TopicReader {
 public:
  static constexpr std::chrono::milliseconds kRequestTimeout{10'000};
  static constexpr std::chrono::milliseconds kStallTimeout{30'000};
  static constexpr int kPrefetchKbytes = 8192;
  static constexpr std::int64_t kSkipRecords = 2'000;  // of read_at(): a wider gap is jumped over, a narrower one read through

  // The record lives during the call; its slot and topic_partition are not filled in.
  using Visit = std::function<Result<void>(std::int32_t partition, const Record& record)>;

  static Result<std::unique_ptr<TopicReader>> create(const ClientOptions& options);
  ~TopicReader();
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  // Each partition in offset order, the partitions mixed. Answers how many records were visited.
  Result<std::uint64_t> read_all(const std::string& topic, int partitions, const Visit& visit);
  // The records at these ascending offsets, as far as the partition still holds them.
  Result<void> read_at(const TopicPartition& partition, std::span<const std::int64_t> offsets, const Visit& visit);

 private:
  struct Impl;
  class Run;
  explicit TopicReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace foldline::kafka
