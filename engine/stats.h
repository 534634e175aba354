// What a lane counts, for the worker to export. Written by the lane's thread, read by any.
//
//   metrics.counter("foldline_events_total").set(stats.events.load(std::memory_order_relaxed));
//
// Counters only rise; they are relaxed atomics, so two of them read together may differ by a batch. The per-partition part is behind a
// mutex that the lane takes once a batch, never once a record.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "common/record.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

using Counter = std::atomic<std::uint64_t>;

// A duration's distribution, as far as a sum, a count and a maximum tell it; microseconds.
struct DurationStats {
  Counter sum_us{0};
  Counter count{0};
  Counter max_us{0};

  void add(std::uint64_t us) {
    sum_us.fetch_add(us, std::memory_order_relaxed);
    count.fetch_add(1, std::memory_order_relaxed);
    std::uint64_t seen = max_us.load(std::memory_order_relaxed);
    while (us > seen && !max_us.compare_exchange_weak(seen, us, std::memory_order_relaxed)) {
    }
  }
};

struct PartitionStats {
  TopicPartition topic_partition;
  std::int64_t committed_offset = -1;          // the checkpoint's next_offset; -1: none yet
  std::int64_t read_offset = -1;               // next offset to be folded
  std::int64_t end_offset = -1;                // next offset to be written, as last seen; -1: not seen. lag = end_offset - committed_offset
  std::int64_t max_event_time_us = INT64_MIN;  // of the checkpoint (G12)
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
  Counter refolds{0};           // batches folded again because the store held a part of them (G24)
  Counter halvings{0};          // rejected batches that were split (G29)
  Counter retries{0};
  Counter letter_retries{0};
  Counter fenced{0};
  Counter rewinds{0};                                       // G3
  DurationStats commit;                                     // sink.commit, retries included one by one
  DurationStats fold;                                       // decode, project and fold of one poll
  std::atomic<std::int64_t> last_event_time_us{INT64_MIN};  // the newest event time in a committed batch

  // Events in the newest committed batch: how far group commit grows.
  std::atomic<std::uint64_t> last_batch_records{0};

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
