// Where a lane stands: its own owner, never ahead of the store, and of what it read nothing is left once it has to go back.
#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

using memory::Step;
using std::chrono::seconds;

class LaneStands : public LaneTest {
 protected:
  // From now on.
  void fail_at(Step step, std::uint32_t domain) {
    the_store().set_fault_hook(
        [=](Step at, std::uint32_t d) { return at == step && d == domain ? memory::Fault::unavailable : memory::Fault::none; });
  }
};

// G1
TEST_F(LaneStands, EachAssignmentWritesAnOwnerOfItsOwn) {
  const auto owner = [&] { return the_store().snapshot().partitions.at(tp).checkpoints[0].owner; };
  start();
  append("a|add|k|1");
  settle();
  const Uuid first = owner();
  h->lane->assign(h->partitions, now);
  settle();
  EXPECT_NE(owner(), first) << "a commit of the lane's own that arrives late must not pass for the new assignment's";
}

// The group's offset tells people of lag, and tells that there was a checkpoint (G22): it is never ahead of the store's.
TEST_F(LaneStands, TheGroupsOffsetIsNeverAheadOfTheStores) {
  start();
  append("a|add|k|1");
  settle();
  EXPECT_EQ(h->log.group_offset(0), 1);
  fail_at(Step::commit_begin, 0);
  append("b|add|k|1");
  settle_for_a_minute();
  EXPECT_EQ(h->lane->state(), LaneState::waiting_store);
  EXPECT_EQ(h->log.group_offset(0), 1);
  the_store().set_fault_hook({});
  settle_for_a_minute();
  EXPECT_EQ(h->log.group_offset(0), 2);
}

// G2, G14: the IDs of what was dropped are not the log's before the checkpoint: they have pushed others out of the window.
TEST_F(LaneStands, ARewoundLaneForgetsTheIdsThatItHadRead) {
  options.id_window = 10;
  append("a|add|k|1");
  for (int i = 0; i < 4; ++i) append("early" + std::to_string(i) + "|add|k|1");
  start();
  settle();
  const auto behind = the_store().snapshot();
  append("b|add|k|1");
  append("a|add|k|1000");  // offset 6: a duplicate
  for (int i = 0; i < 200; ++i) append("late" + std::to_string(i) + "|add|k|1");
  settle();
  the_store().restore(behind);
  advance(seconds(11));
  EXPECT_EQ(h->stats.rewinds.load(), 1U);
  expect_as_the_log_says();
}

// G6: the log's end may lie behind control records, past the last event. The part of a batch that is committed first does not reach it.
TEST_F(LaneStands, APartOfABatchDoesNotMoveTheCheckpointToTheLogsEnd) {
  const std::vector<std::vector<std::string>> batches = {
      {"a|addm|k|5", "b|max|k|100"},               // cut: they can't be folded into one
      {"a|add|k|1", "b|poison|k|1", "c|add|k|1"},  // halved: the store refuses one
  };
  for (const std::vector<std::string>& events : batches) {
    SCOPED_TRACE(events.back());
    broker.recreate(tp);
    letters.clear();
    make_store({});
    for (const std::string& event : events) append(event);
    broker.control_records(tp, 1);
    start();
    for (int i = 0; i < 1'000 && checkpoint() < 1; ++i) {
      h->executor.run_one();
      if (checkpoint() < 1) h->lane->step(now);
    }
    EXPECT_EQ(checkpoint(), 1);
    start();  // killed right then
    settle_for_a_minute();
    expect_as_the_log_says();
  }
}

// G15: trimmed is what no part of the store needs any more. Kafka's retention may have reached the checkpoint: nothing is read again.
TEST_F(LaneStands, ACrashBetweenPartsLeavesTheIdsThatTheSlowestPartNeeds) {
  options.id_window = 50;
  make_store({.domains = 2});
  for (int i = 0; i < 600; ++i) append("id" + std::to_string(i) + "|add|k|1");  // more than a tail chunk holds
  start();
  settle();
  fail_at(Step::domain_begin, 1);
  append("id590|add|k|1000");
  for (int i = 0; i < 100; ++i) append("next" + std::to_string(i) + "|add|k" + std::to_string(i % 5) + "|1");
  settle();
  broker.remove_below(tp, 599);
  the_store().set_fault_hook({});
  start();
  settle_for_a_minute();
  EXPECT_EQ(h->stats.duplicates.load(), 1U);
  EXPECT_EQ(the_store().dump(1), (std::vector<std::string>{"'all' n=700 "}));
}

}  // namespace
}  // namespace foldline::testing
