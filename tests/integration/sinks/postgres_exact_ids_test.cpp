// `processed_ids: exact` (G16): every ID once for ever, with the rows that it changed.
#include <gmock/gmock.h>

#include <future>

#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PostgresExactIds : public PostgresFixture {
 protected:
  void SetUp() override {
    PostgresFixture::SetUp();
    if (HasFatalFailure()) return;
    store_ = exact_store();
    ASSERT_TRUE(store_->traits().exact_ids);
    lane_ = open_sink(*store_, 2);
  }

  std::unique_ptr<PostgresStore> exact_store(const std::string& projection = "p") {
    StoreOptions options;
    options.exact_ids = true;
    auto store = new_store(views_, projection, 1, options);
    EXPECT_TRUE(store->prepare());
    return store;
  }

  static std::vector<Hash128> ids(std::initializer_list<const char*> names) {
    std::vector<Hash128> out;
    for (const char* name : names) out.push_back(hash_event_id("", name));
    return out;
  }

  // Adds 1 to row `a`.
  CommitResult commit(OpenedSink& lane, std::int32_t partition, std::int64_t expected, const std::vector<Hash128>& exact,
                      const Uuid& batch_id = Uuid::random()) {
    BatchBuilder b(views_);
    b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(1));
    if (expected == 0) {
      b.first("t", partition, 5);
    } else {
      b.partition("t", partition, expected, expected + 5);
    }
    b.batch_id = batch_id;
    CommitBatch batch = b.batch(lane.owner);
    batch.exact_ids = exact;
    return lane.sink->commit(batch);
  }

  std::string total() { return value("SELECT total FROM v"); }
  std::string stored_ids() { return value("SELECT count(*) FROM foldline.processed_id"); }

  const std::vector<ViewSchema> views_ = {simple_view()};
  std::unique_ptr<PostgresStore> store_;
  OpenedSink lane_;
};

TEST_F(PostgresExactIds, ABatchWithAKnownIdIsRolledBackAndSaysWhich) {
  ASSERT_EQ(said(commit(lane_, 0, 0, ids({"x", "y"}))), "committed");
  const CommitResult again = commit(lane_, 1, 0, ids({"n", "y", "x", "m"}));  // through another partition
  EXPECT_EQ(again.status, CommitStatus::refold);
  EXPECT_THAT(again.known_ids, ElementsAre(1, 2));
  EXPECT_EQ(total(), "1");
  EXPECT_EQ(stored_ids(), "2");
  EXPECT_EQ(said(commit(lane_, 1, 0, ids({"n", "m"}))), "committed");
  EXPECT_EQ(total(), "2");
  EXPECT_EQ(stored_ids(), "4");
}

TEST_F(PostgresExactIds, AnIdTwiceInABatchIsKnownTheSecondTime) {
  const CommitResult twice = commit(lane_, 0, 0, ids({"x", "y", "x"}));
  EXPECT_EQ(twice.status, CommitStatus::refold);
  EXPECT_THAT(twice.known_ids, ElementsAre(2));
  EXPECT_EQ(stored_ids(), "0");
}

// G5: a batch that is tried again under its batch ID finds its own IDs, and is committed, not a duplicate of itself.
TEST_F(PostgresExactIds, TheSameBatchAgainIsCommittedOnce) {
  const Uuid batch_id = Uuid::random();
  EXPECT_EQ(said(commit(lane_, 0, 0, ids({"x"}), batch_id)), "committed");
  EXPECT_EQ(said(commit(lane_, 0, 0, ids({"x"}), batch_id)), "committed");
  EXPECT_EQ(total(), "1");
}

TEST_F(PostgresExactIds, AFencedBatchLeavesNoIds) {
  OpenedSink heir = open_sink(*store_, 2);
  EXPECT_EQ(commit(lane_, 0, 0, ids({"x"})).status, CommitStatus::fenced);
  EXPECT_EQ(stored_ids(), "0");
  EXPECT_EQ(said(commit(heir, 0, 0, ids({"x"}))), "committed");
}

TEST_F(PostgresExactIds, ProjectionsHaveTheirOwn) {
  ASSERT_EQ(said(commit(lane_, 0, 0, ids({"x"}))), "committed");
  const std::vector<ViewSchema> other_views = {simple_view("w")};
  StoreOptions options;
  options.exact_ids = true;
  auto other = new_store(other_views, "q", 1, options);
  ASSERT_TRUE(other->prepare());
  OpenedSink lane = open_sink(*other, 1);
  BatchBuilder b(other_views);
  b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(1));
  b.first("t", 0, 5);
  CommitBatch batch = b.batch(lane.owner);
  const auto exact = ids({"x"});
  batch.exact_ids = exact;
  EXPECT_EQ(said(lane.sink->commit(batch)), "committed");
}

TEST_F(PostgresExactIds, LettersAskBeforeTheyAreWritten) {
  ASSERT_EQ(said(commit(lane_, 0, 0, ids({"x"}))), "committed");
  const auto known = lane_.sink->known_ids(ids({"a", "x", "b", "a"}));
  ASSERT_TRUE(known);
  EXPECT_THAT(*known, ElementsAre(1, 3));
  const auto none = lane_.sink->known_ids({});
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, IsEmpty());
}

// Two workers get the two copies of each event at the same time, through different partitions: one of them counts it.
TEST_F(PostgresExactIds, TwoWorkersWithTheSameIdsAtOnce) {
  OpenedSink other;
  other.sink = std::move(*store_->new_sink());
  other.partitions = {{"t", 9}};
  ASSERT_TRUE(other.sink->open({other.partitions, other.owner, 10}));
  constexpr int kBatches = 40;
  const auto work = [&](OpenedSink& lane, std::int32_t partition) {
    int counted = 0;
    std::int64_t expected = 0;
    for (int i = 0; i < kBatches; ++i) {
      std::vector<Hash128> exact;
      for (int k = 0; k < 50; ++k)
        exact.push_back(hash_event_id("", std::to_string(i) + "/" + std::to_string(partition == 0 ? k : 49 - k)));
      const CommitResult result = commit(lane, partition, expected, exact);
      EXPECT_NE(result.status, CommitStatus::rejected) << said(result);
      EXPECT_NE(result.status, CommitStatus::fenced) << said(result);
      EXPECT_EQ(result.known_ids.size(), result.status == CommitStatus::refold ? 50U : 0U);
      if (result.status != CommitStatus::committed) continue;
      ++counted;
      expected = expected == 0 ? 5 : expected + 5;
    }
    return counted;
  };
  auto mine = std::async(std::launch::async, [&] { return work(lane_, 0); });
  const int theirs = work(other, 9);
  EXPECT_EQ(mine.get() + theirs, kBatches);
  EXPECT_EQ(total(), std::to_string(kBatches));
}

TEST_F(PostgresExactIds, ADroppedGenerationTakesItsIdsAlong) {
  ASSERT_EQ(said(commit(lane_, 0, 0, ids({"x"}))), "committed");
  run("INSERT INTO foldline.processed_id VALUES ('p', 7, gen_random_uuid()), ('q', 7, gen_random_uuid())");
  run("INSERT INTO foldline.generation (projection, generation, state, definition) VALUES ('p', 7, 'retired', '{}')");
  ASSERT_TRUE(store_->drop_generation(7));
  EXPECT_THAT(rows("SELECT projection, generation FROM foldline.processed_id ORDER BY 1, 2"), ElementsAre("p|1", "q|7"));
}

}  // namespace
}  // namespace foldline::postgres
