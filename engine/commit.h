// One commit: a range of a batch's entries on its way to the store. Made by the lane, run by a job, read by the lane when the job has
// ended; the same object is run again on a retry, so the store sees the same batch ID and the same bytes.
//
//   commit.prepare();                 // counts, packed IDs, checkpoints, letters
//   run(commit, letters, sink);       // letters first (G28), then the store
//
// Range: entries [begin, end) of the batch. A whole batch is one range; halving for poison (G29) commits a batch in several.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/uuid.h"
#include "engine/batch.h"
#include "engine/id_chunk.h"
#include "engine/stats.h"
#include "sinks/dead_letter/letter.h"
#include "sinks/sink.h"

namespace foldline {

// What the store holds of a partition, as the lane knows it from opening and from its own commits.
struct StoredPosition {
  bool missing = false;  // no checkpoint yet
  Checkpoint checkpoint;
  std::int64_t tail_first_offset = -1;  // of the chunk of IDs that may still grow; -1: none
  std::size_t tail_bytes = 0;
  // --on-lost-data earliest: the next commit sets the checkpoint there, wherever it was; -1: no.
  std::int64_t restart_at = -1;
  std::int64_t forget_ids_below = -1;  // with it: drop every stored chunk below (the log they spoke of is gone)
};

// What became of the records of a range.
struct CommitCounts {
  std::uint64_t records = 0;
  std::uint64_t record_bytes = 0;
  std::uint64_t events = 0;
  std::uint64_t ignored = 0;
  std::uint64_t late = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t skipped = 0;
  std::uint64_t letters_decode = 0;
  std::uint64_t letters_project = 0;
  std::uint64_t letters_store = 0;
  std::uint64_t letters_rejected = 0;
  std::uint64_t missing_ids = 0;
  EventsByType by_type{};
  LettersByCode letters_by_code{};
};

// A partition's share of a range.
struct Moved {
  bool touched = false;
  std::int64_t next_offset = -1;
  const BatchEntry* last = nullptr;
  std::int64_t max_event_time_us = INT64_MIN;
};

// Where a range of a batch is folded by itself.
struct Refold {
  explicit Refold(const std::vector<ViewSchema>& views) : fold(views) {}
  Arena arena;
  Fold fold;
};

// Owns, or shares, all that its job reads: the lane may forget it while the job runs.
struct Commit {
  std::shared_ptr<Batch> batch;
  std::shared_ptr<Refold> refold;  // null: the batch's own rows
  std::size_t begin = 0;
  std::size_t end = 0;
  bool last = true;                    // the range ends with its batch: the log's end counts too
  std::vector<std::uint32_t> starts;   // slots whose checkpoint is to be written although nothing was read
  std::vector<StoredPosition> before;  // per slot
  std::vector<ViewRows> rows;
  EncodedRows* encoded = nullptr;  // the batch's, where `rows` are the batch's own
  Uuid owner;
  Uuid batch_id;
  std::int64_t id_window = 0;
  bool exact = false;             // G16
  std::int64_t failed_at_us = 0;  // for the letters
  std::int64_t generation = 1;    // for the letters

  // The part of prepare() that needs the entries alone, not `before`: may be done ahead.
  void gather();
  void prepare();
  // `before` becomes what this commit finds once that one, of the batch before, is committed. Before prepare().
  void stand_on(const Commit& committed);
  void count(const BatchEntry& entry);
  // How long each folded event took from its record's timestamp to now; for the statistics.
  void measure_latency(std::int64_t now_us);
  [[nodiscard]] bool is_store_letter(std::size_t index) const;

  // Made by gather(), per slot.
  std::vector<Moved> moved;
  std::vector<IdPacker> packers;
  bool gathered = false;

  // Made by prepare(); parallel to each other.
  std::vector<std::uint32_t> slots;            // of the partitions that move
  std::vector<PartitionCommit> parts;          // sorted by topic, partition
  std::vector<std::int64_t> newest_record_us;  // of each part's last record; INT64_MIN: it has none
  std::vector<Letter> letters;
  std::vector<Hash128> exact_ids;          // of events and letters, when `exact` ...
  std::vector<std::size_t> exact_entries;  // ... and the entries they stand in, parallel
  CommitCounts counts;
  bool prepared = false;

  // The answer.
  bool letters_written = false;
  bool letters_logged = false;
  std::optional<Error> letters_error;
  CommitResult result;
  std::uint64_t commit_us = 0;
  HistogramCounts latency_us;
};

// The lane's position after the commit has been applied.
StoredPosition position_after(const Commit& commit, std::size_t part);

Letter make_letter(const BatchEntry& entry, const BatchLetter& letter, std::int64_t failed_at_us, std::int64_t generation);

}  // namespace foldline
