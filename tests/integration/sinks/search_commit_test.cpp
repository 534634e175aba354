// The sink contract on a real cluster: every status of commit(), and what it leaves in the indices.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "common/json.h"
#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class SearchCommit : public SearchFixture {
 protected:
  void SetUp() override {
    SearchFixture::SetUp();
    views_ = own({simple_view()});
  }
  std::vector<ViewSchema> views_;
  const std::vector<TopicPartition> one_ = {{"t", 0}};
};

TEST_F(SearchCommit, DocumentsCheckpointAndIdsStandAfterACommit) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  EXPECT_FALSE(lane.opened[0].found);
  lane.ids = "0123456789abcdef";
  ASSERT_EQ(lane.commit_one({set_name("a:%/é \"x\"", "Ann"), add_total("a:%/é \"x\"", 7)}), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a:%25/é \"x\"", "id=\"a:%/é \\\"x\\\"\" name=\"Ann\" total=7")));
  const auto stored = store->checkpoints();
  ASSERT_TRUE(stored) << stored.error().message;
  ASSERT_EQ(stored->size(), 1U);
  EXPECT_EQ((*stored)[0].topic_partition.to_string(), "t/0");
  EXPECT_EQ((*stored)[0].checkpoint.next_offset, 1);
  EXPECT_EQ((*stored)[0].checkpoint.owner, lane.owner);
  Lane next(*store, views_, one_);
  ASSERT_TRUE(next.open());
  ASSERT_TRUE(next.opened[0].found);
  ASSERT_EQ(next.opened[0].ids.size(), 1U);
  EXPECT_EQ(next.opened[0].ids[0].packed, "0123456789abcdef");
}

TEST_F(SearchCommit, UpdatesMergeAndDeletesHide) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({set_name("a", "Ann"), add_total("a", 7)}), "committed");
  ASSERT_EQ(lane.commit_one({add_total("a", -10), add_total("b", 1)}), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a", "id=\"a\" name=\"Ann\" total=-3"), Pair("b", "id=\"b\" total=1")));
  // G25: stripped, hidden, and with its watermarks.
  ASSERT_EQ(lane.commit_one({erase_row("a")}), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("b", "id=\"b\" total=1")));
  EXPECT_THAT(source(views_[0], "a"), StartsWith(R"({"_foldline":{"w":{"t-0":3}},"_foldline_deleted":true)"));
  // G11: a re-insert starts from defaults.
  ASSERT_EQ(lane.commit_one({add_total("a", 5)}), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a", "id=\"a\" total=5"), Pair("b", "id=\"b\" total=1")));
}

// G1, G2: another owner took the partition over: its predecessor's next commit is fenced, and changes no checkpoint.
TEST_F(SearchCommit, ThePreviousOwnerIsFenced) {
  auto store = prepared_store(views_);
  Lane old(*store, views_, {{"t", 0}, {"t", 1}});
  ASSERT_EQ(old.start(), "committed");
  ASSERT_EQ(old.commit_one({add_total("a", 1)}), "committed");
  Lane next(*store, views_, one_);
  ASSERT_TRUE(next.open());
  EXPECT_EQ(next.next_offsets[0], 1);
  const TestEvent event = {add_total("a", 10)};
  EXPECT_THAT(said(old.commit({{{0, {&event}}, {1, {}}}, Uuid::random()})), StartsWith("fenced: the checkpoint of t/0 belongs to"));
  // Its document was as true to the log as anybody's: the new owner, reading the event again, leaves it alone.
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a", "id=\"a\" total=11")));
  ASSERT_EQ(next.commit_one(event), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a", "id=\"a\" total=11")));
}

// G2: a lost partition fences the batch wherever it stands in it.
TEST_F(SearchCommit, OneLostPartitionFencesTheWholeBatch) {
  auto store = prepared_store(views_);
  Lane old(*store, views_, {{"t", 0}, {"t", 1}});
  ASSERT_EQ(old.start(), "committed");
  Lane next(*store, views_, {{"t", 1}});
  ASSERT_TRUE(next.open());
  const TestEvent event = {add_total("a", 10)};
  EXPECT_THAT(said(old.commit({{{0, {}}, {1, {&event}}}, Uuid::random()})), StartsWith("fenced: the checkpoint of t/1 belongs to"));
  EXPECT_THAT(said(old.commit({{{0, {}}, {1, {&event}}}, Uuid::random()})), StartsWith("fenced: "));
  ASSERT_EQ(next.commit_one(event), "committed");
  EXPECT_EQ(documents(views_[0])["a"], "id=\"a\" total=10");
}

