#include "sinks/dead_letter/kafka_letters.h"

#include <spdlog/spdlog.h>

namespace foldline {

namespace {

std::vector<std::pair<std::string, std::optional<std::string>>> letter_headers(const Letter& letter, const std::string& projection) {
  std::vector<std::pair<std::string, std::optional<std::string>>> out = {
      {"foldline-letter-id", letter_id(projection, letter.topic_partition, letter.offset)},
      {"foldline-reason", letter.reason.substr(0, kMaxHeaderBytes)},
      {"foldline-stage", std::string(to_string(letter.stage))},
      {"foldline-projection", projection},
      {"foldline-topic", letter.topic_partition.topic},
      {"foldline-partition", std::to_string(letter.topic_partition.partition)},
      {"foldline-offset", std::to_string(letter.offset)},
      {"foldline-retry-count", std::to_string(letter.retry_count)},
  };
  if (!letter.event_id.empty()) out.emplace_back("foldline-event-id", letter.event_id.substr(0, kMaxHeaderBytes));
  if (!letter.correlation_id.empty()) out.emplace_back("foldline-correlation-id", letter.correlation_id.substr(0, kMaxHeaderBytes));
  return out;
}

}  // namespace

KafkaLetters::KafkaLetters(std::unique_ptr<kafka::Producer> producer, KafkaLettersOptions options)
    : producer_(std::move(producer)), options_(std::move(options)) {}

Result<void> KafkaLetters::ensure_topics(std::span<const Letter> letters) {
  std::set<std::string> missing;
  for (const Letter& letter : letters) {
    std::string topic = letter_topic(options_.topic_template, letter.topic_partition.topic);
    if (!known_topics_.contains(topic)) missing.insert(std::move(topic));
  }
  if (missing.empty()) return {};
  const std::vector<std::string> names(missing.begin(), missing.end());
  // Dated by the broker: a letter must be taken from a machine whose clock is wrong, too (G28).
  // One partition unless the broker's default says more: letters are few, and their order by time is worth keeping.
  if (auto made = producer_->ensure_topics(names, 1, kafka::DatedBy::broker); !made) {
    // Not allowed to create topics is no reason to stop when the topic exists: producing tells.
    spdlog::warn("dead letters: {}", made.error().message);
    return {};
  }
  known_topics_.insert(names.begin(), names.end());
  return {};
}

Result<void> KafkaLetters::publish(std::span<const Letter> letters) {
  if (letters.empty()) return {};
  if (auto ready = ensure_topics(letters); !ready) return ready;
  std::vector<kafka::OutgoingRecord> records;
  records.reserve(letters.size());
  for (const Letter& letter : letters) {
    const Redactor redactor = options_.redactor_of ? options_.redactor_of(letter.topic_partition.topic) : Redactor{};
    kafka::OutgoingRecord record;
    record.topic = letter_topic(options_.topic_template, letter.topic_partition.topic);
    if (letter.key) record.key = letter.key->substr(0, kMaxKeyBytes);
    record.value = letter_json(letter, options_.projection, redactor);
    record.headers = letter_headers(letter, options_.projection);
    records.push_back(std::move(record));
  }
  // Crash after some were acknowledged: the batch did not commit, so its events come again and so do their letters, with the same
  // letter IDs (G28).
  auto produced = producer_->produce_all(records);
  if (!produced) known_topics_.clear();  // the topic may have been deleted: look again before the next try
  return produced;
}

}  // namespace foldline
