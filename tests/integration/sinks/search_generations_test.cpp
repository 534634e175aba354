// Generations in a search store: one is filled beside the live one and takes its place. Crashes between any two requests of the switch and
// of a drop, lost answers, workers and rebuilds that come back late (G1, G24, G27).
#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "sinks/elasticsearch/checkpoints.h"
#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kMaxRequests = 80;  // of one switch or drop; a test that counts further goes round in circles

std::string said(const Result<void>& result) {
  return result ? "done" : std::string(to_string(result.error().code)) + ": " + result.error().message;
}
std::string said(const Result<bool>& result) { return result ? said(Result<void>()) : said(Result<void>(fail(result.error()))); }
const GoLiveStep kNoStep = [](const GoLiveProgress&) { return true; };

bool is_for(const ProxiedRequest& request, std::string_view part) { return request.path.find(part) != std::string::npos; }

class SearchGenerations : public SearchFixture {
 protected:
  void SetUp() override {
    SearchFixture::SetUp();
    views_ = own({simple_view("v"), simple_view("w")});
  }

  void TearDown() override {
    for (const std::string_view alias : {kCheckpointAlias, kIdsAlias}) {
      ask(Method::post, "/" + std::string(alias) + "/_refresh");
      for (const std::string& id : ids_behind(std::string(alias)))
        ask(Method::remove, "/" + std::string(alias) + "/_doc/" + percent_encoded(id));
    }
    SearchFixture::TearDown();
  }

  // Generation 1 as a worker leaves it: a and b in both views.
  void live_one() {
    auto store = live_store(views_);
    ASSERT_EQ(said(store->prepare()), "done");
    Lane lane(*store, views_, one_);
    ASSERT_EQ(lane.start(), "committed");
    ASSERT_EQ(lane.commit_one({set_name("a", "old"), set_name("a", "old", 1)}), "committed");
  }

  // A generation in the making, with `name` in both views.
  void fill(std::int64_t number, std::string_view name, const std::vector<ViewSchema>& views) {
    auto store = building_store(views, number);
    ASSERT_EQ(said(store->prepare()), "done");
    Lane lane(*store, views, one_);
    ASSERT_EQ(lane.start(), "committed");
    lane.ids = "i";
    ASSERT_EQ(lane.commit_one({set_name("a", name), set_name("a", name, 1)}), "committed");
  }

  // Generation 2 goes live, and is cut off between the decision and the aliases.
  void decide_and_lose_the_aliases(HttpProxy& proxy) {
    auto building = building_store(views_, 2, proxy.url());
    ASSERT_EQ(said(building->prepare()), "done");
    proxy.set_policy(
        [](const ProxiedRequest& request) { return is_for(request, "/_aliases") ? Verdict{Verdict::lose_request} : Verdict{}; });
    ASSERT_FALSE(building->go_live(kNoStep));
  }

  // The reader's two views: "old/old", "new/new"; never a mixture.
  std::string read() {
    std::string out;
    for (const ViewSchema& view : views_) {
      const std::string standing = indices_behind(view);
      if (standing.find("index") != standing.rfind("index")) return "an alias on two generations: " + standing;
      const auto found = documents(view);
      out += (out.empty() ? "" : "/") + (found.size() == 1 ? found.begin()->second : std::to_string(found.size()) + " documents");
    }
    return out;
  }
  static std::string both(const std::string& name) {
    const std::string one = "id=\"a\" name=\"" + name + "\" total=0";
    return one + "/" + one;
  }

  std::string states() {
    const auto found = live_store(views_)->generations();
    if (!found) return found.error().message;
    std::string out;
    for (const Generation& generation : *found) {
      out += (out.empty() ? "" : " ") + std::to_string(generation.number) + ":" + std::string(to_string(generation.state));
    }
    return out;
  }

  // _ids of this projection's system documents.
  std::vector<std::string> ids_behind(const std::string& alias) const {
    const std::string answer = ask(Method::post, "/" + alias + "/_search?filter_path=hits.hits._id",
                                   R"({"size":1000,"query":{"bool":{"filter":[{"term":{"projection":")" + projection_ + R"("}}]}}})");
    std::vector<std::string> out;
    for (std::size_t at = answer.find("\"_id\":\""); at != std::string::npos; at = answer.find("\"_id\":\"", at)) {
      at += 7;
      out.push_back(answer.substr(at, answer.find('"', at) - at));
    }
    return out;
  }

