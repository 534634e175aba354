// G22: a store that can lose its data, and with it the checkpoint, while the group has committed offsets.
#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

class VanishedCheckpoint : public LaneTest {
 protected:
  VanishedCheckpoint() {
    make_store({.checkpoint_may_vanish = true});
    for (int i = 0; i < 10; ++i) append("|add|k|1");
  }
};

TEST_F(VanishedCheckpoint, StopsThePartitionAndSaysWhatToDo) {
  start();
  h->log.committed_offset = 7;
  settle();
  EXPECT_EQ(h->lane->state(), LaneState::stopped);
  const std::string said = h->lane->status().describe();
  EXPECT_NE(said.find("has no checkpoint, but the group has committed offset 7"), std::string::npos) << said;
  EXPECT_NE(said.find("--on-lost-data earliest"), std::string::npos) << said;
  EXPECT_TRUE(rows().empty());
}

TEST_F(VanishedCheckpoint, GoesOnAtTheLogsStartWhenTheOwnerSaysSo) {
  options.on_lost_data = OnLostData::earliest;
  options.start_at = {{StartAt::Kind::latest, 0}};
  start();
  h->log.committed_offset = 7;
  settle();
  EXPECT_EQ(rows(), (std::vector<std::string>{"'k' s=null n=10 m=0 "})) << "not at `latest`: the views are built anew";
}

TEST_F(VanishedCheckpoint, AGroupWithoutOffsetsIsAFreshStart) {
  start();
  settle();
  expect_as_the_log_says();
}

TEST_F(VanishedCheckpoint, AStoreWithTransactionsIsNotAsked) {
  make_store({});
  start();
  h->log.committed_offset = 7;
  settle();
  expect_as_the_log_says();
}

}  // namespace
}  // namespace foldline::testing