// G1: an offset that is not the stored one fences the owner, too.
TEST_F(SearchCommit, ACheckpointElsewhereFencesEvenForTheOwner) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({add_total("a", 1)}), "committed");
  for (const std::int64_t wrong : {0, 5}) {
    lane.next_offsets[0] = wrong;
    EXPECT_THAT(lane.commit_one({add_total("a", 10)}), HasSubstr("is at 1, not at " + std::to_string(wrong)));
  }
  EXPECT_EQ(documents(views_[0])["a"], "id=\"a\" total=1");
}

// G5: an answer that never came, at each step.
TEST_F(SearchCommit, ALostAnswerAtAnyStepIsRunAgain) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  lane.ids = "x";
  std::int64_t total = 0;
  for (const std::string step : {"foldline-ids/_bulk", "-write/_bulk", "foldline-checkpoints/_bulk"}) {
    for (const auto what : {Verdict::lose_request, Verdict::lose_answer}) {
      int lost = 0;  // twice: libcurl by itself sends once more where a kept connection was closed
      proxy.set_policy([&](const ProxiedRequest& request) {
        if (lost == 2 || request.path.find(step) == std::string::npos) return Verdict{};
        ++lost;
        return Verdict{what};
      });
      const TestEvent event = {add_total("a", ++total)};
      const Lane::Batch batch{{{0, {&event}}}, Uuid::random()};
      EXPECT_THAT(said(lane.commit(batch)), StartsWith("retry: ")) << step << what;
      EXPECT_GE(lost, 1) << step;
      EXPECT_EQ(said(lane.commit(batch)), "committed") << step << what;
    }
  }
  EXPECT_EQ(documents(views_[0])["a"], "id=\"a\" total=21");
}

// G24: some documents stand and the checkpoint does not: the next owner, whose batch is cut elsewhere, folds again without their part.
TEST_F(SearchCommit, DocumentsAheadOfTheCheckpointAreFoldedAround) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  proxy.set_policy([&](const ProxiedRequest& request) {
    return request.path.find("foldline-checkpoints/_bulk") != std::string::npos ? Verdict{Verdict::lose_request} : Verdict{};
  });
  const TestEvent first = {add_total("a", 1), add_total("b", 10)};
  EXPECT_THAT(lane.commit_one(first), StartsWith("retry: "));
  proxy.set_policy(nullptr);
  Lane next(*store, views_, one_);
  ASSERT_TRUE(next.open());
  const TestEvent second = {add_total("a", 2), add_total("c", 100)};
  ASSERT_EQ(said(next.commit({{{0, {&first, &second}}}, Uuid::random()})), "committed");
  EXPECT_EQ(next.refolds, 1);
  EXPECT_THAT(documents(views_[0]),
              ElementsAre(Pair("a", "id=\"a\" total=3"), Pair("b", "id=\"b\" total=10"), Pair("c", "id=\"c\" total=100")));
}

// G27: what the store puts off is asked for again; what it goes on putting off is a retry.
TEST_F(SearchCommit, OverloadIsWaitedForAndThenAnsweredAsRetry) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  int refusals = 0;
  proxy.set_policy([&](const ProxiedRequest& request) {
    if (refusals == 2 || request.path.find("-write/_bulk") == std::string::npos) return Verdict{};
    ++refusals;
    return Verdict{Verdict::answer, 200,
                   R"({"errors":true,"items":[{"create":{"status":429,"error":{"type":"rejected_execution_exception","reason":"full"}}},)"
                   R"({"create":{"status":503,"error":{"type":"unavailable","reason":"away"}}}]})"};
  });
  ASSERT_EQ(lane.commit_one({add_total("a", 1), add_total("b", 2)}), "committed");
  EXPECT_EQ(refusals, 2);
  proxy.set_policy([&](const ProxiedRequest& request) {
    if (request.path.find("-write/_bulk") == std::string::npos) return Verdict{};
    return Verdict{Verdict::answer, 429, R"({"error":{"type":"rejected_execution_exception","reason":"full"},"status":429})"};
  });
  EXPECT_THAT(lane.commit_one({add_total("a", 1)}), StartsWith("retry: "));
  proxy.set_policy(nullptr);
  ASSERT_EQ(lane.commit_one({add_total("a", 1)}), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("a", "id=\"a\" total=2"), Pair("b", "id=\"b\" total=2")));
}

