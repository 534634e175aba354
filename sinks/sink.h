// The sink contract: what every store gives the engine, and the one way in which changes become durable.
//
// A Store is opened once per worker and makes one Sink per lane. A Sink takes ownership of partitions (`open`), and commits
// batches: changes + checkpoints + processed IDs, only if every stored checkpoint is still its own (compare-and-set on owner,
// generation and next_offset, G1). No lease, no clock.
//
//   auto store = *registry.open(file.store, context);   auto sink = *store->new_sink();
//   auto opened = *sink->open(partitions, owner);       CommitResult r = sink->commit(batch);
//
// Atomic domains (G4). A store is one or several parts that fail alone: Postgres and standalone Redis have one domain, Redis Cluster
// one per bucket. A checkpoint's `next_offset` is the smallest over the domains, and the engine drops, before folding, every change
// whose target's own watermark is past the event.
//
// Row watermarks (G4, G24). A store without transactions (search) keeps with each row, per partition, the last offset it includes + 1,
// and one checkpoint that moves after the rows. A crash in between leaves rows that are ahead of the checkpoint. The sink meets them
// when it writes: a row whose watermarks are past all that a folded row holds is left alone; one that is past a part of it can't take
// the folded row, and the commit answers `refold` with how far such rows are. The engine then folds the batch again without the changes
// that those rows include, and goes on doing so until the checkpoint has passed them. So nothing is read before it is needed, and the
// result does not depend on how batches were cut.
//
// Threads: a Sink is used by one thread at a time; different Sinks of a Store may be used at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/change.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/record.h"
#include "common/uuid.h"
#include "common/view.h"

