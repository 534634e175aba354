// The inside of a lane. Only engine/lane*.cpp include it.
//
//   lane.cpp         the public face, the step, what people see of it
//   lane_open.cpp    taking ownership, deciding where each partition starts (G6), processed IDs
//   lane_read.cpp    polling, decoding, deduplicating, projecting, folding
//   lane_commit.cpp  sealing a batch, committing it, what its answer means (G2, G3, G5)
//   lane_halve.cpp   finding the poison in a rejected batch (G29)
//   lane_ahead.cpp   rows of a store without transactions that are ahead of the checkpoint (G24)
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "engine/backoff.h"
#include "engine/batch.h"
#include "engine/breaker.h"
#include "engine/commit.h"
#include "engine/id_window.h"
#include "engine/lane.h"
#include "engine/lateness.h"
#include "engine/letter_log.h"

namespace foldline {

// What a stopped partition's reason says behind the partition's own name, which stands before it already.
std::string_view without_name(const TopicPartition& topic_partition, std::string_view message);

// A job on the executor. It owns all that it writes; the lane reads it after `done`.
struct LaneJob {
  enum class Kind {
    open,
    commit,
    recheck,
  };
  explicit LaneJob(Kind job_kind) : kind(job_kind) {}
  virtual ~LaneJob() = default;
  Kind kind;
  std::atomic<bool> done{false};
  std::atomic<bool> cancelled{false};  // nobody waits for the answer any more: an open need not go on
};

// What the store's checkpoints say about what the lane believes (G3).
enum class Standing {
  mine,
  moved_back,  // the store failed over to a replica that is a little behind
  fenced,
};

struct OpenedSlot {
  StoredPosition stored;
  IdWindow window;
  std::vector<std::int64_t> domain_next_offsets;
  std::set<std::int64_t> store_letters;
  std::int64_t next_offset = 0;   // records below are not folded
  std::int64_t prime_until = -1;  // records below are read for their IDs only (G15)
  bool verify_anchor = false;     // the log was started at the anchor
  std::int64_t end_offset = -1;
  std::optional<Error> lost;  // the partition can't be opened (G6)
};

// Why an event becomes a letter.
struct Refused {
  Stage stage = Stage::project;
  Error error;
};

// An event of the group in hand: its changes stand from `begin` on among the group's.
struct Projected {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::unique_ptr<Refused> refused;
};

struct OpenJob final : LaneJob {
  OpenJob() : LaneJob(Kind::open) {}
  std::shared_ptr<const std::vector<AssignedPartition>> assignment;
  std::vector<std::uint32_t> slots;  // to open
  std::vector<bool> restart;         // per slot: the owner's choice for a log that was found to be another one
  Uuid owner;
  LaneOptions options;
  SinkTraits traits;
  std::vector<OpenedSlot> opened;  // as slots
  std::optional<Error> error;
  bool error_is_the_stores = false;

  void run(Sink& sink, LogReader& log);
  Result<void> open_slot(LogReader& log, std::uint32_t slot, OpenedPartition& found, OpenedSlot& out);
  Result<void> open_known(std::uint32_t slot, const LogBounds& bounds, OpenedPartition& found, OpenedSlot& out, std::int64_t& start);
  Result<std::int64_t> first_offset(LogReader& log, std::uint32_t slot, const LogBounds& bounds) const;
  Result<bool> checkpoint_vanished(LogReader& log, std::uint32_t slot) const;
  Result<void> load_ids(const OpenedPartition& found, OpenedSlot& out) const;
  void plan_priming(std::uint32_t slot, const LogBounds& bounds, const OpenedPartition& found, OpenedSlot& out, std::int64_t& start) const;
};

// Owned checkpoints re-read (G3): alone, or before a retry.
struct Recheck {
  std::vector<TopicPartition> partitions;
  std::vector<StoredPosition> expected;
  Uuid owner;

  [[nodiscard]] Result<Standing> run(Sink& sink) const;
};

struct RecheckJob final : LaneJob {
  RecheckJob() : LaneJob(Kind::recheck) {}
  Recheck recheck;
  Result<Standing> standing = Standing::mine;
};

struct CommitJob final : LaneJob {
  CommitJob() : LaneJob(Kind::commit) {}
  std::shared_ptr<Commit> commit;
  std::shared_ptr<CommitJob> behind;  // of the batch before: this one runs only if that one was committed
  std::optional<Recheck> recheck;     // first, after the store was away
  Standing standing = Standing::mine;
  bool committed = false;  // the lane takes it so, too

