// A record as Kafka gave it, and an event as the decoder made it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/value.h"

namespace foldline {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
  [[nodiscard]] std::string to_string() const { return topic + "/" + std::to_string(partition); }
};

struct Header {
  std::string_view name;
  std::optional<std::string_view> value;  // nullopt: null
};

// Views only: whoever hands out a Record says how long it lives. The payload of a record in a batch is followed by
// kRecordPaddingBytes readable bytes, because simdjson reads past the end.
inline constexpr std::size_t kRecordPaddingBytes = 64;

struct Record {
  const TopicPartition* topic_partition = nullptr;
  std::uint32_t slot = 0;  // index of the partition in its lane's assignment
  std::int64_t offset = 0;
  std::int64_t timestamp_us = 0;
  std::optional<std::string_view> key;    // nullopt: null
  std::optional<std::string_view> value;  // nullopt: null (a tombstone)
  std::span<const Header> headers;
};

// The attributes of an event have fixed slots; the paths that expressions use have the slots after them.
enum AttributeSlot : std::uint32_t {
  kSlotType,
  kSlotId,
  kSlotTime,
  kSlotKey,
  kSlotSource,
  kSlotSchemaVersion,
  kSlotCorrelationId,
  kSlotRecordKey,
  kSlotRecordTimestamp,
  kSlotRecordTopic,
  kSlotRecordPartition,
  kSlotRecordOffset,
  kAttributeSlots,
};

// What a replayed event carries of the letter it comes from (common/codec/replay_decoder.h).
struct Replay {
  std::string_view identity;     // letter ID and retry count: what the processed IDs remember in place of the event's own ID (G14)
  std::int32_t retry_count = 0;  // of that letter
  std::int64_t generation = 1;   // in which it failed: another one has folded its event by itself, or made a letter of its own
};

// Lives in its batch's arena. `slots` is what expressions read: attributes first, then one slot a path of the source's PathSet;
// a path that is not there is absent.
struct Event {
  const Record* record = nullptr;
  std::uint32_t source = 0;  // index in the projection's sources
  std::span<const Value> slots;
  std::string_view type;
  std::string_view id;  // empty: the position is the identity (G14)
  std::int64_t time_us = 0;
  std::string_view correlation_id;  // empty: none
  const Replay* replay = nullptr;   // null: not replayed. Else `record` is the original one, not the one of the replay topic
};

}  // namespace foldline
