#include "engine/fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "common/same_text.h"
#include "engine/merge.h"

namespace foldline {

namespace {

constexpr std::size_t kFirstSlots = 64;

// At most three of five are in use.
std::size_t slots_for(std::size_t rows) { return std::max(kFirstSlots, std::bit_ceil(rows * 5 / 3 + 1)); }

std::uint32_t other_half(std::uint64_t key_hash) { return static_cast<std::uint32_t>(key_hash >> 32); }

bool same_part(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is(Kind::text)) return same_text(a.as_text(), b.as_text());
  if (a.is(Kind::integer) || a.is(Kind::date)) return a.as_int() == b.as_int();
  return equal(a, b);
}

}  // namespace

Fold::Fold(const std::vector<ViewSchema>& views) : views_(views), tables_(views.size()) {
  for (std::size_t i = 0; i < views.size(); ++i) {
    tables_[i].slots.resize(kFirstSlots);
    tables_[i].may_refuse =
        std::any_of(views[i].fields.begin(), views[i].fields.end(), [](const Field& f) { return (f.ops & ~op_bit(Op::set)) != 0; });
    tables_[i].keeps_times = views[i].expire_after_us > 0 && views[i].expire_from.empty();
  }
}

void Fold::begin(Arena& arena) {
  arena_ = &arena;
  row_count_ = 0;
  undo_.clear();
  for (Table& table : tables_) {
    // assign() keeps the memory, and brings it near.
    table.slots.assign(slots_for(table.rows.size()), Slot{});
    table.rows.clear();
  }
}

FoldResult Fold::add(std::span<const Change> changes, const EventOrigin& origin, std::int64_t event_time_us) {
  const bool empty = row_count_ == 0;
  if (!try_add(changes)) {
    roll_back();
    Error error;
    const bool refused = empty || !foldable_alone(changes, error);
    return {refused ? FoldOutcome::refused : FoldOutcome::cut, std::move(error_)};
  }
  // A `set` of an earlier event may have swallowed what the event could not do alone: then the answer would depend on the cut.
  if (touched_twice_ && keep_undo_ && !empty) {
    if (Error error; !foldable_alone(changes, error)) {
      roll_back();
      return {FoldOutcome::refused, std::move(error)};
    }
  }
  if (origin.topic_partition != nullptr) {
    for (Row* row : touched_) add_source(*row, origin);
  }
  for (Row* row : touched_) {
    if (row->keeps_time) row->newest_event_time_us = std::max(row->newest_event_time_us, event_time_us);
  }
  return {};
}

// Records come in offset order within a partition. Rows of few partitions are the rule, so a search from the back is enough.
void Fold::add_source(Row& row, const EventOrigin& origin) {
  for (std::size_t i = row.source_count; i-- > 0;) {
    if (row.source_list[i].topic_partition != origin.topic_partition) continue;
    row.source_list[i].last_offset = origin.offset;
    return;
  }
  if (row.source_count == row.source_capacity) {
    row.source_capacity = std::max<std::uint32_t>(1, row.source_capacity * 2);
    auto* grown = arena_->array<RowSource>(row.source_capacity);
    std::uninitialized_copy_n(row.source_list, row.source_count, grown);
    row.source_list = grown;
  }
  std::construct_at(row.source_list + row.source_count++, RowSource{origin.topic_partition, origin.offset, origin.offset});
  row.sources = {row.source_list, row.source_count};
}

bool Fold::try_add(std::span<const Change> changes) {
  ++event_;
  touched_twice_ = false;
  // Nothing to undo where nothing can be refused, or where the one assignment is refused before it touched anything.
  const bool single = changes.size() == 1 && changes[0].assignments.size() <= 1 && views_[changes[0].view].guard_count == 0;
  keep_undo_ = !single && std::any_of(changes.begin(), changes.end(), [this](const Change& c) { return tables_[c.view].may_refuse; });
  undo_.clear();
  touched_.clear();
  return std::all_of(changes.begin(), changes.end(), [this](const Change& change) { return apply(change); });
}

bool Fold::foldable_alone(std::span<const Change> changes, Error& error) {
  if (!alone_) alone_ = std::make_unique<Fold>(views_);
  alone_arena_.reset();
  alone_->begin(alone_arena_);
  const bool good = alone_->try_add(changes);
  if (!good) error = std::move(alone_->error_);
  return good;
}

std::vector<ViewRows> Fold::rows() const {
  std::vector<ViewRows> out;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (!tables_[i].rows.empty()) out.push_back({static_cast<std::uint32_t>(i), tables_[i].rows});
  }
  return out;
}

bool Fold::same_key(const Row& row, const Change& change) const {
  const std::size_t parts = views_[change.view].key.size();
  for (std::size_t i = 0; i < parts; ++i) {
    if (!same_part(row.key[i], change.key[i])) return false;
  }
  return true;
}