namespace foldline {

inline constexpr std::size_t kMaxFirstTopicsBytes = 1024 * 1024;

// Which build of which projection a worker keeps.
struct ProjectionId {
  std::string projection;
  std::int64_t generation = 1;  // 0: the live one, as the store finds it at prepare()
};

// A generation is one complete build of a projection's views. One is live: its views have the names that readers know. One may be in the
// making beside it; those that were live before are kept until somebody drops them.
enum class GenerationState : std::uint8_t {
  building,
  switching,  // go_live() has begun and not ended: nobody folds, and another go_live() goes on
  live,
  retiring,  // the one that was live when `switching` began
  retired,
  dropping,  // drop_generation() has begun and not ended
  dropped,   // nothing of it is left but its number, which never comes again: letters name the generation that they are of
};
std::string_view to_string(GenerationState state);

struct Generation {
  std::int64_t number = 0;
  GenerationState state = GenerationState::live;
};

// What go_live() tells between two of its steps, where it takes many. An answer of false ends it there.
struct GoLiveProgress {
  std::uint64_t moved = 0;  // keys of the new generation that stand in their places
};
using GoLiveStep = std::function<bool(const GoLiveProgress&)>;

// G1. Stored with the data, per (projection, generation, topic, partition).
struct Checkpoint {
  std::int64_t next_offset = 0;
  Uuid owner;            // written on assignment
  Uuid batch_id;         // of the last commit: answers "did my COMMIT arrive?" (G5)
  std::string topic_id;  // empty where the client gives none
  std::int32_t leader_epoch = -1;
  std::int64_t anchor_offset = -1;  // the last data record applied, and the hash of its bytes (G6)
  std::uint64_t anchor_hash = 0;
  std::int64_t max_event_time_us = INT64_MIN;
};

// One packed value of processed IDs (G15): see engine/id_window.h for the bytes.
struct IdChunk {
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  std::string packed;
};

struct OpenedPartition {
  bool found = false;     // no checkpoint yet: the engine decides where to start (G6) and the first commit expects that
  Checkpoint checkpoint;  // of the smallest domain
  std::vector<std::int64_t> domain_next_offsets;  // empty when the store has one domain
  std::vector<IdChunk> ids;                       // those that reach into [next_offset - window, next_offset), oldest first
};

// What the engine asks of the partitions that it opens.
struct OpenRequest {
  std::span<const TopicPartition> partitions;
  Uuid owner;
  std::int64_t id_window = 250'000;  // W of G14; 0: no processed IDs
};

enum class RowBase : std::uint8_t {
  keep,   // apply the cells to the row as it is (or to a new one)
  reset,  // the row was deleted and came back within the batch: start from the defaults (G11)
  erase,  // hard delete; cells are to be ignored
};

enum class CellState : std::uint8_t {
  none,   // the field keeps its value
  set,    // `value` replaces it
  merge,  // `value` is combined with it by `op` (add, min, max, append, remove)
};

// The normal form of one field after folding (G8). A `merge` on null takes the operand alone (0 + v, least and greatest of v, [] with
// v); a null operand never gets here. For append and remove `value` is always a list of elements, in order. A sum of integers that
// left 64 bits comes as a decimal, also for an integer field: the store rejects it if the stored result does not fit (poison).
struct Cell {
  CellState state = CellState::none;
  Op op = Op::set;
  Value value;
};

// Which records of one partition went into a folded row: the first and the last offset. Kept for stores with row watermarks.
struct RowSource {
  const TopicPartition* topic_partition = nullptr;
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
};

// One key's net effect. Guarded cells (Field::guard >= 0) replace the stored value only if guards[g] is greater than the stored stamp.
//
// Soft deletes without guards. A stored row whose soft_delete field is not null starts anew from the defaults before the cells apply,
// if `upserted`; then `soft_deleted` fills the field. A delete of a missing row makes one (defaults, deleted).
// Soft deletes with guards (guard_alive, guard_deleted; G10). Each of the two hidden stamps moves to the batch's if that is greater
// (deleted_at_us belongs to guards[guard_deleted]). The row is alive while the first is greater than the second: then the soft_delete
// field is null, and guarded groups whose stamp is smaller than the second take defaults and that stamp. While it is deleted, values stay.
// In a deleted row the values of such groups are remains: nobody may rely on them.
struct FoldedRow {
  std::uint64_t key_hash = 0;
  const Value* key = nullptr;
  Cell* cells = nullptr;               // as many as the view has fields
  GuardStamp* guards = nullptr;        // as many as the view has guards; empty: this batch holds none for the group
  std::span<const RowSource> sources;  // one for each partition; empty unless the store has row watermarks
  RowBase base = RowBase::keep;
  bool soft_deleted = false;  // the batch's last word on the row (with guards: one of its words) is a soft delete
  bool upserted = false;      // some event of the batch put the row (before the delete, if there is one after it)
  std::int64_t deleted_at_us = 0;
  // The greatest event time that touched the row since it was last deleted hard; INT64_MIN: of none. Only in views that expire without
  // a `from`.
  std::int64_t newest_event_time_us = INT64_MIN;
};

// A partition's part of a batch: [from_offset, next_offset).
struct PartitionCommit {
  const TopicPartition* topic_partition = nullptr;
  std::int64_t expected_offset = 0;  // the stored next_offset must be this
  bool expected_missing = false;     // ... or there must be none yet (the first commit of a partition)
  Checkpoint after;                  // owner and batch_id are the batch's; next_offset > expected_offset, or equal at EOF, or anything
                                     // after the owner gave `--on-lost-data earliest`
  // The batch's processed IDs, and where they go: a new chunk, or appended to the tail chunk that starts at `tail_first_offset`.
  std::string_view ids;
  std::int64_t ids_first_offset = -1;
  std::int64_t ids_last_offset = -1;
  std::int64_t tail_first_offset = -1;  // -1: a new chunk
  std::int64_t trim_ids_below = -1;     // chunks whose last offset is smaller may go; -1: nothing to trim
};

struct ViewRows {
  std::uint32_t view = 0;
  std::span<FoldedRow* const> rows;  // distinct keys, in no order: a sink that needs one sorts
};

// A batch's rows in a store's own format, made ahead of its commit: see Sink::encode_ahead(). Keeps its buffers when it is used again.
class EncodedRows {
 public:
  virtual ~EncodedRows() = default;
};

// `into` as a sink's own kind of it, made where it is null or of another kind.
template <class Batch>
Batch& encoded_as(std::unique_ptr<EncodedRows>& into) {
  if (auto* const batch = dynamic_cast<Batch*>(into.get())) return *batch;
  auto made = std::make_unique<Batch>();
  Batch& out = *made;
  into = std::move(made);
  return out;
}

struct CommitBatch {
  Uuid owner;
  Uuid batch_id;                                // the same when the same batch is tried again
  std::span<const PartitionCommit> partitions;  // sorted by topic, partition
  std::span<const ViewRows> views;              // in file order
  // Of `processed_ids: exact` (G16): the IDs of the batch's events and letters, in batch order. The store keeps each for ever, and commits
  // only if it holds none of them yet.
  std::span<const Hash128> exact_ids{};
  // Of exactly these views, made by encode_ahead() of this sink; null: nothing was made ahead.
  EncodedRows* encoded = nullptr;
};

enum class CommitStatus {
  committed,
  fenced,    // some checkpoint is no longer this worker's: drop, reload (G2)
  retry,     // store away, overloaded, read-only, deadlock: the same batch again later (G19)
  rejected,  // these changes can never be applied: halve to find the event (G29)
  refold,    // a part of what was folded is in the store already: fold again without `ahead` and `known_ids`
};

// How far a stored row is: it includes every event of the partition below `next_offset`.
struct RowAhead {
  std::uint32_t view = 0;
  std::uint64_t key_hash = 0;
  std::string key;  // rows::encode_key() of its parts
  TopicPartition topic_partition;
  std::int64_t next_offset = 0;
};

// Of one commit(), where a store knows several ways for its rows: how many went which. For the statistics.
struct RowWays {
  std::uint64_t copied = 0;    // in bulk, as new rows
  std::uint64_t updated = 0;   // as rows that are there
  std::uint64_t upserted = 0;  // merged into what may be there; deletes too
  std::uint64_t refused = 0;   // tries of the first two that met something else: the batch was upserted after all
};

struct CommitResult {
  CommitStatus status = CommitStatus::retry;
  Error error{};  // meaningless when committed
  // When refold, one of them says something.
  std::vector<RowAhead> ahead{};           // rows that hold a part of what was folded for them (row watermarks only)
  std::vector<std::uint32_t> known_ids{};  // indexes into exact_ids: duplicates, also of an earlier one in the same batch
  RowWays ways{};                          // also of a commit that was not, `refused`
};

struct SinkTraits {
  std::uint32_t domains = 1;    // atomic domains with a checkpoint each
  bool row_watermarks = false;  // each row carries its own watermarks (search stores); FoldedRow::sources is filled
  // G22: the store can lose its checkpoints with its data (restarted empty, flushed). Then a missing checkpoint is no fresh start where
  // the group has committed offsets.
  bool checkpoint_may_vanish = false;
  bool exact_ids = false;  // G16: keeps every ID in a unique index, in the commit's own transaction
  std::size_t max_batch_rows = 50'000;
  std::size_t max_batch_bytes = 16 * 1024 * 1024;
};

class Sink {
 public:
  virtual ~Sink() = default;

