// A projection's dead-letter topics, read: what the dlq subcommands share.
//
//   auto letters = *DeadLetters::open(projection);
//   letters->read(filter.key, err);                                   // every letter topic, start to end
//   for (const LetterHead& head : chosen(filter, letters->index())) ...
//   auto text = letters->body(head);                                  // the letter's JSON, fetched on demand
//
// Which topics: those that exist and that a letter of one of the sources' topics, or of the replay topic, would go to; also letter topics
// of source topics that are gone. Reads only. Threads: one at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "cmd/foldline/project.h"
#include "common/kafka/topic_reader.h"
#include "sinks/dead_letter/letter_index.h"

namespace foldline {

struct LetterFilter {
  std::string reason{};  // patterns with *; empty: any
  std::string type{};
  std::string stage{};
  std::optional<std::string> key{};
  std::optional<std::int64_t> since_us{};  // failed at or after
  std::optional<std::int64_t> until_us{};  // failed before
  std::vector<std::string> ids{};          // empty: any
  bool all = false;                        // also those replayed or discarded

  [[nodiscard]] bool fits(const LetterIndex& index, const LetterHead& head) const;
};
std::vector<LetterHead> chosen(const LetterFilter& filter, const LetterIndex& index);

// A time (RFC 3339, or a date), or how long ago: 90m, 24h, 7d.
Result<std::int64_t> parse_moment_us(const std::string& text, std::int64_t now_us);

// Which of the existing topics hold letters of this projection.
std::vector<std::string> letter_topics(const config::ProjectionFile& file, const std::map<std::string, int>& topics);

struct LetterHistory {
  LetterPlace place;
  LetterRecord record;
};

class DeadLetters {
 public:
  static Result<std::unique_ptr<DeadLetters>> open(const Projection& projection);

  // `key`: only letters of this key count. `err` shows progress when it is a terminal's.
  Result<void> read(const std::optional<std::string>& key, std::ostream& err);
  // The same, keeping every letter and mark of one ID: its history, oldest first.
  Result<std::vector<LetterHistory>> read_history(const std::string& letter_id, std::ostream& err);

  [[nodiscard]] const LetterIndex& index() const { return index_; }
  [[nodiscard]] const std::vector<std::string>& letter_topics() const { return letter_topics_; }
  [[nodiscard]] bool exists(const std::string& topic) const { return topics_.contains(topic); }
  [[nodiscard]] kafka::TopicReader& reader() { return *reader_; }

  // The letters' JSON, by index in `heads`; one that has left its topic since it was read is left out.
  using VisitBody = std::function<Result<void>(std::size_t index, std::string_view text)>;
  Result<void> bodies(std::span<const LetterHead> heads, const VisitBody& visit);

 private:
  using Observe = std::function<void(const LetterPlace&, const LetterRecord&)>;

  explicit DeadLetters(const Projection& projection) : projection_(projection), index_(projection->file.projection) {}
  Result<void> scan(std::ostream& err, const Observe& observe);

  Projection projection_;
  std::unique_ptr<kafka::TopicReader> reader_;
  std::map<std::string, int> topics_;
  std::vector<std::string> letter_topics_;
  LetterIndex index_;
};

// One line on `err` when records in the letter topics are no letters.
void mention_foreign(const LetterIndex& index, std::ostream& err);

std::int64_t now_us();
// "1 letter", "2 letters", "12,000 letters"
std::string counted_letters(std::size_t count);

}  // namespace foldline
