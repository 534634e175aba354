// The fold: changes of one batch, merged per key into rows of normal form (G8), in order, an event at a time.
//
//   Fold fold(views);  fold.begin(batch_arena);
//   if (fold.add(changes).outcome == FoldOutcome::cut) end_the_batch_before_this_event();
//
// Per view an open-addressing table over the keys' hashes. Rows, cells and stamps live in the batch's arena; tables are reused, so a
// steady stream allocates nothing. Not thread-safe.
//
// Normal form of a row: a base (keep, reset, erase), per field an optional set and one commutative operation, of which set swallows
// the other. Property (tests): for every history and every cut into batches the store ends as it would one event at a time. Known
// limits, both about what no store shows before a commit (docs/decisions): a sum that leaves its type and comes back within one batch
// is not rejected, and the values of a soft-deleted row of a guarded view are remains.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "common/arena.h"
#include "common/change.h"
#include "common/error.h"
#include "common/prefetch.h"
#include "common/view.h"
#include "sinks/sink.h"

namespace foldline {

enum class FoldOutcome : std::uint8_t {
  folded,
  cut,      // not into this batch: it must end before this event
  refused,  // into no batch: the event becomes a letter
};

struct FoldResult {
  FoldOutcome outcome = FoldOutcome::folded;
  Error error;  // meaningless when folded
};

// Where an event stands in the log.
struct EventOrigin {
  const TopicPartition* topic_partition = nullptr;  // outlives the batch
  std::int64_t offset = 0;
};

class Fold {
 public:
  explicit Fold(const std::vector<ViewSchema>& views);

  // Forgets all rows; those of the next batch live in `arena`, as do the values that changes point to.
  void begin(Arena& arena);

  // Folds all changes of one event or, unless the outcome is `folded`, none. Whether an event is refused does not depend on the batch:
  // only on whether it can be folded alone (it can't with two different operations on one field of one row, or sums past 38 digits).
  // `origin` (stores with row watermarks; else without a partition): each row remembers which offsets went into it (FoldedRow::sources).
  // `event_time_us`: for rows that expire by it (FoldedRow::newest_event_time_us).
  FoldResult add(std::span<const Change> changes, const EventOrigin& origin = {}, std::int64_t event_time_us = INT64_MIN);

  // Its row will be asked for soon.
  void prefetch(const Change& change) const {
    const Table& table = tables_[change.view];
    prefetch_write(&table.slots[change.key_hash & (table.slots.size() - 1)]);
  }

  [[nodiscard]] std::size_t row_count() const { return row_count_; }
  // In file order, views without rows left out. Valid until begin().
  [[nodiscard]] std::vector<ViewRows> rows() const;

 private:
  struct Row : FoldedRow {
    std::uint64_t* guard_events = nullptr;  // which event set guards[g]: within one event the last assignment wins
    std::uint64_t touched_by = 0;           // the last event that came here
    bool keeps_time = false;
    RowSource* source_list = nullptr;  // what `sources` shows, and room to grow
    std::uint32_t source_count = 0;
    std::uint32_t source_capacity = 0;
  };
  struct Slot {
    std::uint32_t key_hash = 0;  // the half that does not choose the slot
    std::uint32_t row = 0;       // + 1; 0: free
  };
  // As large as the batch before needed it, not as the largest one did: with few keys it stays in the processor's nearest cache.
  struct Table {
    std::vector<Slot> slots;       // a power of two
    std::vector<FoldedRow*> rows;  // each a Row
    bool may_refuse = false;       // some field has an operation that can fail to merge
    bool keeps_times = false;      // rows expire by their newest event
  };
  struct Created {
    std::uint32_t view;
  };
  struct SavedCell {
    std::size_t field;
    Cell cell;
  };
  struct SavedGuard {
    std::size_t guard;
    GuardStamp stamp;
    std::uint64_t event;
  };
  struct SavedHeader {
    RowBase base;
    bool soft_deleted;
    bool upserted;
    std::int64_t deleted_at_us;
    std::int64_t newest_event_time_us;
  };
  // One step back. Only kept for events that may be refused after something was touched.
  struct Undo {
    Row* row;
    std::variant<Created, SavedCell, SavedGuard, SavedHeader> what;
  };

  Row& find_or_create(const Change& change);
  [[nodiscard]] bool same_key(const Row& row, const Change& change) const;
  void grow(Table& table);
  // False: error_ says why. Not a Result: it would be made, looked at and destroyed at each level for each event.
  bool try_add(std::span<const Change> changes);
  void add_source(Row& row, const EventOrigin& origin);
  bool foldable_alone(std::span<const Change> changes, Error& error);
  bool apply(const Change& change);
  void erase(const ViewSchema& view, Row& row, const Change& change);
  bool upsert(const ViewSchema& view, Row& row, const Change& change);
  bool merge_assigned(const ViewSchema& view, Row& row, const Assignment& assignment);
  Result<void> merge_into(const Field& field, Cell& cell, const Assignment& assignment);
  // True when the stamp is the row's newest of this guard, or this event's own.
  bool advance_guard(Row& row, std::int16_t guard, GuardStamp stamp);
  void start_anew(const ViewSchema& view, Row& row, RowBase base);
  void save_cell(Row& row, std::size_t field);
  void save_header(Row& row);
  void roll_back();
  void remove_newest(std::uint32_t view, const Row& row);

  const std::vector<ViewSchema>& views_;
  std::vector<Table> tables_;
  Arena* arena_ = nullptr;
  std::size_t row_count_ = 0;
  std::uint64_t event_ = 0;  // ordinal, never reused
  Error error_;              // of the try_add() that failed last
  bool keep_undo_ = false;
  bool touched_twice_ = false;  // the event came to one row more than once
  std::vector<Undo> undo_;
  std::vector<Row*> touched_;    // by the event that is being added
  std::unique_ptr<Fold> alone_;  // made when first needed
  Arena alone_arena_;
};

}  // namespace foldline
