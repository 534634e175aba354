#include "tests/integration/sinks/batch_builder.h"

#include <algorithm>

namespace foldline::testing {

FoldedRow& BatchBuilder::row(std::uint32_t view, std::initializer_list<Value> key) {
  const ViewSchema& schema = views_[view];
  FoldedRow& out = owned_rows_.emplace_back();
  Value* parts = arena_.array<Value>(key.size());
  std::copy(key.begin(), key.end(), parts);
  out.key = parts;
  out.upserted = true;
  out.cells = arena_.array<Cell>(schema.fields.size());
  for (std::size_t i = 0; i < schema.fields.size(); ++i) out.cells[i] = Cell{};
  out.guards = arena_.array<GuardStamp>(static_cast<std::size_t>(schema.guard_count));
  for (int i = 0; i < schema.guard_count; ++i) out.guards[i] = GuardStamp{};
  rows_[view].push_back(&out);
  return out;
}

FoldedRow& BatchBuilder::set(FoldedRow& row, std::size_t field, Value value) {
  row.cells[field] = Cell{CellState::set, Op::set, value};
  return row;
}

FoldedRow& BatchBuilder::merge(FoldedRow& row, std::size_t field, Op op, Value value) {
  row.cells[field] = Cell{CellState::merge, op, value};
  return row;
}

PartitionCommit& BatchBuilder::partition(const std::string& topic, std::int32_t number, std::int64_t expected, std::int64_t next) {
  places_.push_back({topic, number});
  PartitionCommit& out = partitions_.emplace_back();
  out.topic_partition = &places_.back();
  out.expected_offset = expected;
  out.after.next_offset = next;
  return out;
}

PartitionCommit& BatchBuilder::first(const std::string& topic, std::int32_t number, std::int64_t next) {
  PartitionCommit& out = partition(topic, number, 0, next);
  out.expected_missing = true;
  return out;
}

CommitBatch BatchBuilder::batch(const Uuid& owner) {
  view_rows_.clear();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i].empty()) view_rows_.push_back({static_cast<std::uint32_t>(i), rows_[i]});
  }
  for (PartitionCommit& partition : partitions_) {
    partition.after.owner = owner;
    partition.after.batch_id = batch_id;
  }
  return {owner, batch_id, partitions_, view_rows_};
}

}  // namespace foldline::testing
