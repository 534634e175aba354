// A letter: a dead-lettered event with its error, complete enough to understand and to replay it (G28).
//
// One per event; its ID is projection:topic:partition:offset, so a letter produced twice is one letter to every tool.
// Letters are acknowledged by Kafka before the batch that skips their events commits: no event is ever in neither place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/record.h"

namespace foldline {

enum class Stage : std::uint8_t {
  decode,
  project,
  store
};
std::string_view to_string(Stage stage);

struct Letter {
  Stage stage = Stage::decode;
  ErrorCode code = ErrorCode::decode;
  std::string reason;  // short and countable, letter_reason(): "Not enough coins", "total_cents: … is not a bigint"
  std::string error;   // message and hint for people
  std::int64_t failed_at_us = 0;
  std::int32_t retry_count = 0;
  std::int64_t generation = 1;  // in which the event failed
  TopicPartition topic_partition;
  std::int64_t offset = 0;
  std::int64_t timestamp_us = 0;               // of the record
  std::optional<std::string> key;              // nullopt: null
  std::optional<std::string> value;            // the original bytes; nullopt: null
  std::optional<std::uint64_t> omitted_bytes;  // set: the record has this size and was too large to be kept; `value` is null
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::string event_id;  // empty: unknown or none
  std::string event_type;
  std::string correlation_id;
};

class LetterSink {
 public:
  virtual ~LetterSink() = default;
  // Produces all and waits until each is acknowledged. On an error some may have been written all the same: publishing the
  // same letters again is harmless. Blocks up to its time-out; called from a lane's executor.
  virtual Result<void> publish(std::span<const Letter> letters) = 0;
};

}  // namespace foldline