  // Takes ownership: afterwards no other owner's commit on these partitions succeeds. Answers in the request's order.
  // Crash: ownership without a commit changes no data; the next owner takes over the same way.
  virtual Result<std::vector<OpenedPartition>> open(const OpenRequest& request) = 0;

  // All or nothing per atomic domain; with row watermarks, per row. See each sink for what a crash at each step leaves behind.
  // `rejected` means that nothing of the batch is applied: a store that has taken a part of it by then puts back what stood there. A new ID
  // chunk whose first offset a stored chunk has already replaces that chunk (what was left by a commit that reached only a part).
  virtual CommitResult commit(const CommitBatch& batch) = 0;

  // Which of a batch's exact IDs are duplicates (G16), as CommitResult::known_ids. Asked before a batch with letters: those are written
  // before the batch is committed. Only where traits().exact_ids.
  virtual Result<std::vector<std::uint32_t>> known_ids(std::span<const Hash128> /*ids*/) { return std::vector<std::uint32_t>{}; }

  // The stored checkpoints as they are now (G3: looks for one that moved back, or changed its owner). Never takes ownership.
  // A store of several domains may leave those that a batch has no rows for where they stand. Here, a second after the lane's last commit
  // at the latest, it brings them up to what the lane has committed; until then they count as if they stood there.
  virtual Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) = 0;

