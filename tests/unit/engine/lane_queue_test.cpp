// A batch whose commit is queued behind the one under way: what becomes of it, whatever becomes of that one.
#include "tests/unit/engine/lane_faults_fixture.h"

namespace foldline::testing {
namespace {

using memory::Fault;
using memory::Step;

class LaneQueue : public LaneFaults {
 protected:
  LaneQueue() { options.max_batch_records = 10; }

  // Ten records in flight, ten queued behind them, ten folded. Each adds 1 to one of three keys, but for those that `value_of` names.
  void fill(const std::function<std::string(int)>& value_of = {}) {
    start();
    settle();
    for (int i = 0; i < 30; ++i) {
      const std::string given = value_of ? value_of(i) : "";
      append("e" + std::to_string(i) + (given.empty() ? "|add|k" + std::to_string(i % 3) + "|1" : given));
    }
    for (int i = 0; i < 20; ++i) h->lane->step(now);
  }
  // How often the store was asked to commit from now on; fails those that `fault_of` names, by their number.
  void watch(const std::function<Fault(int)>& fault_of = {}) {
    commits = 0;
    the_store().set_fault_hook([this, fault_of](Step at, std::uint32_t /*domain*/) {
      if (at != Step::commit_begin) return Fault::none;
      const int n = commits++;
      return fault_of ? fault_of(n) : Fault::none;
    });
  }

  int commits = 0;
};

TEST_F(LaneQueue, ItBeginsAsSoonAsTheStoreHasAnsweredWithoutTheLane) {
  fill();
  ASSERT_EQ(h->log.position(0), 30);
  ASSERT_EQ(h->executor.jobs.size(), 2U);
  EXPECT_TRUE(h->executor.run_one());
  EXPECT_EQ(checkpoint(), 10);
  EXPECT_TRUE(h->executor.run_one());
  EXPECT_EQ(checkpoint(), 20);
  settle();
  expect_as_the_log_says();
  EXPECT_EQ(h->stats.events.load(), 30U);
}

// G2: what comes behind a batch that is not ours any more goes with it, unsent.
TEST_F(LaneQueue, AFencedBatchTakesItAlongG2) {
  fill();
  watch([](int n) { return n == 0 ? Fault::fenced : Fault::none; });
  while (h->executor.run_one()) {
  }
  EXPECT_EQ(commits, 1);
  EXPECT_EQ(checkpoint(), 0);
  h->lane->step(now);
  EXPECT_EQ(h->lane->state(), LaneState::fenced);
  start();
  settle();
  expect_as_the_log_says();
}

// G5: one batch whose fate is unknown is enough. The second leaves when the first is known to be in, with its own effect and once.
TEST_F(LaneQueue, BehindABatchWithoutAnAnswerItWaitsForItsTurnG5) {
  for (const Step step : {Step::commit_begin, Step::commit_applied}) {
    broker.recreate(tp);
    make_store({});
    fill();
    fail_at(step, 0, 0, 1);
    while (h->executor.run_one()) {
    }
    EXPECT_EQ(checkpoint(), step == Step::commit_begin ? 0 : 10) << "the queued one was not sent";
    h->lane->step(now);
    EXPECT_EQ(h->lane->state(), LaneState::waiting_store);
    settle_for_a_minute();
    EXPECT_EQ(h->stats.events.load(), 30U);
    EXPECT_EQ(h->stats.fenced.load(), 0U);
    expect_as_the_log_says();
  }
}

TEST_F(LaneQueue, ItIsSentWhenTheLettersOfTheBatchBeforeAreWrittenG28) {
  fill([](int i) { return i == 3 ? "|bad|k|1" : ""; });
  ASSERT_EQ(h->executor.jobs.size(), 2U);
  int tries = 0;
  letters.failing = [&] { return ++tries == 1; };
  watch();
  while (h->executor.run_one()) {
  }
  EXPECT_EQ(commits, 0) << "neither of the two";
  settle_for_a_minute();
  expect_as_the_log_says();
}

TEST_F(LaneQueue, ABatchWithLettersIsNotQueuedG28) {
  fill([](int i) { return i == 13 ? "|bad|k|1" : ""; });
  EXPECT_EQ(h->executor.jobs.size(), 1U);
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneQueue, ARejectedBatchIsHalvedBeforeItsTurnComesG29) {
  fill([](int i) { return i == 4 || i == 17 ? "|poison|k1|1" : ""; });
  ASSERT_EQ(h->executor.jobs.size(), 2U);
  settle();
  EXPECT_EQ(h->stats.letters_store.load(), 2U);
  expect_as_the_log_says();
}

// As a commit in flight is left (G7): but what has not begun does not begin.
TEST_F(LaneQueue, WithItsPartitionsRevokedItIsNotSent) {
  fill();
  watch();
  h->lane->revoke(now);
  while (h->executor.run_one()) {
  }
  EXPECT_EQ(commits, 1);
  EXPECT_EQ(checkpoint(), 10);
  start();
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneQueue, ADrainCommitsItToo) {
  fill();
  h->lane->drain(now);
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::drained);
  EXPECT_EQ(checkpoint(), 30);
  expect_as_the_log_says();
}

// G1: it stands on what the batch before leaves, IDs and checkpoint alike, so a worker that comes after finds no gap.
TEST_F(LaneQueue, ACrashBetweenTheTwoLeavesTheFirstAlone) {
  fill();
  h->executor.run_one();
  start();
  settle();
  expect_as_the_log_says();
}

TEST_F(LaneQueue, BatchesOfMoreThanHalfTheBytesAreNotQueued) {
  options.max_batch_bytes = 32 * 1024;
  fill([](int i) { return "|set|k" + std::to_string(i) + "|" + std::string(3'000, 'x'); });
  EXPECT_EQ(h->executor.jobs.size(), 1U);
  settle();
  expect_as_the_log_says();
}

}  // namespace
}  // namespace foldline::testing
