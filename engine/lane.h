// A lane: the engine's unit of work. It reads a few partitions, folds their events into batches, and commits each batch to the
// sink together with its checkpoints and processed IDs.
//
//   lane.assign({{{"orders", 0}, 0, false}}, now);
//   for (;;) { StepResult r = lane.step(now()); if (!r.progressed) wait_until(r.wake_at); }   // or until woken
//
// A deterministic state machine: step() never blocks and never reads a clock; whatever blocks (store, letters, seeks) runs as a job on
// the Executor, one at a time. The same log, the same answers and the same times give the same steps.
//
// Threads: every method belongs to the lane's own thread, except status(), which any thread may call. Log, sink, executor, letter sink,
// views and stats must outlive the lane AND the jobs it has submitted: end the executor first, then the lane, then the rest.
//
// Crash: nothing in memory matters. The next owner starts at the store's checkpoint and gets the same result (G1, G14).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/codec/decoder.h"
#include "common/error.h"
#include "common/record.h"
#include "common/view.h"
#include "config/projection_file.h"
#include "engine/clock.h"
#include "engine/executor.h"
#include "engine/log.h"
#include "engine/stats.h"
#include "projectors/projector.h"
#include "sinks/dead_letter/letter.h"
#include "sinks/sink.h"

namespace foldline {

// A full batch whose bytes are at most max_batch_bytes / this is queued at the store behind the one before it (lane_queue.cpp). Larger ones
// are not: their commits take so long that the pause between two is nothing, and a third batch filling behind them would cost as much
// memory.
inline constexpr std::size_t kQueuedShare = 2;

// Where a new generation starts in a partition that has no checkpoint yet (a source's `start_at`).
struct StartAt {
  enum class Kind {
    earliest,
    latest,
    timestamp,
  };
  Kind kind = Kind::earliest;
  std::int64_t timestamp_us = 0;  // for timestamp
};

enum class OnLostData {
  stop,      // stop the partition and say why (G6)
  earliest,  // --on-lost-data earliest: go on at the log's start; what is gone stays missing
};

struct LaneOptions {
  std::size_t max_batch_records = 20'000;
  std::size_t max_batch_bytes = 24 * 1024 * 1024;  // of the batch's arena: records, decoded events, folded rows
  std::size_t max_poll_records = 2'000;            // taken in one step
  // While the log has more at hand and the store is free, a batch with room still waits so long for the rest: a store pays by the commit
  // and by the row, and events that catch up fold into fewer of both. 0: the store gets what there is.
  Duration fill_within = std::chrono::milliseconds(50);
  std::size_t max_record_bytes = 16 * 1024 * 1024;  // key + value + headers; a larger record becomes a letter
  std::int64_t id_window = 250'000;                 // W of G14; 0: no processed IDs
  bool exact_ids = false;                           // G16: the store keeps every ID; needs SinkTraits::exact_ids
  config::LetterPolicy letter_policy = config::LetterPolicy::skip;
  double stop_above = 0.5;        // G19: share of the last 1,000 events that may become letters; 1: never
  std::vector<StartAt> start_at;  // per source; missing: earliest
  std::vector<bool> has_ids;      // per source: its events may name an ID of their own; missing: true
  OnLostData on_lost_data = OnLostData::stop;
  std::int64_t generation = 1;  // of the store's; letters name it, and replays of another one's letters are passed over
  std::vector<bool> redacted;   // per source; true: the store's own words about an event may quote hidden values, so nobody sees them
  Duration recheck_interval = std::chrono::seconds(10);     // G3
  Duration idle_commit_interval = std::chrono::seconds(1);  // at most so often a commit that only moves checkpoints at the log's end
  Duration retry_backoff_min = std::chrono::milliseconds(100);
  Duration retry_backoff_max = std::chrono::seconds(10);
  bool commit_group_offsets = true;  // for tools that watch lag; the truth is the store's checkpoint
  // Of jitter, owners and batch IDs: another one for each lane and start. 0: from the system's randomness.
  std::uint64_t seed = 0;
};

// Everything a lane works with. References must outlive it (see above).
struct LaneDependencies {
  LogReader& log;
  Sink& sink;
  SinkTraits traits;
  Executor& executor;
  LetterSink& letters;
  std::vector<std::unique_ptr<Decoder>> decoders;  // one per source
  std::unique_ptr<Projector> projector;
  const std::vector<ViewSchema>& views;
  LaneStats& stats;
  std::function<std::int64_t()> wall_time_us = {};  // for a letter's failed_at; empty: the system's clock
};

// A partition's index in the assignment is its slot: the LogReader must know it by the same number.
struct AssignedPartition {
  TopicPartition topic_partition;
  std::uint32_t source = 0;        // index of the projection's source that reads this topic
  bool added_later = false;        // the generation is known and already has checkpoints for this topic: if this partition has none, it was
                                   // added later and starts at the log's start, not at start_at (G6)
  std::int64_t start_offset = -1;  // of a partition without a checkpoint: start here whatever start_at says; -1: as start_at says
};

enum class LaneState {
  idle,     // nothing assigned
  opening,  // taking ownership, loading checkpoints and processed IDs
  running,
  waiting_store,    // the store is away: backing off, nothing is lost
  waiting_letters,  // the dead-letter topic can't be written: the batch waits (G28)
  waiting_log,      // Kafka is away
  stopped,          // needs its owner: see error and its hint. Every partition is stopped, or the breaker struck (G19)
  fenced,           // someone else owns a partition: leave the group, rejoin with back-off; opens only on a new assign() (G1)
  draining,         // finishing what was folded
  drained,          // everything folded is committed; reads nothing until the next assign()
};
std::string_view to_string(LaneState state);

struct StoppedPartition {
  TopicPartition topic_partition;
  Error error;
};

struct LaneStatus {
  LaneState state = LaneState::idle;
  Instant since{};
  Error error;  // of a waiting, stopped or fenced lane; while draining: why it can't finish yet, if it can't
  std::vector<StoppedPartition> stopped_partitions;  // the others go on
  std::string describe() const;                      // one line for people: state, error, hint, stopped partitions
};

struct StepResult {
  bool progressed = false;           // something was done: step again at once
  Instant wake_at = Instant::max();  // else: step again then, or when a job ends or the log has something
  LaneState state = LaneState::idle;
};

class Lane {
 public:
  Lane(LaneOptions options, LaneDependencies dependencies);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Replaces whatever was assigned (as revoke() first). Slots are indexes into `partitions`. Takes ownership in the store on the way.
  void assign(std::vector<AssignedPartition> partitions, Instant now);
  // Forgets the partitions and what was folded but not sent. A commit in flight runs on, its answer is ignored: the fence protects.
  // To keep its work, drain() first and step until drained, 2 s at most in a rebalance (G7).
  void revoke(Instant now);
  // Reads no more, commits what is folded, then is drained. For SIGTERM, and before revoke().
  void drain(Instant now);
  // The log may have been replaced while nobody looked (the process was frozen, Kafka was away): nothing more is taken from it until it
  // has been opened again and its anchors compared (G6). What is folded is committed first.
  void distrust_log();

  StepResult step(Instant now);

  // Whether a job of this lane is on the executor.
  [[nodiscard]] bool busy() const;
  [[nodiscard]] LaneState state() const;
  [[nodiscard]] LaneStatus status() const;  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace foldline
