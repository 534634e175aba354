// Bytes to event: the record's format, the source's envelope, and only the paths that some expression uses.
//
// Threads: one Decoder per lane, used by one thread at a time. Everything in the Event points into `arena` or into the record's bytes,
// which must stay as long as the event does and be followed by kRecordPaddingBytes readable bytes.
#pragma once

#include "common/arena.h"
#include "common/error.h"
#include "common/record.h"

namespace foldline {

enum class Decoded : std::uint8_t {
  event,
  skipped,  // the source's `when` was false, or the envelope's form has no event here (a Debezium tombstone, G11)
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // An error (code decode or expression) makes the record a letter. What was known of the event by then (type, id, time,
  // correlation_id) is filled in `event` all the same, for the letter and for G14 (dead-lettered events are remembered too).
  virtual Result<Decoded> decode(const Record& record, Arena& arena, Event& event) = 0;
};

}  // namespace foldline