  void run(Sink& sink, LetterSink& letters);
  void run_commit(Sink& sink, LetterSink& letters);
  bool ask_known_ids(Sink& sink);
};

struct Partition {
  enum class State {
    opening,
    verifying,  // the first record must be the anchor (G6)
    active,
    stopped,
  };
  State state = State::opening;
  std::optional<Error> stop;      // why
  bool restart = false;           // open it at the log's start
  StoredPosition stored;          // as of the last commit
  std::int64_t next_offset = 0;   // to be taken next; records below are not folded
  std::int64_t prime_until = -1;  // records below only tell their IDs (G15)
  std::int64_t seen_offset = -1;  // of the last record delivered since the start: offsets only rise
  std::int64_t end_offset = -1;
  std::int64_t max_event_time_us = INT64_MIN;  // of all that was folded so far (G12)
  std::int64_t newest_record_us = INT64_MIN;   // timestamp of the last record below the checkpoint, for the statistics
  IdWindow window;
  std::vector<std::int64_t> domain_next_offsets;  // G4; empty: no domain is ahead
  std::set<std::int64_t> store_letters;           // offsets that the store had rejected before some domain moved past them (G28)
};

// A sealed batch on its way to the store, whole or in ranges.
struct Sealed {
  std::shared_ptr<Batch> batch;
  std::size_t bytes = 0;              // of its arena, when it was sealed: it may grow under the job (refold, letters)
  std::size_t begin = 0;              // entries below are committed
  std::vector<std::size_t> ends;      // ends of the ranges still to be tried, the next one at the back
  std::vector<std::uint32_t> starts;  // see Commit
  std::shared_ptr<Commit> commit;     // of the range under way; null: to be made
  std::shared_ptr<Refold> refold;     // of ranges, once the whole batch was rejected
};

// Rows that the store was found to hold further than the checkpoint says, until it has passed them (G4, G24).
class RowsAhead {
 public:
  // Answers false when it says nothing new: the store and the fold don't understand each other.
  bool add(const std::vector<RowAhead>& rows);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Whether the row that the change is for includes the record already.
  [[nodiscard]] bool includes(const ViewSchema& view, const Change& change, const Record& record) const;
  // The partition's checkpoint stands at `next_offset`: what is not ahead of it is forgotten.
  void passed(const TopicPartition& topic_partition, std::int64_t next_offset);
  void clear() { rows_.clear(); }

 private:
  struct Row {
    std::string key;
    TopicPartition topic_partition;
    std::int64_t next_offset = 0;
  };
  using Id = std::pair<std::uint32_t, std::uint64_t>;  // view, hash of the key
  std::multimap<Id, Row> rows_;
};

struct Lane::Impl final : LogVisitor {
  enum class Phase {
    idle,
    opening,
    working,
    stopped,
    fenced,
    drained,
  };
  enum class Wait {
    none,
    store,
    letters,
    log,
  };

  Impl(LaneOptions lane_options, LaneDependencies dependencies);

  // lane.cpp
  void assign(std::vector<AssignedPartition> partitions, Instant now);
  void revoke(Instant now);
  void drain();
  StepResult step(Instant now);
  bool act(Instant now);  // one thing of step(); true: it did something
  void watch_job(Instant now);
  static Error silence();
  void handle_job(Instant now);
  void submit(std::shared_ptr<LaneJob> job, std::function<void(LaneJob&)> run);
  void run_on_executor(std::shared_ptr<LaneJob> job, std::function<void(LaneJob&)> run);
  void abandon_job();
  void drop_everything();  // G2
  void enter(Phase next);
  void wait_for(Wait what, Error error, Instant now);
  void stop_waiting();
  void stop_lane(Error error);
  void stop_partition(std::uint32_t slot, Error error);
  [[nodiscard]] bool all_stopped() const;
  [[nodiscard]] Instant wake_at(Instant now) const;
  [[nodiscard]] LaneState public_state() const;
  void publish_status(Instant now);
  void publish_partitions();
  void publish_queues();
  std::shared_ptr<Batch> take_batch();
  void give_back(std::shared_ptr<Batch> batch);
  Uuid make_uuid();

  // lane_open.cpp
  void start_opening();
  void finish_opening(OpenJob& job, Instant now);
  void take_opened(OpenJob& job);
  void rewind();  // drop all, open again at the checkpoints
  void lose_partition(std::uint32_t slot, Error error);

