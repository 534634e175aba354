// Bytes to event: the record's format, the source's envelope, and only the paths that some expression uses.
//
// Threads: one Decoder per lane, used by one thread at a time. Everything in the Event points into `arena` or into the record's bytes,
// which must stay as long as the event does and be followed by kRecordPaddingBytes readable bytes. Except Event::slots, which are needed
// for projecting alone: they are good until the same decoder's kDecodedTogether-th next call. Decoding a record again gives the same event
// (G13).
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/arena.h"
#include "common/error.h"
#include "common/record.h"

namespace foldline {

enum class Decoded : std::uint8_t {
  event,
  skipped,  // the source's `when` was false, or the envelope's form has no event here (a Debezium tombstone, G11)
};

struct DecoderCounts {
  std::uint64_t missing_ids = 0;  // events whose named `id` was not there, so that their position stands in (G14)
  std::uint64_t skipped = 0;      // records that were answered with `skipped`
};

// So many events may be decoded before the first of them is projected. Slots that are used again stay in the cache; in the batch's arena
// they would be a third of its bytes.
inline constexpr std::size_t kDecodedTogether = 32;

class Decoder {
 public:
  virtual ~Decoder() = default;
  // An error (code decode or expression) makes the record a letter. What was known of the event by then (type, id, time,
  // correlation_id) is filled in `event` all the same, for the letter and for G14 (dead-lettered events are remembered too).
  virtual Result<Decoded> decode(const Record& record, Arena& arena, Event& event) = 0;
  // Of a record that is too large to be kept (it has no value, and a key and headers only while they are small): fills in what its letter
  // needs beyond its own position. Most records tell nothing.
  virtual void identify(const Record& /*record*/, Arena& /*arena*/, Event& /*event*/) {}
  // Since the decoder was made.
  [[nodiscard]] virtual DecoderCounts counts() const { return {}; }
};

}  // namespace foldline