  // Does ahead what a commit needs of the rows alone: no round trip, nothing that depends on the commit before. The engine asks when a
  // batch takes no more (whatever batch_rows() says by then) while the one before it is still being committed, so that the store waits less
  // between the two. True: `into` (null, or one of an earlier batch) holds what commit() of these views may use in their place; false, the
  // default: there is nothing to be made, or commit() had better look itself (a value that does not fit). Crash: nothing has left the
  // process. Called by the folding thread while commit() runs on another, like check(): it must only read what is fixed after construction.
  [[nodiscard]] virtual bool encode_ahead(std::span<const ViewRows> /*views*/, std::unique_ptr<EncodedRows>& /*into*/) const {
    return false;
  }

  // Whether the store can hold this change at all, from the schema alone and without a round trip: a NUL in Postgres' text, a key too
  // long for its index. An error (code store_rejected) makes the event a letter before it reaches a batch.
  // Called by the folding thread while commit() runs on another: it must only read what is fixed after construction.
  [[nodiscard]] virtual Result<void> check(const ViewSchema& view, const Change& change) const = 0;

  // How many rows a batch should hold by now, at most traits().max_batch_rows: of a store that finds out what its rows cost. Threads: as
  // check(); the answer changes from commit to commit.
  [[nodiscard]] virtual std::size_t batch_rows() const { return SIZE_MAX; }

  // The domain that holds a row (G4), by the parts of its key and their hash; always 0 when traits().domains is 1. Threads: as check().
  [[nodiscard]] virtual std::uint32_t domain_of(std::uint32_t /*view*/, const Value* /*key*/, std::uint64_t /*key_hash*/) const {
    return 0;
  }
};

struct RowQuery;  // sinks/row_query.h
class RowReader;

// One partition's checkpoint for `foldline status`.
struct StoredCheckpoint {
  TopicPartition topic_partition;
  Checkpoint checkpoint;
};

// Of a store that answers several requests of a sink at once.
struct StoreRequests {
  std::uint32_t under_way = 0;  // of all sinks
  std::uint32_t limit = 0;      // of each sink; 0: the store has one connection and no such limit
};

class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual SinkTraits traits() const = 0;
  // Creates what is missing and applies additive changes, under a lock that serialises workers which start at once; refuses, with the
  // reason, whatever would destroy data. Idempotent.
  virtual Result<void> prepare() = 0;
  virtual Result<std::unique_ptr<Sink>> new_sink() = 0;
  virtual Result<std::vector<StoredCheckpoint>> checkpoints() = 0;
  // G6: which topics, with how many partitions, there were when this generation began. Keeps `now` if nothing is kept yet, atomically;
  // answers what is kept. The text is the engine's; at most kMaxFirstTopicsBytes.
  virtual Result<std::string> first_topics(const std::string& now) = 0;

  // The generation that prepare() has bound this store to.
  [[nodiscard]] virtual std::int64_t generation() const { return 1; }
  // Generations, for `rebuild`. A store that can't build one beside the live one says so: the default.
  virtual Result<std::vector<Generation>> generations();
  // Of a store that was opened to build: its generation takes the live one's place; the live one is retired and its owner fenced. True:
  // it is live. Waits for commits under way; retryable when readers hold it up, or the store is away.
  // Where the store has transactions, all views at once: a crash leaves it live or not, never a part. Where it has none, in steps: from
  // the first one on its state is `switching` and no worker of either generation commits, open() and prepare() refuse, and after a crash,
  // an error or an answer of false from `step` another go_live() goes on.
  virtual Result<bool> go_live(const GoLiveStep& step);
  // Drops a generation that is not live, with its checkpoints. A crash leaves it droppable. Idempotent.
  virtual Result<void> drop_generation(std::int64_t number);

  // Rows as readers of the store see them, of the live generation; reads only, and needs no prepare(). A store that can't says so: the
  // default. Errors (code config): key parts that this store can't look up by.
  virtual Result<std::unique_ptr<RowReader>> read_rows(const RowQuery& query);
  // What a person would look for in the store: `analytics.fact_orders`, `orders:{day}:count`.
  [[nodiscard]] virtual std::string name_of_view(std::uint32_t view) const;

  // For metrics. Any thread.
  [[nodiscard]] virtual StoreRequests requests() const { return {}; }

  // Does the store answer? For /readyz while no batch flows. Bounded by the store's connect time-out.
  virtual Result<void> ping() = 0;
};

}  // namespace foldline
