// What a lane counts, for the worker to export. Written by the lane's thread, read by any.
//
//   const std::uint64_t folded = stats.events.load(std::memory_order_relaxed);
//
// Counters only rise; they are relaxed atomics, so two of them read together may differ by a batch. The per-partition part is behind a
// mutex that the lane takes once a batch, never once a record.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "common/record.h"
#include "engine/event_types.h"
#include "engine/histogram.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

using Counter = std::atomic<std::uint64_t>;

// What became of an event, as it is counted by its type.
enum class EventOutcome : std::uint8_t {
  folded,
  duplicate,
  skipped,
  letter,
};
inline constexpr std::size_t kEventOutcomes = 4;
using EventsByType = std::array<std::array<std::uint64_t, kEventOutcomes>, EventTypes::kSlots>;

// Dead letters by error code: those that an event can fail with.
inline constexpr std::array kLetterCodes = {ErrorCode::decode,         ErrorCode::expression, ErrorCode::value,   ErrorCode::rejected,
                                            ErrorCode::store_rejected, ErrorCode::limit,      ErrorCode::internal};
inline constexpr std::array kStages = {Stage::decode, Stage::project, Stage::store};
using LettersByCode = std::array<std::array<std::uint64_t, kLetterCodes.size()>, kStages.size()>;
// Its place in kLetterCodes; what is not there counts as internal.
inline std::size_t letter_code_index(ErrorCode code) {
  const auto found = std::find(kLetterCodes.begin(), kLetterCodes.end(), code);
  return found == kLetterCodes.end() ? kLetterCodes.size() - 1 : static_cast<std::size_t>(found - kLetterCodes.begin());
}

struct PartitionStats {
  TopicPartition topic_partition;
  std::int64_t committed_offset = -1;          // the checkpoint's next_offset; -1: none yet
  std::int64_t read_offset = -1;               // next offset to be folded
  std::int64_t end_offset = -1;                // next offset to be written, as last seen; -1: not seen. lag = end_offset - committed_offset
  std::int64_t max_event_time_us = INT64_MIN;  // of the checkpoint (G12)
  std::int64_t newest_record_us = INT64_MIN;   // timestamp of the last record below the checkpoint; INT64_MIN: not known
  bool stopped = false;
};

struct LaneStats {
  // Records, by what became of them, counted when they are committed:
  // records = events + duplicates + skipped + letters_decode + letters_project + letters_store.
  Counter records{0};
  Counter record_bytes{0};
  Counter events{0};        // folded (also those that no view handles: see ignored)
  Counter late_changes{0};  // not applied: their rows have expired (G12)
  Counter ignored{0};       // of `events`: no change in any view
  Counter duplicates{0};    // G14
  Counter skipped{0};       // the source's `when`, or no event in the record
  Counter letters_decode{0};
  Counter letters_project{0};
  Counter letters_store{0};
  Counter letters_rejected{0};      // of letters_project: a clause's own `reject` (does not count for the breaker, G19)
  Counter primed{0};                // records read for their IDs only (G15)
  Counter missing_ids{0};           // events without an ID: their position stands in (G14)
  Counter records_out_of_order{0};  // dropped: an offset that did not rise, a bug of the client (G6)

  // Commits.
  Counter batches{0};
  Counter rows{0};
  Counter committed_events{0};  // the same as events
  Counter batch_cuts{0};        // batches that ended early because an event could not be merged into them (G8)
  Counter rows_copied{0};       // RowWays: of `rows`
  Counter rows_updated{0};
  Counter rows_upserted{0};
  Counter straight_refused{0};
  Counter refolds{0};   // batches folded again because the store held a part of them (G24)
  Counter halvings{0};  // rejected batches that were split (G29)
  Counter retries{0};
  Counter letter_retries{0};
  Counter fenced{0};
  Counter log_rechecks{0};                                  // G6
  Counter rewinds{0};                                       // G3
  Histogram commit_us{kDurationBucketsUs};                  // sink.commit, retries included one by one
  Histogram fold_us{kDurationBucketsUs};                    // decode, project and fold of one poll
  Histogram batch_records{kBatchBuckets};                   // of each committed batch: how far group commit grows
  Histogram latency_us{kLatencyBucketsUs};                  // of each folded event: from its record's timestamp to the commit's answer
  std::atomic<std::int64_t> last_event_time_us{INT64_MIN};  // the newest event time in a committed batch

  // What is waiting in the lane now. The batch under way to the store, and the one that is being folded meanwhile.
  Counter building_records{0};
  Counter building_bytes{0};
  Counter committing_records{0};
  Counter committing_bytes{0};
  Counter processed_ids{0};  // remembered now, of all partitions (G14)

  EventTypes types;
  std::array<std::array<Counter, kEventOutcomes>, EventTypes::kSlots> events_by_type{};
  std::array<std::array<Counter, kLetterCodes.size()>, kStages.size()> letters_by_code{};  // by stage

  [[nodiscard]] std::vector<PartitionStats> partitions() const {
    const std::lock_guard lock(mutex_);
    return partitions_;
  }
  void set_partitions(std::vector<PartitionStats> partitions) {
    const std::lock_guard lock(mutex_);
    partitions_ = std::move(partitions);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<PartitionStats> partitions_;
};

}  // namespace foldline
