// A log that was lost, replaced, cut, or that nobody watched: what the anchor and the bounds tell (G6).
#include "tests/unit/engine/lane_faults_fixture.h"

namespace foldline::testing {
namespace {

using memory::Step;

// G6
TEST_F(LaneFaults, ALogThatLostWhatTheCheckpointNeedsStopsThePartitionWithTheRemedy) {
  struct Case {
    const char* name;
    std::function<void()> lose;
    const char* says;
  };
  const Case cases[] = {
      {"retention passed the checkpoint", [&] { append_some(50), broker.remove_below(tp, 60); }, "the log holds 60 to 80"},
      {"truncated", [&] { broker.truncate(tp, 10); }, "the log holds 0 to 10"},
      {"re-created and shorter", [&] { broker.recreate(tp), append_some(3); }, "the log holds 0 to 3"},
      {"re-created and longer", [&] { broker.recreate(tp), append("x|add|k|1"), append_some(60); }, "another log"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    broker.recreate(tp);
    make_store({});
    append_some();
    start();
    settle();
    const auto rows_before = rows();
    c.lose();
    start();
    settle();
    EXPECT_EQ(h->lane->state(), LaneState::stopped);
    const std::string said = h->lane->status().describe();
    EXPECT_EQ(times(said, c.says), 1) << said;
    EXPECT_EQ(times(said, "--on-lost-data earliest"), 1) << said;
    EXPECT_EQ(times(said, tp.to_string()), 1) << said;
    EXPECT_EQ(rows(), rows_before);
    EXPECT_EQ(checkpoint(), 30) << "never silently reset";
  }
}

// G6: no poll of it ever failed, and its offsets go on.
TEST_F(LaneFaults, ALogThatWasReplacedByALongerOneWhileNobodyLookedIsFoundByItsAnchorBeforeAnythingIsFolded) {
  start();
  append_some();
  settle();
  const auto rows_before = rows();
  broker.recreate(tp);
  append("x|add|k|1");
  append_some(60);
  h->lane->distrust_log();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::stopped);
  EXPECT_NE(h->lane->status().describe().find("another log"), std::string::npos) << h->lane->status().describe();
  EXPECT_EQ(rows(), rows_before);
  EXPECT_EQ(checkpoint(), 30);
  EXPECT_EQ(h->stats.log_rechecks.load(), 1U);
}

// G1: thawed, it must not take back what another worker owns by now.
TEST_F(LaneFaults, AZombieThatDistrustsItsLogIsFenced) {
  start();
  append_some();
  settle();
  auto zombie = std::move(h);
  start();
  settle();
  zombie->lane->distrust_log();
  for (int i = 0; i < 5; ++i) {
    zombie->lane->step(now);
    zombie->executor.run_one();
  }
  EXPECT_EQ(zombie->lane->state(), LaneState::fenced);
  append_some();
  settle();
  EXPECT_EQ(h->stats.fenced.load(), 0U);
  expect_as_the_log_says();
}

TEST_F(LaneFaults, AStoreThatTakesNothingForLongLeavesTheLogUnwatched) {
  options.max_batch_records = 10;
  for (const bool replaced : {false, true}) {
    SCOPED_TRACE(replaced);
    broker.recreate(tp);
    make_store({});
    start();
    append_some();
    settle();
    fail_at(Step::commit_begin, 0, 0, 8);
    append_some();  // more than two batches: the lane has no room, and the client's queue runs full behind it
    settle();
    const auto rows_before = rows();
    if (replaced) {
      broker.recreate(tp);
      for (int i = 0; i < 4; ++i) append_some();
    }
    settle_for_a_minute();
    EXPECT_EQ(h->stats.log_rechecks.load(), 1U);
    if (replaced) {
      EXPECT_EQ(h->lane->state(), LaneState::stopped);
    } else {
      expect_as_the_log_says();
    }
  }
}

TEST_F(LaneFaults, OnLostDataEarliestGoesOnAtTheLogsStart) {
  options.on_lost_data = OnLostData::earliest;
  start();
  append("a|set|k|old");
  for (int i = 0; i < 29; ++i) append("|add|k|1");
  settle();
  broker.recreate(tp);
  append("a|set|k|new");  // the same ID in another log is another event
  for (int i = 0; i < 59; ++i) append("|add|k|01");
  start();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running);
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s='new' n=88 m=0 "}));
  EXPECT_EQ(checkpoint(), 60);
  broker.recreate(tp);
  append("|add|k|1000");
  start();
  settle();
  EXPECT_EQ(checkpoint(), 1);
  start();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running) << "the checkpoint is the new log's now";
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s='new' n=1088 m=0 "}));
}