  // lane_read.cpp
  bool on_record(const Record& record) override;
  void on_end(std::uint32_t slot, std::int64_t offset) override;
  void on_error(std::uint32_t slot, const Error& error) override;
  bool verify_anchor(Partition& partition, const Record& record);
  void prime(Partition& partition, const Record& record);
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] std::size_t max_batch_rows() const;
  bool read(Instant now);
  void verify_log();
  void process();
  Hash128 event_id_hash(const Event& event);
  void decode(std::size_t index);
  void project(std::size_t index);
  bool fold(std::size_t index);  // false: the batch is cut before this entry
  std::unique_ptr<Refused> project_event(const Event& event, Arena& arena, ChangeList& out);
  FoldResult fold_changes(const BatchEntry& entry, const Event& event, std::span<const Change> of_event, Fold& into);
  void forget_group();
  void drop_applied_changes(const Record& record);
  void become_letter(std::size_t index, Stage stage, Error error);
  void cut(std::size_t index);
  void handle_lost();

  // lane_commit.cpp
  bool start_commit(Instant now);
  [[nodiscard]] bool worth_committing(Instant now) const;
  [[nodiscard]] bool filling(Instant now) const;
  void seal(Instant now);
  Sealed seal_building(Instant now);
  void publish_sealed();
  void submit_commit();
  void finish_commit(CommitJob& job, Instant now);
  void on_committed(Instant now);
  void count_committed(const Commit& commit);
  void start_recheck(Instant now);
  void finish_recheck(RecheckJob& job, Instant now);
  void obey_standing(Standing standing);
  [[nodiscard]] Recheck make_recheck() const;
  void fence(Error error);

  // lane_queue.cpp
  void encode_ahead();
  void queue_next(Instant now);
  void go_on_behind(const CommitJob& ended);

  // lane_halve.cpp
  std::shared_ptr<Commit> make_commit(Sealed& of);
  void refold();
  void on_rejected(Error error, Instant now);
  void on_poison(std::size_t index, Error error);

  // lane_ahead.cpp
  void on_refold(const Commit& commit, Instant now);
  bool take_out_known(const Commit& commit);

  LaneOptions options;
  LaneDependencies deps;
  std::mt19937_64 random;

  Phase phase = Phase::idle;
  bool draining = false;
  std::shared_ptr<const std::vector<AssignedPartition>> assignment;
  std::vector<Partition> partitions;
  Uuid owner;

  std::shared_ptr<Batch> building;
  std::shared_ptr<Batch> carry;   // takes the records behind a cut; becomes `building` when that is sealed
  std::shared_ptr<Batch> primer;  // where records are decoded for their IDs only
  std::optional<Sealed> sealed;
  std::optional<Sealed> queued;  // the full batch behind it, whole; `sealed` when that one is committed
  std::vector<std::shared_ptr<Batch>> free_batches;
  Lateness lateness;
  LetterLog letter_log;
  RowsAhead rows_ahead;
  std::vector<std::uint32_t> unstarted;  // slots whose first checkpoint must be written before anything else

  std::shared_ptr<LaneJob> job;           // under way, and what to do with its answer is known by its kind
  std::shared_ptr<CommitJob> queued_job;  // of `queued`, behind `job`; null: it is submitted when its turn comes
  std::optional<Instant> job_since;       // of `job`, as first seen by a step
  bool silent = false;                    // it has had no answer for long
  Wait waiting = Wait::none;
  Error wait_error;
  Instant retry_at{};
  Backoff backoff;
  bool recheck_before_retry = false;
  Instant recheck_at{};
  Instant building_since{};                           // the batch before was sealed
  bool log_has_more = false;                          // the last poll gave all that it was asked for
  Instant idle_commit_at{};                           // not before it a commit that only follows the log's end
  bool log_distrusted = false;                        // G6: it is to be opened again before anything more is taken from it
  std::optional<Instant> full_since;                  // nothing has been taken from the log since, for want of room
  std::optional<Error> log_error;                     // the last thing that the log said was an error
  std::vector<std::pair<std::uint32_t, Error>> lost;  // found while reading, to be dealt with after it
  Breaker breaker;                                    // decode, project, check
  Breaker store_breaker;                              // the store's own verdicts
  Error stop_error;                                   // of a stopped or fenced lane

  // Of process(): reused.
  EventIdHash id_hash;
  ChangeList changes;  // of one event, without what is late or applied already
  std::size_t late_changes = 0;
  bool nothing_left = false;  // the event changes nothing
  // The group in hand: its entries from group_begin on.
  std::size_t group_begin = 0;
  std::vector<Projected> projected;
  ChangeList projected_changes;
  std::vector<std::pair<std::size_t, Error>> decode_errors;
  bool partitions_to_publish = false;  // something that people see of them has changed
  std::size_t taken = 0;               // records and ends delivered by the poll under way

  mutable std::mutex status_mutex;
  LaneStatus published;
};

}  // namespace foldline
