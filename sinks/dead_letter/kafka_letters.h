// Letters to Kafka: JSON for people and tools, with the essentials again in headers (G28).
//
//   KafkaLetters letters(std::move(producer), {.projection = "analytics", .topic_template = "{topic}.dlq"});
//   Result<void> r = letters.publish(batch.letters);   // acknowledged, or the batch is not committed
//
// The record's key is the original key, so that a key's letters keep their order.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "common/kafka/producer.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

// Answers a record's value with the paths that must not be shown as ***, or nothing when it can't (not JSON): then the letter holds
// only the position.
using Redactor = std::function<std::optional<std::string>(std::string_view value)>;

struct KafkaLettersOptions {
  std::string projection;
  std::string topic_template = "{topic}.dlq";               // {topic}: the record's topic
  std::function<Redactor(const std::string&)> redactor_of;  // by topic; empty, or an empty Redactor: nothing is redacted
};

// A letter must always be producible: longer originals become a pointer to their position, longer context is cut.
inline constexpr std::size_t kMaxOriginalBytes = 512 * 1024;
inline constexpr std::size_t kMaxErrorBytes = 4096;
inline constexpr std::size_t kMaxKeyBytes = 4096;
inline constexpr std::size_t kMaxHeaderBytes = 1024;
inline constexpr std::size_t kMaxHeaders = 64;

std::string letter_id(const std::string& projection, const TopicPartition& topic_partition, std::int64_t offset);
std::string letter_topic(const std::string& topic_template, const std::string& topic);
// The letter's JSON. Pure, for tests.
std::string letter_json(const Letter& letter, const std::string& projection, const Redactor& redactor);

class KafkaLetters final : public LetterSink {
 public:
  KafkaLetters(std::unique_ptr<kafka::Producer> producer, KafkaLettersOptions options);

  // Creates a letter topic on its first letter when it is absent.
  Result<void> publish(std::span<const Letter> letters) override;

 private:
  Result<void> ensure_topics(std::span<const Letter> letters);

  std::unique_ptr<kafka::Producer> producer_;
  KafkaLettersOptions options_;
  std::set<std::string> known_topics_;
};

}  // namespace foldline