// G24: rows remember how far they are in the log that is gone; the first events of another log would be taken for known ones.
TEST_F(LaneFaults, OnLostDataEarliestDoesNotMixLogsInRowsWithWatermarks) {
  options.on_lost_data = OnLostData::earliest;
  make_store({.row_watermarks = true});
  append_some();
  start();
  settle();
  const auto rows_before = rows();
  broker.recreate(tp);
  append("x|add|k|1");
  append_some(60);
  start();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::stopped);
  const std::string said = h->lane->status().describe();
  EXPECT_NE(said.find("rebuild the projection"), std::string::npos) << said;
  EXPECT_EQ(said.find("--on-lost-data"), std::string::npos) << said;
  EXPECT_EQ(rows(), rows_before);
}

TEST_F(LaneFaults, OnLostDataEarliestKeepsTheIdsWhereRetentionOnlyRanAhead) {
  options.on_lost_data = OnLostData::earliest;
  start();
  append("a|add|k|1");
  settle();
  for (int i = 0; i < 20; ++i) append("|add|k|1");
  broker.remove_below(tp, 15);
  append("a|add|k|1000");
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=7 m=0 "}));
}

TEST_F(LaneFaults, AnAnchorThatIsNoLongerRetainedIsAccepted) {
  start();
  append_some();
  settle();
  broker.compact_away(tp, 29);
  start();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running);
  append("z|add|k|1");
  settle();
  EXPECT_EQ(checkpoint(), 31);
}

TEST_F(LaneFaults, AnotherRecordAtTheAnchorsPlaceStopsThePartitionBeforeAnythingIsFolded) {
  start();
  append_some();
  settle();
  const auto before = rows();
  const FakePartition old = broker.partition(tp);
  broker.recreate(tp);
  for (const FakeRecord& record : old.records) append(record.offset == 29 ? "other|add|k|1" : *record.value);
  append("new|add|k|1000");
  start();
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::stopped);
  EXPECT_EQ(rows(), before);
}

TEST_F(LaneFaults, ALogErrorWhileRunningStopsOnlyItsPartition) {
  const TopicPartition other{"t", 1};
  start({{tp, 0, false}, {other, 0, false}});
  append("a|add|k|1");
  broker.append(other, "b|add|j|1");
  settle();
  h->log.errors = {{0, {ErrorCode::log_lost, "t/0: unknown topic", "", false}}};
  append("c|add|k|1");
  broker.append(other, "d|add|j|1");
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running);
  EXPECT_EQ(checkpoint(), 1);
  EXPECT_EQ(checkpoint(other), 2);
  h->log.errors = {{1, {ErrorCode::log_unavailable, "all brokers are down", "", true}}};
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::waiting_log);
  broker.append(other, "e|add|j|1");
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running);
}

TEST_F(LaneFaults, AnAwayLogAtOpeningIsTriedAgain) {
  append_some();
  start();
  h->log.bounds_error = Error{ErrorCode::log_unavailable, "no broker", "", true};
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::waiting_log);
  h->log.bounds_error.reset();
  settle_for_a_minute();
  expect_as_the_log_says();
}

}  // namespace
}  // namespace foldline::testing
