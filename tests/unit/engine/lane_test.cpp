// A lane on a good day: what it reads, folds, deduplicates, commits; where it starts; how it ends.
#include "engine/lane.h"

#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

using std::chrono::seconds;

TEST_F(LaneTest, FoldsTheLogIntoTheStoreAndMovesTheCheckpoint) {
  append("a|set|k|hello");
  append("b|add|k|5");
  append("c|add|j|7");
  append("d|del|j");
  start();
  EXPECT_EQ(h->lane->state(), LaneState::opening);
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::running);
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s='hello' n=5 m=0 "}));
  expect_as_the_log_says();
  EXPECT_EQ(h->stats.events.load(), 4U);
  EXPECT_EQ(h->stats.records.load(), 4U);
  EXPECT_EQ(h->log.group_offset(0), 4);
  EXPECT_EQ(h->stats.partitions().at(0).committed_offset, 4);
}

TEST_F(LaneTest, CommitsWhatIsThereAtOnceAndCollectsWhileACommitIsInFlight) {
  start();
  settle();
  const std::uint64_t before = h->stats.batches.load();
  append("a|add|k|1");
  h->lane->step(now);
  ASSERT_EQ(h->executor.jobs.size(), 1U) << "one record is enough when the sink is idle";
  for (int i = 0; i < 50; ++i) {
    append("|add|k|1");
    h->lane->step(now);
  }
  EXPECT_EQ(h->executor.jobs.size(), 1U);
  settle();
  EXPECT_EQ(h->stats.batches.load() - before, 2U) << "the fifty came together";
  expect_as_the_log_says();
}

class LaneBehind : public LaneTest {
 protected:
  // A lane that runs, has nothing to commit and is then so many records behind.
  void start_behind(int records, std::size_t taken_in_one_step) {
    options.max_poll_records = taken_in_one_step;
    start();
    settle();
    for (int i = 0; i < records; ++i) append("|add|k|1");
  }
};

// A commit of a part would cost the store as much as one of the whole.
TEST_F(LaneBehind, ABatchWaitsForTheRestWhileTheLogHasMoreAtHand) {
  options.max_batch_records = 10;
  start_behind(20, 3);
  const std::uint64_t before = h->stats.batches.load();
  for (int i = 0; i < 3; ++i) {
    h->lane->step(now);
    EXPECT_TRUE(h->executor.jobs.empty()) << "nine of ten records, and the last look gave all that it was asked for";
  }
  h->lane->step(now);
  EXPECT_EQ(h->executor.jobs.size(), 1U) << "full";
  EXPECT_EQ(h->log.position(0), 10);
  settle();
  EXPECT_EQ(h->stats.batches.load() - before, 2U);
  expect_as_the_log_says();
}

TEST_F(LaneBehind, ABatchWaitsForNoMoreThanTheLogHas) {
  start_behind(6, 3);
  h->lane->step(now);
  h->lane->step(now);
  EXPECT_TRUE(h->executor.jobs.empty()) << "who knows what else is there";
  h->lane->step(now);
  EXPECT_EQ(h->executor.jobs.size(), 1U) << "nothing";
  EXPECT_EQ(h->log.position(0), 6);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneBehind, ABatchWaitsForTheRestOnlySoLong) {
  start_behind(100, 1);
  h->lane->step(now);
  now += options.fill_within - std::chrono::microseconds(1);
  h->lane->step(now);
  EXPECT_TRUE(h->executor.jobs.empty());
  now += std::chrono::microseconds(1);
  h->lane->step(now);
  EXPECT_EQ(h->executor.jobs.size(), 1U);
  EXPECT_EQ(h->log.position(0), 3);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneBehind, WhoDrainsWaitsForNothing) {
  start_behind(100, 1);
  h->lane->step(now);
  EXPECT_TRUE(h->executor.jobs.empty());
  h->lane->drain(now);
  h->lane->step(now);
  EXPECT_EQ(h->executor.jobs.size(), 1U);
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::drained);
  EXPECT_EQ(checkpoint(), 1);
}

