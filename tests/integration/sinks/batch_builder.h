// Batches for the sinks' contract tests, made by hand.
//
//   BatchBuilder b(views);
//   b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(5));
//   b.partition(0, 10, 20);
//   sink.commit(b.batch(owner));
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/view.h"
#include "sinks/sink.h"

namespace foldline::testing {

// Rows and partitions of one batch. Its values live as long as it does.
class BatchBuilder {
 public:
  explicit BatchBuilder(const std::vector<ViewSchema>& views) : views_(views), rows_(views.size()) {}

  FoldedRow& row(std::uint32_t view, std::initializer_list<Value> key);
  FoldedRow& set(FoldedRow& row, std::size_t field, Value value);
  FoldedRow& merge(FoldedRow& row, std::size_t field, Op op, Value value);
  PartitionCommit& partition(const std::string& topic, std::int32_t number, std::int64_t expected, std::int64_t next);
  PartitionCommit& first(const std::string& topic, std::int32_t number, std::int64_t next);
  // Of topic `t`.
  PartitionCommit& partition(std::int32_t number, std::int64_t expected, std::int64_t next) {
    return partition("t", number, expected, next);
  }
  PartitionCommit& first(std::int32_t number, std::int64_t next) { return first("t", number, next); }
  // The batch as it is now; `owner` and a batch ID of its own.
  CommitBatch batch(const Uuid& owner);

  Arena& arena() { return arena_; }
  Value text(std::string_view value) { return Value::text(arena_.copy(value)); }
  Uuid batch_id = Uuid::random();

 private:
  const std::vector<ViewSchema> views_;
  Arena arena_;
  std::vector<std::vector<FoldedRow*>> rows_;
  std::deque<FoldedRow> owned_rows_;
  std::deque<TopicPartition> places_;
  std::vector<PartitionCommit> partitions_;
  std::vector<ViewRows> view_rows_;
};

// A sink that has opened partitions 0.. of topic `t` for a new owner.
struct OpenedSink {
  std::unique_ptr<Sink> sink;
  Uuid owner = Uuid::random();
  std::vector<TopicPartition> partitions;
  std::vector<OpenedPartition> opened;
};

}  // namespace foldline::testing
