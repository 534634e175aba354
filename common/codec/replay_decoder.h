// A letter's event on its way back: what `foldline dlq replay` writes to the topic PROJECTION.replay, and how the worker reads it.
//
//   record.headers = replay_headers({"shop:orders:0:42", 0, "orders", 0, 42, timestamp_us});   // then the original ones
//   auto decoder = make_replay_decoder({.projection = "shop", .source_of = …, .decoders = …});
//
// Key, value and headers are the original record's; seven headers in front of them say where it stood. The decoder rebuilds that record, so
// that expressions see the original topic, partition, offset, timestamp and headers, and hands it to the decoder of the topic's source.
// Its identity for the processed IDs is the letter's ID and retry count, so the window lets each try through once (G14). `Event::id` stays
// the event's own: `newest_by` breaks ties by it as it did for the original.
//
// Errors: a record without these headers, or with damaged ones, is an error (code decode) and keeps its own position: nothing else is known
// of it. A topic that no source reads any more is one of the original position.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/codec/decoder.h"

namespace foldline::codec {

// Where a replayed record stood, and as which try of which letter it comes.
struct ReplayOrigin {
  std::string_view letter_id;    // PROJECTION:TOPIC:PARTITION:OFFSET
  std::int32_t retry_count = 0;  // of the letter
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_us = 0;
  std::int64_t generation = 1;  // in which it failed
};

using OwnedHeaders = std::vector<std::pair<std::string, std::optional<std::string>>>;

// foldline-letter-id, -retry-count, -topic, -partition, -offset, -timestamp (µs since 1970), -generation, in this order, before the
// original headers: the original's may bear the same names.
inline constexpr std::size_t kReplayHeaders = 7;
OwnedHeaders replay_headers(const ReplayOrigin& origin);
// Points into `headers`.
Result<ReplayOrigin> read_replay_headers(std::span<const Header> headers);

struct ReplayDecoderOptions {
  std::uint32_t index = 0;  // of the replay topic in the worker's sources
  std::string projection;
  std::function<int(const std::string& topic)> source_of;  // index in `decoders`; anything else: no source reads it
  std::vector<std::unique_ptr<Decoder>> decoders;          // one per source
};

// Must outlive the batches that it decoded for, as every lane's decoders do: the rebuilt records point to its names of partitions.
std::unique_ptr<Decoder> make_replay_decoder(ReplayDecoderOptions options);

}  // namespace foldline::codec
