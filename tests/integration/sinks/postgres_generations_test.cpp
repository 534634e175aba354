// G1: a checkpoint is of one generation. What the live one commits leaves the one in the making alone, and the other way round.
#include <gmock/gmock.h>

#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;

class PostgresGenerations : public PostgresFixture {
 protected:
  std::string commit(OpenedSink& lane, std::int64_t expected, std::int64_t next) {
    BatchBuilder b(views_);
    b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(1));
    b.partition("t", 0, expected, next).expected_missing = expected == 0;
    return said(lane.sink->commit(b.batch(lane.owner)));
  }

  const std::vector<ViewSchema> views_ = {simple_view()};
};

TEST_F(PostgresGenerations, CommitsOfOneLeaveTheOthersCheckpointsAlone) {
  auto live = prepared_store(views_);
  StoreOptions options;
  options.building = true;
  auto building = new_store(views_, "p", 2, options);
  ASSERT_TRUE(building->prepare());
  auto of_live = open_sink(*live);
  auto of_building = open_sink(*building);
  ASSERT_EQ(commit(of_live, 0, 10), "committed");
  ASSERT_EQ(commit(of_building, 0, 3), "committed");
  ASSERT_EQ(commit(of_live, 10, 11), "committed");
  EXPECT_THAT(rows("SELECT generation, next_offset FROM foldline.checkpoint ORDER BY 1"), ElementsAre("1|11", "2|3"));
  EXPECT_EQ(commit(of_building, 3, 4), "committed");
  const auto reloaded = of_live.sink->reload(of_live.partitions);
  ASSERT_TRUE(reloaded);
  EXPECT_EQ((*reloaded)[0].checkpoint.next_offset, 11);
}

}  // namespace
}  // namespace foldline::postgres