  std::string indices() const {
    const std::string answer = ask(Method::get, "/_cat/indices/" + projection_ + "-*?h=index&s=index&format=json");
    const std::string before = "\"" + projection_ + "-";
    std::string out;
    for (std::size_t at = answer.find(before); at != std::string::npos; at = answer.find(before, at)) {
      at += before.size();
      out += (out.empty() ? "" : " ") + answer.substr(at, answer.find('"', at) - at);
    }
    return out;
  }
  std::string indices_behind(const ViewSchema& view) const {
    return ask(Method::get, "/_cat/aliases/" + view.store_name + "?h=index&format=json");
  }

  // Lets `count` requests pass and loses all that follow: a crash at this place. The count starts at each call.
  void crash_after(HttpProxy& proxy, int count, Verdict::What how) {
    left_ = count;
    proxy.set_policy([this, how](const ProxiedRequest&) { return left_-- > 0 ? Verdict{} : Verdict{how}; });
  }

  std::vector<ViewSchema> views_;
  const std::vector<TopicPartition> one_ = {{"t", 0}};
  int left_ = 0;
};

TEST_F(SearchGenerations, AFilledGenerationTakesThePlaceOfAllViews) {
  live_one();
  auto old_store = live_store(views_);
  ASSERT_EQ(said(old_store->prepare()), "done");
  Lane old_lane(*old_store, views_, one_);
  ASSERT_TRUE(old_lane.open());
  fill(2, "new", views_);
  EXPECT_EQ(read(), both("old")) << "nobody reads what is in the making";
  EXPECT_EQ(states(), "1:live 2:building");
  ASSERT_EQ(old_lane.commit_one({set_name("a", "older"), set_name("a", "older", 1)}), "committed") << "the live one is kept up meanwhile";

  auto building = building_store(views_, 2);
  ASSERT_EQ(said(building->prepare()), "done");
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  EXPECT_EQ(read(), both("new"));
  EXPECT_EQ(states(), "1:retired 2:live");
  ASSERT_EQ(said(building->go_live(kNoStep)).substr(0, 10), "superseded") << "once";

  // G1: the old one's worker writes no more, and can't take its partitions again.
  EXPECT_THAT(old_lane.commit_one({set_name("a", "zombie"), set_name("a", "zombie", 1)}), StartsWith("fenced"));
  EXPECT_THAT(said(old_lane.open()), StartsWith("superseded"));
  EXPECT_EQ(read(), both("new"));

  // Started again it goes on with the new one, where that is.
  auto store = live_store(views_);
  ASSERT_EQ(said(store->prepare()), "done");
  EXPECT_EQ(store->generation(), 2);
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  EXPECT_EQ(lane.next_offsets[0], 1);
  ASSERT_EQ(lane.commit_one({set_name("a", "newer"), set_name("a", "newer", 1)}), "committed");
  EXPECT_EQ(read(), both("newer"));
}

enum class Next : std::uint8_t {
  resume,      // `rebuild --resume`
  worker,      // a worker starts
  same_again,  // no crash: one request's answer was lost, and the same process tries again
};

class SearchSwitchCrash : public SearchGenerations, public ::testing::WithParamInterface<Next> {
 protected:
  // Generation `number` goes live until it is cut off at request `after`. False: it was not cut off.
  bool cut_off(ElasticsearchStore& store, HttpProxy& proxy, int after) {
    if (GetParam() != Next::same_again) {
      crash_after(proxy, after, Verdict::lose_request);
      return !store.go_live(kNoStep).has_value();
    }
    bool lost = false;
    left_ = after;
    // Twice: libcurl sends a request again by itself when a kept connection turns out to be dead.
    proxy.set_policy([&](const ProxiedRequest&) {
      lost = lost || left_ == 0;
      --left_;
      return left_ == -1 || left_ == -2 ? Verdict{Verdict::lose_answer} : Verdict{};
    });
    const auto first = store.go_live(kNoStep);
    proxy.set_policy(nullptr);
    if (!first) {
      const auto second = store.go_live(kNoStep);
      EXPECT_TRUE(second || second.error().code == ErrorCode::superseded) << second.error().message;
    }
    return lost;
  }

