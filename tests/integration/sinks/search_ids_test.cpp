// Processed IDs in a search store (G15): tails that grow, leftovers of a crash, chunks that a zombie writes, and trimming.
#include <gmock/gmock.h>

#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;
using ::testing::ElementsAre;
using ::testing::StartsWith;

class SearchIds : public SearchFixture {
 protected:
  void SetUp() override {
    SearchFixture::SetUp();
    views_ = own({simple_view()});
  }

  // What the next owner is given: "first-last:bytes" of each chunk.
  std::vector<std::string> chunks(ElasticsearchStore& store) {
    Lane lane(store, views_, one_);
    EXPECT_TRUE(lane.open());
    std::vector<std::string> out;
    for (const IdChunk& chunk : lane.opened[0].ids) {
      out.push_back(std::to_string(chunk.first_offset) + "-" + std::to_string(chunk.last_offset) + ":" + chunk.packed);
    }
    return out;
  }

  std::string commit(Lane& lane, const std::string& ids, std::int64_t tail_first_offset = -1) {
    lane.ids = ids;
    lane.tail_first_offset = tail_first_offset;
    return lane.commit_one(event_);
  }

  std::vector<ViewSchema> views_;
  const std::vector<TopicPartition> one_ = {{"t", 0}};
  const TestEvent event_ = {add_total("a", 1)};
};

TEST_F(SearchIds, ATailGrowsAndANewChunkFollows) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(commit(lane, "a"), "committed");
  ASSERT_EQ(commit(lane, "b", 0), "committed");
  ASSERT_EQ(commit(lane, "c"), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("0-1:ab", "2-2:c"));
  // Another process goes on with the tail that it found.
  Lane next(*store, views_, one_);
  ASSERT_TRUE(next.open());
  ASSERT_EQ(commit(next, "d", 2), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("0-1:ab", "2-3:cd"));
}

TEST_F(SearchIds, OnlyChunksThatReachIntoTheWindowAreLoaded) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  for (const char* ids : {"a", "b", "c"}) ASSERT_EQ(commit(lane, ids), "committed");
  const auto chunks_within = [&](std::int64_t window) {
    auto sink = std::move(*store->new_sink());
    const auto opened = sink->open({one_, Uuid::random(), window});
    return opened ? (*opened)[0].ids.size() : 99;
  };
  EXPECT_EQ(chunks_within(3), 3U) << "[0, 3) reaches offset 0 itself";
  EXPECT_EQ(chunks_within(2), 2U);
  EXPECT_EQ(chunks_within(1), 1U);
}

TEST_F(SearchIds, ARepeatedCommitWritesTheTailOnce) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(commit(lane, "a"), "committed");
  lane.ids = "b";
  lane.tail_first_offset = 0;
  const Lane::Batch batch{{{0, {&event_}}}, Uuid::random()};
  for (const std::string step : {"foldline-ids/_bulk", "-write/_bulk", "foldline-checkpoints/_bulk"}) {
    int lost = 0;
    proxy.set_policy([&](const ProxiedRequest& request) {
      if (lost == 2 || request.path.find(step) == std::string::npos) return Verdict{};
      ++lost;
      return Verdict{Verdict::lose_answer};
    });
    ASSERT_THAT(said(lane.commit(batch)), StartsWith("retry: ")) << step;
  }
  proxy.set_policy(nullptr);
  ASSERT_EQ(said(lane.commit(batch)), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("0-1:ab"));
  ASSERT_TRUE(lane.open());
  ASSERT_EQ(commit(lane, "c", 0), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("0-2:abc"));
}

// What a crash leaves past the checkpoint is given to the engine, and replaced by whoever goes on.
TEST_F(SearchIds, LeftoversAreShownAndThenReplaced) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(commit(lane, "a"), "committed");
  proxy.set_policy([](const ProxiedRequest& request) {
    return request.path.find("foldline-checkpoints/_bulk") != std::string::npos ? Verdict{Verdict::lose_request} : Verdict{};
  });
  EXPECT_THAT(commit(lane, "left over"), StartsWith("retry: "));
  proxy.set_policy(nullptr);
  EXPECT_THAT(chunks(*store), ElementsAre("0-0:a", "1-1:left over"));
  Lane next(*store, views_, one_);
  ASSERT_TRUE(next.open());
  ASSERT_EQ(commit(next, "b"), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("0-0:a", "1-1:b"));
}

TEST_F(SearchIds, AZombiesChunkFencesTheZombieAndNotTheOwner) {
  auto store = prepared_store(views_);
  Lane zombie(*store, views_, one_);
  ASSERT_EQ(zombie.start(), "committed");
  ASSERT_EQ(commit(zombie, "a"), "committed");
  Lane owner(*store, views_, one_);
  ASSERT_TRUE(owner.open());
  // The zombie's chunk comes first, under the seq_no that the owner has seen.
  EXPECT_THAT(commit(zombie, "z", 0), StartsWith("fenced: "));
  ASSERT_EQ(commit(owner, "b", 0), "committed");
  EXPECT_THAT(commit(zombie, "z", 0), StartsWith("fenced: "));
  EXPECT_THAT(chunks(*store), ElementsAre("0-1:ab"));
}

TEST_F(SearchIds, ChunksThatNoWindowReachesAreDropped) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(commit(lane, "a"), "committed");
  ASSERT_EQ(commit(lane, "b"), "committed");
  PartitionCommit part;
  part.topic_partition = one_.data();
  part.expected_offset = 2;
  part.after.next_offset = 3;
  part.trim_ids_below = 1;
  ASSERT_EQ(said(lane.sink->commit({lane.owner, Uuid::random(), {&part, 1}, {}})), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre("1-1:b"));
}

// The owner's `--on-lost-data`: the checkpoint moves back, and the IDs of a log that is gone go with it.
TEST_F(SearchIds, AnotherLogForgetsAllIds) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(commit(lane, "a"), "committed");
  ASSERT_EQ(commit(lane, "b"), "committed");
  PartitionCommit part;
  part.topic_partition = one_.data();
  part.expected_offset = 2;
  part.after.next_offset = 0;
  part.trim_ids_below = INT64_MAX;
  ASSERT_EQ(said(lane.sink->commit({lane.owner, Uuid::random(), {&part, 1}, {}})), "committed");
  EXPECT_THAT(chunks(*store), ElementsAre());
}

}  // namespace
}  // namespace foldline::elasticsearch