Fold::Row& Fold::find_or_create(const Change& change) {
  Table& table = tables_[change.view];
  if ((table.rows.size() + 1) * 5 > table.slots.size() * 3) grow(table);
  const std::size_t mask = table.slots.size() - 1;
  std::size_t i = change.key_hash & mask;
  const std::uint32_t half = other_half(change.key_hash);
  for (; table.slots[i].row != 0; i = (i + 1) & mask) {
    if (table.slots[i].key_hash != half) continue;
    auto& row = static_cast<Row&>(*table.rows[table.slots[i].row - 1]);
    if (row.key_hash == change.key_hash && same_key(row, change)) return row;
  }
  const ViewSchema& view = views_[change.view];
  Row* row = std::construct_at(arena_->array<Row>(1));
  row->key_hash = change.key_hash;
  row->key = change.key;
  row->keeps_time = table.keeps_times;
  row->cells = arena_->array<Cell>(view.fields.size());
  std::uninitialized_default_construct_n(row->cells, view.fields.size());
  if (view.guard_count > 0) {
    const auto guards = static_cast<std::size_t>(view.guard_count);
    row->guards = arena_->array<GuardStamp>(guards);
    row->guard_events = arena_->array<std::uint64_t>(guards);
    std::uninitialized_default_construct_n(row->guards, guards);
    std::fill_n(row->guard_events, guards, 0);
  }
  table.rows.push_back(row);
  table.slots[i] = {half, static_cast<std::uint32_t>(table.rows.size())};
  ++row_count_;
  if (keep_undo_) undo_.push_back({row, Created{change.view}});
  return *row;
}

void Fold::grow(Table& table) {
  std::vector<Slot> slots(table.slots.size() * 2);
  const std::size_t mask = slots.size() - 1;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    std::size_t i = table.rows[r]->key_hash & mask;
    while (slots[i].row != 0) i = (i + 1) & mask;
    slots[i] = {other_half(table.rows[r]->key_hash), static_cast<std::uint32_t>(r + 1)};
  }
  table.slots = std::move(slots);
}

bool Fold::apply(const Change& change) {
  Row& row = find_or_create(change);
  if (row.touched_by == event_) {
    touched_twice_ = true;
  } else {
    touched_.push_back(&row);
  }
  row.touched_by = event_;
  const ViewSchema& view = views_[change.view];
  if (change.op == RowOp::upsert) return upsert(view, row, change);
  erase(view, row, change);
  return true;
}

inline void Fold::save_cell(Row& row, std::size_t field) {
  if (keep_undo_) undo_.push_back({&row, SavedCell{field, row.cells[field]}});
}

void Fold::save_header(Row& row) {
  if (keep_undo_)
    undo_.push_back({&row, SavedHeader{row.base, row.soft_deleted, row.upserted, row.deleted_at_us, row.newest_event_time_us}});
}

void Fold::erase(const ViewSchema& view, Row& row, const Change& change) {
  save_header(row);
  if (view.guard_deleted >= 0) {  // G10: the newest delete, whenever it came
    if (advance_guard(row, view.guard_deleted, change.guard)) {
      row.soft_deleted = true;
      row.deleted_at_us = change.deleted_at_us;
    }
  } else if (view.soft_delete >= 0) {  // values stay visible
    row.soft_deleted = true;
    row.deleted_at_us = change.deleted_at_us;
  } else {
    start_anew(view, row, RowBase::erase);
    row.upserted = false;
    row.newest_event_time_us = INT64_MIN;
  }
}

// G11: what comes after a delete starts from defaults.
void Fold::start_anew(const ViewSchema& view, Row& row, RowBase base) {
  for (std::size_t f = 0; f < view.fields.size(); ++f) {
    if (row.cells[f].state == CellState::none) continue;
    save_cell(row, f);
    row.cells[f] = Cell{};
  }
  row.base = base;
  row.soft_deleted = false;
  row.deleted_at_us = 0;
}

bool Fold::upsert(const ViewSchema& view, Row& row, const Change& change) {
  const bool soft_deleted = row.soft_deleted && view.guard_deleted < 0;
  if (!row.upserted || row.base == RowBase::erase || soft_deleted) {
    save_header(row);
    if (row.base == RowBase::erase) {
      row.base = RowBase::reset;
      row.newest_event_time_us = INT64_MIN;  // the delete's own does not count
    }
    if (soft_deleted) start_anew(view, row, RowBase::reset);
    row.upserted = true;
  }
  if (view.guard_alive >= 0) advance_guard(row, view.guard_alive, change.guard);
  for (const Assignment& assignment : change.assignments) {
    if (assignment.value.is_absent()) continue;  // none leaves the field as it is
    const Field& field = view.fields[assignment.field];
    if (assignment.op == Op::set) {
      if (field.guard >= 0 && !advance_guard(row, field.guard, change.guard)) continue;
      save_cell(row, assignment.field);
      Cell& cell = row.cells[assignment.field];  // part by part: a whole cell copied would wait for the parts it was just made of
      cell.state = CellState::set;
      cell.op = Op::set;
      cell.value = assignment.value;
    } else if (!merge_assigned(view, row, assignment)) {
      return false;
    }
  }
  return true;
}