// G27: a body that is too large for the store is sent in parts; a single document that is, is poison.
TEST_F(SearchCommit, TooLargeBodiesAreSplit) {
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  proxy.set_policy([](const ProxiedRequest& request) {
    const bool large = request.path.find("-write/_bulk") != std::string::npos && request.body.size() > 1'000;
    return large ? Verdict{Verdict::answer, 413, ""} : Verdict{};
  });
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back("k" + std::to_string(i));
  TestEvent event;
  for (const std::string& id : ids) event.push_back(add_total(id, 1));
  ASSERT_EQ(lane.commit_one(event), "committed");
  EXPECT_EQ(documents(views_[0]).size(), 100U);
  const std::string long_name(2'000, 'x');
  EXPECT_THAT(lane.commit_one({set_name("long", long_name)}), StartsWith("rejected: view v: a document of"));
}

// G28: the store refuses one document after it has taken others: those are put back, deleted or restored, with their watermarks.
TEST_F(SearchCommit, ARefusedBatchIsPutBack) {
  views_ = own({simple_view("v"), view("w", {{"id", TypeKind::text}}, {field("n", type_of(TypeKind::text))})});
  views_[1].fields[0].mapping = R"({"type":"text"})";
  auto store = prepared_store(views_);
  // Planted: the index takes less than the file says.
  ask(Method::remove, "/" + index(views_[1]));
  ask(Method::put, "/" + index(views_[1]),
      R"({"mappings":{"properties":{"n":{"type":"long"},"_foldline":{"type":"object","enabled":false}}},"aliases":{")" + index(views_[1]) +
          R"(-write":{},")" + views_[1].store_name + R"(":{}}})");
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({set_name("old", "before"), set_name("gone", "x")}), "committed");
  ASSERT_EQ(lane.commit_one({erase_row("gone")}), "committed");
  const std::string before = source(views_[0], "old");
  const std::string tombstone = source(views_[0], "gone");
  const TestEvent good = {add_total("old", 1), add_total("new", 1), add_total("gone", 1)};
  const TestEvent bad = {set_name("x", "no number", 1)};
  const std::string answer = said(lane.commit({{{0, {&good, &bad}}}, Uuid::random()}));
  EXPECT_THAT(answer, StartsWith("rejected: view w: the search store answers 400 "));
  EXPECT_THAT(answer, HasSubstr("failed to parse field [n] of type [long]"));
  EXPECT_THAT(answer, Not(HasSubstr("no number"))) << "a letter shows no values";
  EXPECT_EQ(source(views_[0], "old"), before);
  EXPECT_EQ(source(views_[0], "gone"), tombstone);
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("old", "id=\"old\" name=\"before\" total=0")));
  // Halved, the good event goes through by itself.
  ASSERT_EQ(lane.commit_one(good), "committed");
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("gone", "id=\"gone\" total=1"), Pair("new", "id=\"new\" total=1"),
                                                Pair("old", "id=\"old\" name=\"before\" total=1")));
}

// The same when the answers to what was written, and to what was put back, are lost on the way.
TEST_F(SearchCommit, ARefusedBatchIsPutBackOverLostAnswers) {
  views_ = own({simple_view("v"), view("w", {{"id", TypeKind::text}}, {field("n", type_of(TypeKind::text))})});
  HttpProxy proxy(host(), port());
  auto store = prepared_store(views_, proxy.url());
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({set_name("old", "before")}), "committed");
  const std::string before = source(views_[0], "old");
  int call = 0;
  proxy.set_policy([&](const ProxiedRequest& request) {
    if (request.path.find("-w-g1-write/_bulk") != std::string::npos) {
      return Verdict{Verdict::answer, 200, R"({"errors":true,"items":[{"create":{"status":400,"error":{"type":"x","reason":"no"}}}]})"};
    }
    if (request.path.find("-v-g1-write/_bulk") == std::string::npos) return Verdict{};
    ++call;
    return Verdict{call == 1 || call == 3 ? Verdict::lose_answer : Verdict::pass};
  });
  const TestEvent event = {add_total("old", 1), add_total("new", 1), set_name("x", "poison", 1)};
  const Lane::Batch batch{{{0, {&event}}}, Uuid::random()};
  std::string answer = said(lane.commit(batch));
  for (int i = 0; i < 5 && answer.starts_with("retry"); ++i) answer = said(lane.commit(batch));
  EXPECT_THAT(answer, StartsWith("rejected: "));
  EXPECT_GE(call, 3);
  EXPECT_EQ(source(views_[0], "old"), before);
  EXPECT_THAT(documents(views_[0]), ElementsAre(Pair("old", "id=\"old\" name=\"before\" total=0")));
}

