// The log as a lane sees it: a few partitions to start, read and stop. common/kafka implements it for Kafka, tests/unit/engine for the
// simulation.
//
// Threads: poll() belongs to the lane's thread; start() and bounds() may block and are called from the lane's executor while the lane
// does not poll those partitions' records as its own (it drops what arrives before start() answered).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/error.h"
#include "common/record.h"

namespace foldline {

// What a lane receives. A Record and its views live only during the call: copy what must stay.
class LogVisitor {
 public:
  virtual ~LogVisitor() = default;
  // Answer false to stop: the record was taken, the next poll() goes on behind it.
  virtual bool on_record(const Record& record) = 0;
  // Everything below `offset` has been read (control records included).
  virtual void on_end(std::uint32_t slot, std::int64_t offset) = 0;
  // code log_lost: the position is outside the log, or the topic is gone (G6). Anything else is passing.
  virtual void on_error(std::uint32_t slot, const Error& error) = 0;
};

struct LogBounds {
  std::int64_t low = 0;   // first offset that can still be read
  std::int64_t high = 0;  // next offset to be written
};

// Records from before a start() are never delivered after it.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Delivers what is there, up to `max_records`; never waits.
  virtual void poll(std::size_t max_records, LogVisitor& visitor) = 0;
  // From now on slot's records come from `offset` on, in offset order. May block up to a few seconds.
  virtual Result<void> start(std::uint32_t slot, std::int64_t offset) = 0;
  virtual Result<LogBounds> bounds(std::uint32_t slot) = 0;
  // bounds() will be asked for all slots, once each: a log whose answers take their time may ask for all of them at once. What comes out
  // of it is at least as young as this call. Best effort: bounds() tells what went wrong.
  virtual void ask_all_bounds() {}
  // The first offset whose record's timestamp is at or after `timestamp_us` (ListOffsets); the end when there is none.
  virtual Result<std::int64_t> offset_for_time(std::uint32_t slot, std::int64_t timestamp_us) = 0;
  // The lane takes no more of this slot's records until the next start(): they need not be fetched. Best effort, never blocks.
  virtual void stop(std::uint32_t /*slot*/) {}
  // The next offset to be written as the client last heard, without asking; -1: not known. For the lag that people see. Never blocks.
  virtual std::int64_t known_end(std::uint32_t /*slot*/) { return -1; }
  // What the group has committed for the slot; nullopt: nothing. Asks the broker, may block up to a few seconds. Only a sign that the
  // projection has run before (G22), never a position to start at.
  virtual Result<std::optional<std::int64_t>> committed_group_offset(std::uint32_t /*slot*/) { return std::nullopt; }
  // For tools that watch lag only; best effort, never blocks, and is skipped while a rebalance runs (G7).
  virtual void commit_group_offset(std::uint32_t slot, std::int64_t next_offset) = 0;
};

}  // namespace foldline