namespace {

// What most merges are: the next whole number to a sum. False: it is something else, or leaves 64 bits; merge() knows.
bool add_whole(Cell& cell, const Assignment& assignment) {
  std::int64_t sum = 0;
  if (assignment.op != Op::add || cell.state == CellState::none || (cell.state == CellState::merge && cell.op != Op::add) ||
      !cell.value.is(Kind::integer) || !assignment.value.is(Kind::integer) ||
      __builtin_add_overflow(cell.value.as_int(), assignment.value.as_int(), &sum)) {
    return false;
  }
  cell.value = Value::integer(sum);
  return true;
}

}  // namespace

bool Fold::merge_assigned(const ViewSchema& view, Row& row, const Assignment& assignment) {
  if (assignment.value.is_null()) return true;  // nothing to add, to compare, to append
  const Field& field = view.fields[assignment.field];
  save_cell(row, assignment.field);
  if (add_whole(row.cells[assignment.field], assignment)) return true;
  auto merged = merge_into(field, row.cells[assignment.field], assignment);
  if (merged) return true;
  error_ = std::move(merged.error());
  error_.message = fmt::format("view {}, field {}: {}", view.name, field.name, error_.message);
  return false;
}

Result<void> Fold::merge_into(const Field& field, Cell& cell, const Assignment& assignment) {
  const bool elements = assignment.op == Op::append || assignment.op == Op::remove;
  if (cell.state == CellState::none) {
    cell = {CellState::merge, assignment.op, elements ? one_element(assignment.value, *arena_) : assignment.value};
    return {};
  }
  if (cell.state == CellState::merge && cell.op != assignment.op) {
    return fail(ErrorCode::limit,
                fmt::format("{} after {} in one batch can't be one operation", to_string(assignment.op), to_string(cell.op)),
                "an event may do only one kind of add, min, max, append or remove to a field of one row");
  }
  const auto value = cell.state == CellState::set
                         ? merge(assignment.op, cell.value, assignment.value, *arena_, field.type.kind == TypeKind::set)
                         : merge_operands(assignment.op, cell.value, assignment.value, *arena_);
  if (!value) return fail(value.error());
  cell.value = *value;
  return {};
}

bool Fold::advance_guard(Row& row, std::int16_t guard, GuardStamp stamp) {
  const auto g = static_cast<std::size_t>(guard);
  if (row.guard_events[g] == event_ && stamp == row.guards[g]) return true;
  // string_view compares bytes as unsigned, as memcmp does. The first of two events with equal stamps stays, as it would in the store.
  if (row.guard_events[g] != 0 && stamp <= row.guards[g]) return false;
  if (keep_undo_) undo_.push_back({&row, SavedGuard{g, row.guards[g], row.guard_events[g]}});
  row.guards[g] = stamp;
  row.guard_events[g] = event_;
  return true;
}

void Fold::roll_back() {
  for (; !undo_.empty(); undo_.pop_back()) {
    Row& row = *undo_.back().row;
    const auto& what = undo_.back().what;
    if (const auto* cell = std::get_if<SavedCell>(&what)) {
      row.cells[cell->field] = cell->cell;
    } else if (const auto* guard = std::get_if<SavedGuard>(&what)) {
      row.guards[guard->guard] = guard->stamp;
      row.guard_events[guard->guard] = guard->event;
    } else if (const auto* header = std::get_if<SavedHeader>(&what)) {
      row.base = header->base;
      row.soft_deleted = header->soft_deleted;
      row.upserted = header->upserted;
      row.deleted_at_us = header->deleted_at_us;
      row.newest_event_time_us = header->newest_event_time_us;
    } else {
      remove_newest(std::get<Created>(what).view, row);
    }
  }
}

// Of the table's rows it is the newest, so nothing probes past its slot. (A growth since may have moved the slot.)
void Fold::remove_newest(std::uint32_t view, const Row& row) {
  Table& table = tables_[view];
  const std::size_t mask = table.slots.size() - 1;
  std::size_t i = row.key_hash & mask;
  while (table.slots[i].row != table.rows.size()) i = (i + 1) & mask;
  table.slots[i] = Slot{};
  table.rows.pop_back();
  --row_count_;
}

}  // namespace foldline
