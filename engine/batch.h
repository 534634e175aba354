// A batch: a run of records of each partition of a lane, decoded and folded, and what became of each. The unit of commit.
//
//   batch.begin(assignment);
//   batch.stage(record, slot);          // copied into the batch's arena
//   ... the lane decodes and folds entries() from processed() on ...
//
// Owns the arena that everything in it points to. Records keep their decoded form, so that a prefix of the batch can be projected and
// folded again to find a poison event (G29, G13). Belongs to the lane's thread while it is built, to the commit job while it is
// committed; never to both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/record.h"
#include "engine/fold.h"
#include "engine/lane.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

// Key and headers of a record that is too large to be kept are kept up to here: a letter shows them.
inline constexpr std::size_t kMaxKeptContextBytes = 64 * 1024;

enum class Outcome : std::uint8_t {
  staged,     // not looked at yet
  decoded,    // an event that has not been folded yet
  failed,     // not decodable; it becomes a letter unless it is a duplicate
  event,      // folded
  duplicate,  // G14
  skipped,    // no event in the record
  letter,
  dropped,  // of a partition that has stopped: as if it had not been read
};

// A record and its event, in the arena: their addresses stay.
struct BatchRecord {
  Record record;
  Event event;
  // Of a record that is too large to be kept: `record` then has no value, and a key and headers only while they are small.
  std::uint64_t omitted_bytes = 0;        // the whole record's size
  std::uint64_t omitted_anchor_hash = 0;  // of the whole record, so that the log can be recognised by it (G6)
};

// What is needed of every record again and again stands together, apart from the bulk.
struct BatchEntry {
  BatchRecord* content = nullptr;
  std::int64_t offset = 0;
  std::uint32_t slot = 0;
  Outcome outcome = Outcome::staged;
  bool has_id = false;
  bool ignored = false;           // an event that changes nothing
  bool too_large = false;         // only its position, size and hash are kept
  std::uint8_t type = 0;          // of the lane's EventTypes, for the statistics
  std::uint32_t size_bytes = 0;   // of the whole record; at most UINT32_MAX
  std::int64_t timestamp_us = 0;  // of the record
  Hash128 id;
  std::int64_t horizon_us = INT64_MIN;     // the partition's greatest event time before this event (G12)
  std::uint16_t late_changes = 0;          // taken out: their rows have expired
  std::int64_t event_time_us = INT64_MIN;  // bounded (G12); INT64_MIN: counts for nothing
};

struct BatchLetter {
  std::size_t entry = 0;
  Stage stage = Stage::decode;
  Error error;
  bool written = false;  // acknowledged by an earlier attempt (G28)
};

class Batch {
 public:
  explicit Batch(const std::vector<ViewSchema>& views) : fold_(views) { fold_.begin(arena_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Empties it for this assignment.
  void begin(std::shared_ptr<const std::vector<AssignedPartition>> assignment);

  // Copies the record; of one above `max_record_bytes` only where it stands (G28: a huge original becomes a pointer to its position).
  void stage(const Record& record, std::size_t max_record_bytes);
  // The log has been read up to `offset`: the checkpoint may move there once all entries are committed.
  void reach_end(std::uint32_t slot, std::int64_t offset) { ends_[slot] = std::max(ends_[slot], offset); }
  void forget_end(std::uint32_t slot) { ends_[slot] = -1; }

  // Takes the entries from `first` on (and how far the log was read) out of this batch; stages them in `next`. Their bytes are copied.
  void move_tail(std::size_t first, Batch& next);

  void add_letter(std::size_t entry, Stage stage, Error error, bool written = false);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::vector<BatchEntry>& entries() { return entries_; }
  [[nodiscard]] const std::vector<BatchEntry>& entries() const { return entries_; }
  [[nodiscard]] std::vector<BatchLetter>& letters() { return letters_; }            // by entry
  [[nodiscard]] std::int64_t end(std::uint32_t slot) const { return ends_[slot]; }  // -1: not reached
  [[nodiscard]] const std::vector<AssignedPartition>& assignment() const { return *assignment_; }
  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] Fold& fold() { return fold_; }

  // Entries below have been decided.
  std::size_t processed = 0;
  // Takes no more: full, or cut before an event that did not fit.
  bool closed = false;
  // Sink::encode_ahead() of all its rows: whether it was asked for, its answer, and what it made (kept for its buffers).
  bool encoding_tried = false;
  bool is_encoded = false;
  std::unique_ptr<EncodedRows> encoded;

 private:
  void copy_bytes(const Record& from, std::size_t size_bytes, Record& to);

  std::shared_ptr<const std::vector<AssignedPartition>> assignment_;
  Arena arena_;
  Fold fold_;
  std::vector<BatchEntry> entries_;
  std::vector<BatchLetter> letters_;
  std::vector<std::int64_t> ends_;
};

// The event's time as far as it counts for the partition's greatest (G12).
std::int64_t bounded_event_time_us(const Event& event);
// Hash of a record's key and value, for the anchor (G6).
std::uint64_t anchor_hash(const Record& record);
std::uint64_t anchor_hash(const BatchEntry& entry);  // of the record as the log holds it, also when it was too large to be kept
std::size_t size_bytes(const Record& record);

}  // namespace foldline
