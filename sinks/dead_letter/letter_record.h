// What stands in a dead-letter topic, read back: letters, and the marks that tools leave behind them.
//
//   LetterRecord read = *read_letter_record(record, "analytics");   // a letter, a mark, or neither
//   std::optional<std::string> bytes = original_bytes(letter_text); // the event as it was
//
// A mark says what became of a letter: {"letterId","state","generation","retryCount","at","because","by"}, keyed by the letter's ID, with
// the headers foldline-marker (the state), foldline-letter-id and foldline-projection. It speaks of one try: a letter that fails again
// after a replay has a greater retryCount, which no mark speaks of yet.
//
// Format of a letter: letter_json() in kafka_letters.h. Reading is strict about what identifies a letter and lenient about the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/kafka/producer.h"
#include "common/record.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

inline constexpr std::string_view kMarkerHeader = "foldline-marker";
inline constexpr std::size_t kMaxBecauseBytes = 1024;

enum class LetterState : std::uint8_t {
  open,
  replayed,
  discarded,
};
std::string_view to_string(LetterState state);

// A letter without its event. Texts as the letter has them: cut, and redacted where its source hides something.
struct LetterSummary {
  std::string letter_id;
  std::int32_t retry_count = 0;
  std::int64_t generation = 1;
  TopicPartition topic_partition;  // where the event stood
  std::int64_t offset = 0;
  std::int64_t timestamp_us = 0;  // of its record
  std::int64_t failed_at_us = 0;
  std::string stage;
  std::string reason;
  std::string error;
  std::string encoding;            // json, base64, null, redacted, pointer
  std::optional<std::string> key;  // nullopt: null
  std::string event_id;
  std::string event_type;
  std::string correlation_id;
};

struct LetterMark {
  std::string letter_id;
  LetterState state = LetterState::replayed;
  std::int32_t retry_count = 0;  // of the letter that it speaks of
  std::int64_t generation = 1;   // and its generation
  std::int64_t at_us = 0;
  std::string because;  // empty: not said
  std::string by;
};

// At most one of them; neither: the record is another projection's, or no letter at all (`foreign`).
struct LetterRecord {
  std::optional<LetterSummary> letter;
  std::optional<LetterMark> mark;
  bool foreign = false;  // not Foldline's, or damaged: `why`
  std::string why;
};
LetterRecord read_letter_record(const Record& record, std::string_view projection);

// From a letter's text. An error (code decode): the text is no letter.
Result<LetterSummary> read_letter(std::string_view text);

// The event's bytes exactly as they were. `held` false: the letter does not hold them (pointer, redacted), or holds key or headers that
// were cut; they must be read at the event's own position. `value` of a redacted one is what may be shown.
struct OriginalEvent {
  bool held = false;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};
Result<OriginalEvent> read_original(std::string_view text);

// The record that leaves a mark; `letter_topic`: the topic that the letter stands in.
kafka::OutgoingRecord mark_record(const LetterMark& mark, const std::string& projection, const std::string& letter_topic);

}  // namespace foldline