// G27: an index that somebody deleted is not made anew by a write.
// G27: a bulk is answered item by item. Another lane has written the one in the middle, so only that one conflicts, and is folded onto.
TEST_F(SearchCommit, EachItemOfABulkIsJudgedByItself) {
  auto store = prepared_store(views_);
  Lane mine(*store, views_, one_);
  Lane other(*store, views_, {{"t", 1}});
  ASSERT_EQ(mine.start(), "committed");
  ASSERT_EQ(other.start(), "committed");
  ASSERT_EQ(other.commit_one({add_total("b", 100)}), "committed");
  ASSERT_EQ(mine.commit_one({add_total("a", 1), add_total("b", 2), add_total("c", 3)}), "committed");
  EXPECT_THAT(documents(views_[0]),
              ElementsAre(Pair("a", "id=\"a\" total=1"), Pair("b", "id=\"b\" total=102"), Pair("c", "id=\"c\" total=3")));
}

TEST_F(SearchCommit, AMissingWriteAliasIsARetryWithItsReason) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ask(Method::remove, "/" + index(views_[0]));
  const std::string answer = lane.commit_one({add_total("a", 1)});
  EXPECT_THAT(answer, StartsWith("retry: "));
  EXPECT_THAT(answer, HasSubstr("the index or its write alias is gone"));
}

// G26: the index is another one than the checkpoint stands on.
TEST_F(SearchCommit, AnotherHistoryStopsWithTheAdviceToRebuild) {
  auto store = prepared_store(views_);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({add_total("a", 1)}), "committed");
  ask(Method::remove, "/" + index(views_[0]));
  ASSERT_TRUE(prepared_store(views_));
  const auto reloaded = lane.sink->reload(one_);
  ASSERT_FALSE(reloaded);
  EXPECT_FALSE(reloaded.error().retryable);
  const auto opened = lane.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::internal);
  EXPECT_FALSE(opened.error().retryable);
  EXPECT_THAT(opened.error().message, HasSubstr("another history"));
}

// G25: tombstones go when they are old enough and every checkpoint has passed them.
TEST_F(SearchCommit, OldTombstonesBelowTheCheckpointArePurged) {
  StoreOptions options;
  options.tombstones.min_age = std::chrono::seconds(0);
  options.tombstones.every = std::chrono::seconds(0);
  auto store = prepared_store(views_, "", options);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({set_name("a", "Ann"), set_name("b", "Bob")}), "committed");
  ASSERT_EQ(lane.commit_one({erase_row("a")}), "committed");
  const std::string count = "/" + index(views_[0]) + "/_count";
  for (int i = 0; i < 3; ++i) {
    ask(Method::post, "/" + index(views_[0]) + "/_refresh");
    ASSERT_EQ(lane.commit_one({add_total("b", 1)}), "committed");
  }
  ask(Method::post, "/" + index(views_[0]) + "/_refresh");
  EXPECT_THAT(ask(Method::get, count), HasSubstr("\"count\":1"));
  // Known to the sink from before, and gone meanwhile: it is made anew.
  ASSERT_EQ(lane.commit_one({add_total("a", 5)}), "committed");
  EXPECT_EQ(documents(views_[0])["a"], "id=\"a\" total=5");
}

// G25: one that is young, or that some checkpoint has not passed, is still needed: by a frozen worker's batch, by an event that is read
// again.
TEST_F(SearchCommit, YoungTombstonesAndThoseAheadOfACheckpointStay) {
  const auto tombstone = [&](const std::string& id, std::int64_t next_offset) {
    ask(Method::put, "/" + index(views_[0]) + "/_doc/" + id,
        fmt::format(R"({{"_foldline":{{"w":{{"t-0":{}}}}},"_foldline_deleted":true,"_foldline_deleted_at":1000}})", next_offset));
  };
  for (const bool young : {false, true}) {
    StoreOptions options;
    options.tombstones.min_age = std::chrono::seconds(young ? 3'600 : 0);
    options.tombstones.every = std::chrono::seconds(0);
    auto store = prepared_store(views_, "", options);
    Lane lane(*store, views_, one_);
    ASSERT_EQ(lane.start(), "committed");
    const std::int64_t next = lane.next_offsets[0];
    if (young) {
      ASSERT_EQ(lane.commit_one({erase_row("young")}), "committed");
    } else {
      tombstone("passed", next + 1);
      tombstone("ahead", next + 2);
    }
    ask(Method::post, "/" + index(views_[0]) + "/_refresh");
    ASSERT_EQ(lane.commit_one({add_total("b", 1)}), "committed");
    ask(Method::post, "/" + index(views_[0]) + "/_refresh");
    const std::string left = ask(Method::post, "/" + index(views_[0]) + "/_search", R"({"query":{"term":{"_foldline_deleted":true}}})");
    if (young) {
      EXPECT_THAT(left, HasSubstr(R"("_id":"young")"));
    } else {
      EXPECT_THAT(left, HasSubstr(R"("_id":"ahead")"));
      EXPECT_THAT(left, Not(HasSubstr(R"("_id":"passed")")));
    }
  }
}

}  // namespace
}  // namespace foldline::elasticsearch