  void start_worker(std::int64_t number, const std::string& live, const std::string& next) {
    auto worker = live_store(views_);
    ASSERT_EQ(said(worker->prepare()), "done");
    ASSERT_EQ(read(), worker->generation() == number ? both(next) : both(live)) << "nobody works on what is not read";
    Lane lane(*worker, views_, one_);
    ASSERT_EQ(lane.start(), "committed");
  }
};

// A crash between any two requests of the switch.
TEST_P(SearchSwitchCrash, WhoeverComesNextFinishesIt) {
  HttpProxy proxy(host(), port());
  live_one();
  std::int64_t number = 1;
  std::string live = "old";
  bool crashed = true;
  for (int after = 0; crashed && after < kMaxRequests; ++after) {
    SCOPED_TRACE("cut off at request " + std::to_string(after));
    const std::string next = "n" + std::to_string(++number);
    fill(number, next, views_);
    auto store = building_store(views_, number, proxy.url());
    proxy.set_policy(nullptr);
    ASSERT_EQ(said(store->prepare()), "done");
    crashed = cut_off(*store, proxy, after);
    ASSERT_THAT(read(), AnyOf(both(live), both(next))) << "never a mixture";
    if (GetParam() == Next::worker) {
      ASSERT_NO_FATAL_FAILURE(start_worker(number, live, next));
    }
    if (states().find(std::to_string(number) + ":building") != std::string::npos) {
      EXPECT_NE(GetParam(), Next::same_again) << "it was done";
      auto again = building_store(views_, number);
      ASSERT_EQ(said(again->prepare()), "done");
      ASSERT_EQ(said(again->go_live(kNoStep)), "done");
    }
    ASSERT_EQ(read(), both(next));
    ASSERT_THAT(states(), HasSubstr(std::to_string(number - 1) + ":retired " + std::to_string(number) + ":live"));
    ASSERT_EQ(said(live_store(views_)->drop_generation(number - 1)), "done");
    live = next;
  }
  EXPECT_FALSE(crashed) << "the switch ends";
  EXPECT_GT(number, 10) << "the crashes struck the switch";
}

INSTANTIATE_TEST_SUITE_P(Next, SearchSwitchCrash, ::testing::Values(Next::resume, Next::worker, Next::same_again), [](const auto& test) {
  return test.param == Next::resume ? "Resume" : test.param == Next::worker ? "AWorker" : "TheSameAgain";
});

// It has read which one is live before the switch, and takes its partitions after it.
TEST_F(SearchGenerations, AWorkerThatOpensAroundTheSwitchIsSuperseded) {
  HttpProxy proxy(host(), port());
  live_one();
  fill(2, "new", views_);
  auto late_store = live_store(views_, proxy.url());
  ASSERT_EQ(said(late_store->prepare()), "done");
  Lane late(*late_store, views_, one_);
  bool switched = false;
  proxy.set_policy([&](const ProxiedRequest& request) {
    if (!switched && is_for(request, "foldline-checkpoints/_mget")) {
      switched = true;
      auto building = building_store(views_, 2);
      EXPECT_EQ(said(building->prepare()), "done");
      EXPECT_EQ(said(building->go_live(kNoStep)), "done");
    }
    return Verdict{};
  });
  EXPECT_THAT(said(late.open()), StartsWith("superseded"));
  EXPECT_TRUE(switched);
}

// Decided, but not yet fenced: the old generation's worker that opens just then must not go on for ever.
TEST_F(SearchGenerations, NobodyOpensTheOldOneOnceItIsDecided) {
  HttpProxy proxy(host(), port());
  live_one();
  auto old_store = live_store(views_);
  ASSERT_EQ(said(old_store->prepare()), "done");
  Lane old_lane(*old_store, views_, one_);
  fill(2, "new", views_);
  auto building = building_store(views_, 2, proxy.url());
  ASSERT_EQ(said(building->prepare()), "done");
  std::string opened;
  proxy.set_policy([&](const ProxiedRequest& request) {
    if (opened.empty() && is_for(request, "foldline-checkpoints/_refresh")) opened = said(old_lane.open());
    return Verdict{};
  });
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  EXPECT_THAT(opened, StartsWith("superseded"));
  EXPECT_EQ(read(), both("new"));
}

