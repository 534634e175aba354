// The distinct letters of a projection, and what has become of each: what `foldline dlq` counts, shows and replays (G28).
//
//   LetterIndex index("user-42");                      // only letters with this key count; nullopt: all
//   index.add(topic, partition, offset, read_letter_record(record, "analytics"));
//   for (const LetterHead& head : index.letters()) ...  // by source position
//
// A letter produced twice is one letter. A greater retryCount is the same letter after it failed again, and takes the place of the one
// before; so is a greater generation, whose rebuild made a letter of the event anew. The newest mark for that generation and retryCount
// says its state; marks for smaller ones speak of earlier tries.
//
// Memory: about 150 bytes a letter; kMaxLetters at most, so that a topic of any size can be looked at. Bodies stay in Kafka.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/error.h"
#include "sinks/dead_letter/letter_record.h"

namespace foldline {

inline constexpr std::size_t kMaxLetters = 2'000'000;

// Where a letter's newest copy stands.
struct LetterPlace {
  std::uint32_t topic = 0;  // LetterIndex::name()
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

struct LetterHead {
  std::uint32_t topic = 0;  // of the event; LetterIndex::name()
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint32_t stage = 0;
  std::uint32_t reason = 0;
  std::uint32_t type = 0;
  std::int32_t retry_count = 0;
  std::int64_t generation = 1;
  std::int64_t timestamp_us = 0;
  std::int64_t failed_at_us = 0;
  LetterPlace place;
  LetterState state = LetterState::open;
};

class LetterIndex {
 public:
  explicit LetterIndex(std::string projection, std::optional<std::string> key = std::nullopt)
      : projection_(std::move(projection)), key_(std::move(key)) {}

  // Records of one partition in offset order. Error (code limit): more than kMaxLetters.
  Result<void> add(const std::string& letter_topic, std::int32_t partition, std::int64_t offset, const LetterRecord& record);

  // Distinct letters by source topic, partition, offset: the order in which a replay must write them.
  [[nodiscard]] std::vector<LetterHead> letters() const;
  [[nodiscard]] const std::string& name(std::uint32_t index) const { return names_[index]; }
  [[nodiscard]] std::string id_of(const LetterHead& head) const;

  [[nodiscard]] std::uint64_t foreign_records() const { return foreign_; }
  [[nodiscard]] const std::string& first_foreign() const { return first_foreign_; }  // where and why; empty: none

 private:
  struct Mark {
    LetterState state = LetterState::open;
    std::int64_t generation = 0;
    std::int32_t retry_count = -1;
    std::int64_t at_us = 0;
  };
  struct Entry {
    LetterHead head;
    bool found = false;  // else only marks: the letter itself is no longer retained, or has another key
    Mark mark;
  };
  Result<Entry*> entry_of(const std::string& letter_id);
  std::uint32_t intern(const std::string& name);

  std::string projection_;
  std::optional<std::string> key_;
  std::unordered_map<std::string, Entry> entries_;  // by the letter's ID without the projection
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> interned_;
  std::uint64_t foreign_ = 0;
  std::string first_foreign_;
};

}  // namespace foldline
