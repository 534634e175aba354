// One lane over a fake log, a memory store, fake letters and an executor that runs a job when the test says.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/codec/replay_decoder.h"
#include "engine/id_chunk.h"
#include "engine/lane.h"
#include "sinks/memory/memory_store.h"
#include "tests/unit/engine/fake_log.h"
#include "tests/unit/engine/fake_projection.h"

namespace foldline::testing {

inline std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

// G15: within a chunk offsets rise, also where a crash had left IDs that were never committed. Empty: they do.
inline std::string unsorted_ids(const memory::MemoryStore& store) {
  std::string out;
  for (const auto& [topic_partition, partition] : store.snapshot().partitions) {
    for (const auto& [first_offset, chunk] : partition.ids) {
      std::int64_t last = -1;
      const auto whole = unpack_ids(chunk.packed, [&](const Hash128& /*id*/, std::int64_t offset, bool /*letter*/) {
        if (offset <= last)
          out += topic_partition.to_string() + ": ID at " + std::to_string(offset) + " behind " + std::to_string(last) + "\n";
        last = offset;
      });
      if (!whole) out += whole.error().message + "\n";
    }
  }
  return out;
}

// A lane and all that belongs to it alone.
struct LaneHarness {
  LaneHarness(FakeBroker& broker, memory::MemoryStore& store, LetterSink& letters, const std::vector<ViewSchema>& lane_views,
              std::vector<AssignedPartition> assigned, LaneOptions options)
      : partitions(std::move(assigned)), log(broker, names(partitions)), sink(*store.new_sink()) {
    LaneDependencies dependencies{.log = log,
                                  .sink = *sink,
                                  .traits = store.traits(),
                                  .executor = executor,
                                  .letters = letters,
                                  .decoders = {},
                                  .projector = std::make_unique<FakeProjector>(),
                                  .views = lane_views,
                                  .stats = stats,
                                  .wall_time_us = [] { return std::int64_t{42}; }};
    dependencies.decoders.push_back(std::make_unique<FakeDecoder>());
    codec::ReplayDecoderOptions replay{
        .index = 1, .projection = "p", .source_of = [](const std::string& topic) { return topic == "t" ? 0 : -1; }, .decoders = {}};
    replay.decoders.push_back(std::make_unique<FakeDecoder>());
    dependencies.decoders.push_back(codec::make_replay_decoder(std::move(replay)));
    lane = std::make_unique<Lane>(options, std::move(dependencies));
  }

  static std::vector<TopicPartition> names(const std::vector<AssignedPartition>& partitions) {
    std::vector<TopicPartition> out;
    for (const AssignedPartition& p : partitions) out.push_back(p.topic_partition);
    return out;
  }

  std::vector<AssignedPartition> partitions;
  LaneStats stats;
  FakeLog log;
  std::unique_ptr<Sink> sink;
  ManualExecutor executor;
  std::unique_ptr<Lane> lane;
};

class LaneTest : public ::testing::Test {
 protected:
  LaneTest() {
    options.seed = 1;
    options.id_window = 100;
    store.set_reject_hook(is_poison);
  }

  void make_store(memory::MemoryOptions store_options) {
    store_ = std::make_unique<memory::MemoryStore>(views, store_options);
    store_->set_reject_hook(is_poison);
  }
  memory::MemoryStore& the_store() { return store_ ? *store_ : store; }

  // A new lane with all partitions; what was before is gone as after a crash.
  void start(std::vector<AssignedPartition> assigned = {}) {
    if (assigned.empty()) assigned = {{tp, 0, false}};
    ++options.seed;  // owners and batch IDs must never come twice
    h = std::make_unique<LaneHarness>(broker, the_store(), letters, views, assigned, options);
    h->lane->assign(h->partitions, now);
  }

  // Steps and runs jobs until nothing more happens at this time.
  void settle() {
    for (int i = 0; i < 100'000; ++i) {
      const bool ran = h->executor.run_one();
      last = h->lane->step(now);
      if (!last.progressed && !ran && h->executor.jobs.empty()) return;
    }
    FAIL() << "the lane never comes to rest";
  }
  void advance(Duration by) {
    now += by;
    settle();
  }
  // Long enough for every back-off, throttle and re-check.
  void settle_for_a_minute() {
    for (int i = 0; i < 60; ++i) advance(std::chrono::seconds(1));
  }

  void append(const std::string& value) { broker.append(tp, value); }
  std::vector<std::string> rows() { return sorted(the_store().dump(0)); }
  std::int64_t checkpoint(const TopicPartition& partition) {
    const auto checkpoints = the_store().checkpoints();
    for (const StoredCheckpoint& stored : *checkpoints) {
      if (stored.topic_partition == partition) return stored.checkpoint.next_offset;
    }
    return -1;
  }
  std::int64_t checkpoint() { return checkpoint(tp); }
  void expect_as_the_log_says(std::vector<TopicPartition> partitions = {}) {
    if (partitions.empty()) partitions = {tp};
    const ExpectedState expected = ExpectedState::of(broker, partitions, options.id_window);
    EXPECT_EQ(rows(), sorted(expected.dump_rows()));
    EXPECT_EQ(the_store().dump(1), expected.dump_totals());
    EXPECT_EQ(letters.ids(), expected.letters);
    for (const TopicPartition& partition : partitions) EXPECT_EQ(checkpoint(partition), broker.partition(partition).high);
    EXPECT_EQ(unsorted_ids(the_store()), "");
  }

  const TopicPartition tp{"t", 0};
  Instant now{};
  LaneOptions options;
  std::vector<ViewSchema> views = projection_views();
  FakeBroker broker;
  memory::MemoryStore store{views};
  FakeLetters letters;
  std::unique_ptr<LaneHarness> h;
  StepResult last;

 private:
  std::unique_ptr<memory::MemoryStore> store_;
};

}  // namespace foldline::testing