TEST_F(LaneTest, AFullBatchStopsReadingUntilTheSinkIsFree) {
  options.max_batch_records = 10;
  start();
  settle();
  for (int i = 0; i < 100; ++i) append("|add|k|1");
  for (int i = 0; i < 20; ++i) h->lane->step(now);
  EXPECT_EQ(h->log.position(0), 30) << "ten in flight, ten queued behind them, ten folded";
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, BytesBoundABatchToo) {
  options.max_batch_bytes = 64 * 1024;
  start();
  settle();
  const std::string big(10'000, 'x');
  for (int i = 0; i < 100; ++i) append("|set|k" + std::to_string(i) + "|" + big);
  for (int i = 0; i < 20; ++i) h->lane->step(now);
  EXPECT_LT(h->log.position(0), 40);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, ABatchHoldsNoMoreRowsThanTheSinkAsksForByNow) {
  options.max_poll_records = 1;
  options.fill_within = {};  // the first record is a batch
  start();
  settle();
  the_store().ask_for_batch_rows(5);
  for (int i = 0; i < 100; ++i) append("|set|k" + std::to_string(i) + "|x");
  for (int i = 0; i < 50; ++i) h->lane->step(now);
  EXPECT_EQ(h->log.position(0), 11) << "one in flight, five queued, five folded";
  the_store().ask_for_batch_rows(20);
  for (int i = 0; i < 50; ++i) h->lane->step(now);
  EXPECT_EQ(h->log.position(0), 11) << "what is encoded takes no more";
  h->executor.run_one();
  for (int i = 0; i < 50; ++i) h->lane->step(now);
  EXPECT_EQ(h->log.position(0), 31) << "five in flight, five queued, twenty folded";
  settle();
  EXPECT_EQ(h->stats.halvings.load(), 0U) << "no batch came with what had been encoded of a part of it";
  expect_as_the_log_says();
}

TEST_F(LaneTest, ARecordLargerThanABatchIsABatchOfItsOwn) {
  options.max_batch_bytes = 16 * 1024;
  for (int i = 0; i < 40; ++i) append("|set|k" + std::to_string(i) + "|" + std::string(i % 7 == 0 ? 60'000 : 10, 'x'));
  start();
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, ARecordAboveTheLimitBecomesALetterThatPointsToIt) {
  options.max_record_bytes = 100;
  append("a|set|k|1");
  append("b|set|k|" + std::string(200, 'x'));
  append("c|set|k|3");
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s='3' n=0 m=0 "}));
  ASSERT_EQ(letters.all().size(), 1U);
  EXPECT_EQ(letters.all()[0].code, ErrorCode::limit);
  EXPECT_EQ(letters.all()[0].offset, 1);
  EXPECT_EQ(letters.all()[0].value, std::nullopt);
  EXPECT_GT(letters.all()[0].omitted_bytes.value_or(0), 200U);
}

// G6: the anchor is the record's own hash, not that of what is kept of it; else a restart behind it takes the log for another one.
TEST_F(LaneTest, ARecordAboveTheLimitIsAnAnchorLikeAnyOther) {
  options.max_record_bytes = 100;
  append("a|set|k|1");
  append("b|set|k|" + std::string(200, 'x'));
  start();
  settle();
  start();
  append("c|set|k|3");
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s='3' n=0 m=0 "}));
  EXPECT_TRUE(h->lane->status().stopped_partitions.empty());
}

TEST_F(LaneTest, AnEventProducedTwiceCountsOnceAcrossBatchesAndRestarts) {
  append("a|add|k|1");
  append("a|add|k|1");
  start();
  settle();
  append("a|add|k|1");
  settle();
  start();  // crash: the IDs come from the store
  settle();
  append("a|add|k|1");
  append("b|add|k|1");
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=2 m=0 "}));
  expect_as_the_log_says();
  EXPECT_EQ(h->stats.duplicates.load(), 1U);
}

TEST_F(LaneTest, DuplicatesAreAFunctionOfOffsetsSoTheWindowSlidesWithTheLog) {
  options.id_window = 10;
  append("a|add|k|1");
  for (int i = 0; i < 9; ++i) append("|add|k|1");
  append("a|add|k|100");  // offset 10: 0 is still in [0, 10)
  for (int i = 0; i < 10; ++i) append("|add|k|1");
  append("a|add|k|1000");  // offset 21: 10 is out of [11, 21)
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=1020 m=0 "}));
  expect_as_the_log_says();
}

TEST_F(LaneTest, ADeadLetteredEventIsRememberedToo) {
  append("!a|set|k|1");
  append("a|set|k|2");
  append("b|bad|k|3");
  append("b|set|k|4");
  append("c|poison|k|5");
  append("c|set|k|6");
  start();
  settle();
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(h->stats.duplicates.load(), 3U);
  expect_as_the_log_says();
}

TEST_F(LaneTest, TheSameIdOfTwoSourcesIsTwoEvents) {
  append("x~a|add|k|1");
  append("y~a|add|k|10");
  append("x~a|add|k|100");
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=11 m=0 "}));
}

// G15: a start in the middle takes for a duplicate what would have been one from the beginning, and nothing else.
TEST_F(LaneTest, PrimingReadsTheWindowBeforeAStartInTheMiddle) {
  options.id_window = 5;
  append("old|add|k|1");  // offset 0: out of [1, 6)
  append("edge|add|k|1");
  append("inner|add|k|1");
  for (int i = 0; i < 3; ++i) append("|add|k|1");
  append("edge|add|k|10");  // offset 6
  append("old|add|k|100");
  append("inner|add|k|1000");  // offset 8: 2 is out of [3, 8)
  start({{tp, 0, false, 6}});
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=1100 m=0 "}));
  EXPECT_EQ(checkpoint(), 9);
}

TEST_F(LaneTest, LightTrafficGrowsATailChunkUntilItIsSealed) {
  options.id_window = 100'000;
  start();
  settle();
  for (int i = 0; i < 600; ++i) {
    append("id" + std::to_string(i) + "|nop");
    settle();
  }
  const auto ids = store.snapshot().partitions.at(tp).ids;
  // A commit of one ID takes 29 bytes; 8 KiB hold 283 of them.
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_LT(ids.begin()->second.packed.size(), 8 * 1024 + 100U);
  start();
  settle();
  append("id599|add|k|1");
  append("id0|add|k|1");
  append("new|add|k|1");
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=1 m=0 "}));
}

TEST_F(LaneTest, ChunksBelowTheWindowAreTrimmed) {
  options.id_window = 50;
  start();
  settle();
  for (int i = 0; i < 400; ++i) {
    append("id" + std::to_string(i) + "|nop|" + std::string(20, 'x'));
    if (i % 5 == 0) settle();
  }
  settle();
  for (int i = 0; i < 3000; ++i) append("more" + std::to_string(i) + "|nop");
  settle();
  for (int i = 0; i < 20; ++i) {
    append("last" + std::to_string(i) + "|nop");
    settle();
  }
  EXPECT_LE(store.snapshot().partitions.at(tp).ids.size(), 2U);
}

TEST_F(LaneTest, ThePartitionsEndMovesTheCheckpointButNotAtEveryTransactionMarker) {
  append("a|add|k|1");
  broker.control_records(tp, 1);
  start();
  settle();
  advance(seconds(2));
  EXPECT_EQ(checkpoint(), 2);
  const std::uint64_t batches = h->stats.batches.load();
  for (int i = 0; i < 10; ++i) {
    broker.control_records(tp, 1);
    advance(std::chrono::milliseconds(10));
  }
  EXPECT_LE(h->stats.batches.load(), batches + 1) << "throttled";
  advance(seconds(2));
  EXPECT_EQ(checkpoint(), 12);
  expect_as_the_log_says();
}

TEST_F(LaneTest, SkippedRecordsAndEventsWithoutChangesMoveTheCheckpoint) {
  append("a|skip");
  append("b|nop");
  start();
  settle();
  EXPECT_EQ(checkpoint(), 2);
  EXPECT_EQ(h->stats.skipped.load(), 1U);
  EXPECT_EQ(h->stats.ignored.load(), 1U);
}

TEST_F(LaneTest, ANewGenerationStartsWhereItsOwnerSaid) {
  for (int i = 0; i < 10; ++i) broker.append(tp, "|add|k|1", i * 1'000'000);
  options.start_at = {{StartAt::Kind::timestamp, 7'000'000}};
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=3 m=0 "}));
}

TEST_F(LaneTest, StartAtLatestLosesNothingWhenTheWorkerDiesBeforeItsFirstRecord) {
  for (int i = 0; i < 10; ++i) append("|add|k|1");
  options.start_at = {{StartAt::Kind::latest, 0}};
  start();
  settle();
  EXPECT_EQ(checkpoint(), 10) << "the start is a checkpoint of its own";
  append("|add|k|1");
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=1 m=0 "}));
}

TEST_F(LaneTest, APartitionAddedLaterStartsAtTheLogsStart) {
  for (int i = 0; i < 10; ++i) append("|add|k|1");
  options.start_at = {{StartAt::Kind::latest, 0}};
  start({{tp, 0, true}});
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=10 m=0 "}));
}

TEST_F(LaneTest, DrainCommitsWhatIsFoldedAndReadsNoMore) {
  start();
  settle();
  append("a|add|k|1");
  h->lane->step(now);
  append("b|add|k|1");
  h->lane->step(now);
  h->lane->drain(now);
  append("c|add|k|1");
  EXPECT_EQ(h->lane->state(), LaneState::draining);
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::drained);
  EXPECT_EQ(checkpoint(), 2);
  h->lane->assign(h->partitions, now);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, DrainOfAnIdleOrOpeningLaneIsDoneAtOnce) {
  start();
  h->lane->drain(now);
  EXPECT_EQ(h->lane->state(), LaneState::drained);
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::drained);
  h->lane->revoke(now);
  EXPECT_EQ(h->lane->state(), LaneState::idle);
  h->lane->drain(now);
  EXPECT_EQ(h->lane->state(), LaneState::drained);
}

TEST_F(LaneTest, RevokeForgetsWhatWasFoldedAndTheAnswerOfTheCommitInFlight) {
  start();
  settle();
  append("a|add|k|1");
  h->lane->step(now);
  append("b|add|k|1");
  h->lane->step(now);
  h->lane->revoke(now);
  EXPECT_EQ(h->lane->state(), LaneState::idle);
  settle();  // the commit runs on
  EXPECT_EQ(checkpoint(), 1);
  h->lane->assign(h->partitions, now);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, ReassignedWhileAnOpeningIsOnItsWayOpensOnce) {
  append("a|add|k|1");
  start();
  h->lane->revoke(now);
  h->lane->assign(h->partitions, now);
  h->lane->revoke(now);
  h->lane->assign(h->partitions, now);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneTest, SeveralPartitionsShareABatchAndAnEventTimeNeverPassesItsRecordByMoreThanAnHour) {
  const TopicPartition other{"t", 1};
  broker.append(tp, "a|add|k|1|50", 60'000'000);
  broker.append(tp, "b|add|k|1|999999999", 70'000'000);  // from the future
  broker.append(other, "c|add|k|1|10", 60'000'000);
  start({{tp, 0, false}, {other, 0, false}});
  settle();
  expect_as_the_log_says({tp, other});
  EXPECT_EQ(store.snapshot().partitions.at(tp).checkpoints[0].max_event_time_us, 70'000'000 + 3'600'000'000LL);
  EXPECT_EQ(store.snapshot().partitions.at(other).checkpoints[0].max_event_time_us, 10'000'000);
}

TEST_F(LaneTest, EventsThatCantBeMergedEndTheBatchBeforeThem) {
  append("a|addm|k|5");
  append("b|max|k|100");
  append("c|addm|k|1");
  append("d|max|k|50");
  start();
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=0 m=101 "}));
  EXPECT_EQ(h->stats.batch_cuts.load(), 3U);
  expect_as_the_log_says();
}

TEST_F(LaneTest, AnIdleLaneSleepsUntilItsNextReCheck) {
  start();
  settle();
  ASSERT_FALSE(last.progressed);
  EXPECT_GT(last.wake_at, now + seconds(5));
  EXPECT_LE(last.wake_at, now + options.recheck_interval);
}

TEST_F(LaneTest, TheStatusNamesWhatItWaitsFor) {
  start();
  settle();
  EXPECT_EQ(h->lane->status().describe(), "running");
}

}  // namespace
}  // namespace foldline::testing