// Frozen in front of the aliases' call; thawed after others have finished it and the next generation is live too.
TEST_F(SearchGenerations, ASwitchThatComesBackLateChangesNothing) {
  HttpProxy proxy(host(), port());
  for (const std::string where : {"/_aliases", "/_alias/"}) {
    SCOPED_TRACE(where);
    if (where != "/_aliases") {  // a projection of its own
      TearDown();
      SetUp();
    }
    live_one();
    fill(2, "new", views_);
    auto frozen = building_store(views_, 2, proxy.url());
    proxy.set_policy(nullptr);
    ASSERT_EQ(said(frozen->prepare()), "done");
    bool thawed = false;
    proxy.set_policy([&](const ProxiedRequest& request) {
      if (!thawed && is_for(request, where)) {
        thawed = true;
        EXPECT_EQ(said(live_store(views_)->prepare()), "done") << "a worker finishes it";
        fill(3, "newest", views_);
        auto third = building_store(views_, 3);
        EXPECT_EQ(said(third->prepare()), "done");
        EXPECT_EQ(said(third->go_live(kNoStep)), "done");
      }
      return Verdict{};
    });
    static_cast<void>(frozen->go_live(kNoStep));
    EXPECT_TRUE(thawed);
    EXPECT_EQ(read(), both("newest"));
    EXPECT_EQ(states(), "1:retired 2:retired 3:live");
  }
}

TEST_F(SearchGenerations, ADropLeavesNothingBehindWhereverItCrashes) {
  HttpProxy proxy(host(), port());
  live_one();
  std::int64_t number = 1;
  bool crashed = true;
  for (int after = 0; crashed && after < kMaxRequests; ++after) {
    const Verdict::What how = after % 2 == 0 ? Verdict::lose_request : Verdict::lose_answer;
    SCOPED_TRACE("crash after " + std::to_string(after) + (how == Verdict::lose_answer ? ", carried out" : ", lost"));
    fill(++number, "new", views_);
    ASSERT_THAT(indices(), HasSubstr("v-g" + std::to_string(number)));
    crash_after(proxy, after, how);
    crashed = !live_store(views_, proxy.url())->drop_generation(number).has_value();
    if (states().find(std::to_string(number) + ":building") != std::string::npos && after > 1) {
      EXPECT_THAT(said(building_store(views_, number)->prepare()), StartsWith("superseded")) << "only to be dropped";
    }
    ASSERT_EQ(said(live_store(views_)->drop_generation(number)), "done");
    ASSERT_EQ(indices(), "v-g1 w-g1");
    for (const std::string_view alias : {kCheckpointAlias, kIdsAlias}) {
      ask(Method::post, "/" + std::string(alias) + "/_refresh");
      for (const std::string& id : ids_behind(std::string(alias))) EXPECT_THAT(id, HasSubstr(":g1:"));
    }
    EXPECT_THAT(states(), HasSubstr(std::to_string(number) + ":dropped"));
    EXPECT_EQ(read(), both("old"));
  }
  EXPECT_FALSE(crashed);
  EXPECT_THAT(said(building_store(views_, 2)->prepare()), StartsWith("superseded")) << "a number never comes again";
}

TEST_F(SearchGenerations, WhatIsLiveOrGoingLiveCantBeDropped) {
  HttpProxy proxy(host(), port());
  live_one();
  EXPECT_THAT(said(live_store(views_)->drop_generation(1)), HasSubstr("generation 1 of " + projection_ + " is live"));
  EXPECT_EQ(said(live_store(views_)->drop_generation(7)), "done") << "nothing is there";
  fill(2, "new", views_);
  decide_and_lose_the_aliases(proxy);
  EXPECT_THAT(said(live_store(views_)->drop_generation(2)), HasSubstr("going live, which can't be taken back"));
  EXPECT_THAT(said(live_store(views_)->drop_generation(1)), HasSubstr("is live"));
}

