// Fills a generation that is in the making, up to where the log ended when it began.
//
//   Rebuild rebuild({consumer, lane_options, partitions, end_offsets}, parts, *store);
//   Result<void> filled = rebuild.run(stop, [](const RebuildProgress& p) { ... });     // then store->go_live()
//
// It takes its partitions by itself, without the projection's group, so the workers of the live generation go on meanwhile. What it folds
// is committed like a worker's batches, into the checkpoints of the new generation: a crash leaves a generation that another run goes on
// with, or drops. Letters are written again, under the same letter IDs: tools count each once (G28).
//
// Threads: run() on the caller's; `progress` is called on it too.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/kafka/consumer.h"
#include "engine/worker.h"

namespace foldline {

struct RebuildOptions {
  kafka::ConsumerOptions consumer;  // `group` is only a name here: nothing joins it
  LaneOptions lane;
  std::vector<AssignedPartition> partitions;
  std::vector<std::int64_t> end_offsets;  // parallel: the rebuild is done when every checkpoint has reached its own
};

struct RebuildProgress {
  std::uint64_t done = 0;     // offsets behind the checkpoints
  std::uint64_t total = 0;    // offsets between the start, as far as it is known yet, and the ends
  std::uint64_t letters = 0;  // dead letters so far
};

class Rebuild final : private kafka::RebalanceListener {
 public:
  Rebuild(RebuildOptions options, WorkerParts parts, Store& store);
  ~Rebuild() override;

  // True: filled; false: told to stop, all that was folded is committed. An error: a partition stopped, the store refuses, another
  // rebuild took over; its hint says what to do.
  Result<bool> run(const std::atomic<bool>& stop, const std::function<void(const RebuildProgress&)>& progress);

 private:
  std::vector<kafka::PartitionQueue*> on_assign(const std::vector<TopicPartition>& partitions) override;
  void on_revoke(const std::vector<TopicPartition>& /*partitions*/) override {}

  Result<void> start();
  [[nodiscard]] Result<bool> look(RebuildProgress& progress);  // true: filled

  RebuildOptions options_;
  WorkerParts parts_;
  Store& store_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<LaneRunner> lane_;
  std::vector<std::int64_t> started_at_;  // per partition; -1: not known yet
};

}  // namespace foldline