// A rebuild that runs on while its generation is dropped makes nothing anew, and hears of it (G27).
TEST_F(SearchGenerations, ARebuildWhoseGenerationIsDroppedIsFenced) {
  live_one();
  auto store = building_store(views_, 2);
  ASSERT_EQ(said(store->prepare()), "done");
  Lane lane(*store, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({set_name("a", "new")}), "committed");
  ASSERT_EQ(said(live_store(views_)->drop_generation(2)), "done");
  EXPECT_THAT(lane.commit_one({set_name("b", "zombie")}), AnyOf(StartsWith("fenced"), StartsWith("retry")));
  EXPECT_THAT(lane.commit_one({set_name("b", "zombie")}), StartsWith("fenced")) << "at the latest when it tries again";
  EXPECT_THAT(said(lane.open()), StartsWith("superseded"));
  EXPECT_THAT(said(store->go_live(kNoStep)), StartsWith("superseded"));
  EXPECT_EQ(indices(), "v-g1 w-g1");
}

// An installation from before there was a document of generations: taken over as it stands.
TEST_F(SearchGenerations, WhatAnOlderFoldlineLeftIsGenerationOne) {
  live_one();
  const auto forget = [&] { ask(Method::remove, "/foldline-checkpoints/_doc/" + projection_ + "%3Agenerations"); };
  forget();
  EXPECT_EQ(states(), "1:live");
  auto worker = live_store(views_);
  ASSERT_EQ(said(worker->prepare()), "done");
  Lane lane(*worker, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  EXPECT_EQ(lane.next_offsets[0], 1) << "it goes on where it was";

  // A rebuild may come first, also with a file that has lost a view: what generation 1 has is known from its checkpoints.
  forget();
  std::vector<ViewSchema> fewer = {views_[0]};
  auto building = building_store(fewer, 2);
  ASSERT_EQ(said(building->prepare()), "done");
  EXPECT_EQ(states(), "1:live 2:building");
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  EXPECT_EQ(states(), "1:retired 2:live");
  EXPECT_EQ(indices_behind(views_[1]), "[]") << "the view is gone for readers";
  ASSERT_EQ(said(live_store(fewer)->drop_generation(1)), "done");
  EXPECT_EQ(indices(), "v-g2");
}

TEST_F(SearchGenerations, AViewThatIsNewInTheMakingIsNotReadYet) {
  auto before = own({simple_view("v")});
  auto store = live_store(before);
  ASSERT_EQ(said(store->prepare()), "done");
  Lane lane(*store, before, one_);
  ASSERT_EQ(lane.start(), "committed");
  fill(2, "new", views_);
  EXPECT_EQ(indices_behind(views_[1]), "[]");
  auto building = building_store(views_, 2);
  ASSERT_EQ(said(building->prepare()), "done");
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  EXPECT_EQ(read(), both("new"));
}

// A reader who asks right after the switch finds every document.
TEST_F(SearchGenerations, WhatWasFilledIsSearchableAtTheSwitch) {
  for (ViewSchema& view : views_) view.index.refresh_interval = "-1";
  live_one();
  fill(2, "new", views_);
  auto building = building_store(views_, 2);
  ASSERT_EQ(said(building->prepare()), "done");
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  EXPECT_THAT(ask(Method::get, "/" + views_[0].store_name + "/_search?filter_path=hits.hits._source.name"), HasSubstr("new"));
}

TEST_F(SearchGenerations, AnAliasOnAGenerationThatNothingKnowsOfIsRefused) {
  live_one();
  fill(2, "new", views_);
  auto building = building_store(views_, 2);
  ASSERT_EQ(said(building->prepare()), "done");
  ASSERT_EQ(said(building->go_live(kNoStep)), "done");
  ask(Method::remove, "/foldline-checkpoints/_doc/" + projection_ + "%3Agenerations");
  EXPECT_THAT(said(live_store(views_)->prepare()), HasSubstr("the alias " + views_[0].store_name + " stands on another"));
}

// Ten start at once, while one goes live.
TEST_F(SearchGenerations, WorkersThatStartAtOnceFinishASwitchTogether) {
  HttpProxy proxy(host(), port());
  live_one();
  fill(2, "new", views_);
  decide_and_lose_the_aliases(proxy);
  std::vector<std::thread> workers;
  for (int i = 0; i < 10; ++i) {
    workers.emplace_back([&] {
      auto store = live_store(views_);
      EXPECT_EQ(said(store->prepare()), "done");
      EXPECT_EQ(store->generation(), 2);
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(read(), both("new"));
  EXPECT_EQ(states(), "1:retired 2:live");
}

}  // namespace
}  // namespace foldline::elasticsearch
