// What prepare() does to a cluster: makes what is missing, adds what is new, refuses what would lose something.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;
using ::testing::HasSubstr;

class SearchSchema : public SearchFixture {
 protected:
  Error refused(const std::vector<ViewSchema>& views) {
    const auto prepared = new_store(views)->prepare();
    EXPECT_FALSE(prepared);
    if (prepared) return {};
    EXPECT_EQ(prepared.error().code, ErrorCode::config) << prepared.error().message;
    EXPECT_FALSE(prepared.error().retryable);
    return prepared.error();
  }
};

TEST_F(SearchSchema, PreparingTwiceAndAtOnceIsPreparingOnce) {
  const auto views = own({simple_view()});
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      const auto prepared = new_store(views)->prepare();
      EXPECT_TRUE(prepared) << prepared.error().message;
    });
  }
  for (std::thread& worker : workers) worker.join();
  prepared_store(views);
}

TEST_F(SearchSchema, ANewFieldIsAddedAndReadsAsItsDefault) {
  auto views = own({simple_view()});
  const std::vector<TopicPartition> one = {{"t", 0}};
  {
    auto store = prepared_store(views);
    Lane lane(*store, views, one);
    ASSERT_EQ(lane.start(), "committed");
    ASSERT_EQ(lane.commit_one({set_name("a", "Ann")}), "committed");
  }
  views[0].fields.push_back(sum_field("extra", TypeKind::bigint));
  auto store = prepared_store(views);
  Lane lane(*store, views, one);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({add_total("a", 1)}), "committed");
  EXPECT_EQ(documents(views[0])["a"], "id=\"a\" name=\"Ann\" total=1 extra=0");
}

// A view may go from the file: the checkpoint no longer stands on its index.
TEST_F(SearchSchema, AViewMayBeTakenAway) {
  auto views = own({simple_view("v"), simple_view("w")});
  const std::vector<TopicPartition> one = {{"t", 0}};
  {
    auto store = prepared_store(views);
    Lane lane(*store, views, one);
    ASSERT_EQ(lane.start(), "committed");
    ASSERT_EQ(lane.commit_one({set_name("a", "Ann")}), "committed");
  }
  ask(Method::remove, "/" + index(views[1]));
  views.pop_back();
  auto store = prepared_store(views);
  Lane lane(*store, views, one);
  EXPECT_EQ(lane.start(), "committed");
}

TEST_F(SearchSchema, AChangedTypeIsRefusedWithTheReason) {
  auto views = own({simple_view()});
  prepared_store(views);
  views[0].fields[0].type = type_of(TypeKind::bigint);
  EXPECT_THAT(refused(views).message, HasSubstr("cannot be changed from type [text] to [long]"));
}

TEST_F(SearchSchema, OtherShardsAreRefused) {
  auto views = own({simple_view()});
  prepared_store(views);
  views[0].index.shards = 2;
  EXPECT_THAT(refused(views).message, HasSubstr("has 1 shards, the file says 2"));
}

// G26
TEST_F(SearchSchema, AnAsyncTranslogIsRefused) {
  const auto views = own({simple_view()});
  prepared_store(views);
  ask(Method::put, "/" + index(views[0]) + "/_settings", R"({"index":{"translog":{"durability":"async"}}})");
  EXPECT_THAT(refused(views).message, HasSubstr("translog.durability async"));
}

TEST_F(SearchSchema, AnIndexOfSomebodyElseIsLeftAlone) {
  const auto views = own({simple_view()});
  ask(Method::put, "/" + views[0].store_name);
  EXPECT_THAT(refused(views).message, HasSubstr("is an index that Foldline did not make"));
}

TEST_F(SearchSchema, WhatTheServerRefusesIsSaid) {
  auto views = own({simple_view()});
  views[0].fields[0].mapping = R"({"analyzer":"no_such_analyzer"})";
  EXPECT_THAT(refused(views).message, HasSubstr("no_such_analyzer"));
}

TEST_F(SearchSchema, RoutingKeepsItsDocumentsTogether) {
  ViewSchema routed = view("r", {{"tenant", TypeKind::text}, {"id", TypeKind::text}}, {field("name", type_of(TypeKind::text))});
  routed.index.shards = 3;
  routed.index.routing = "tenant";
  const auto views = own({routed});
  auto store = prepared_store(views);
  Lane lane(*store, views, {{"t", 0}});
  ASSERT_EQ(lane.start(), "committed");
  const auto named = [](std::string_view name) {
    return TestEvent{{0, {Value::text("acme"), Value::text("7")}, {{0, Op::set, Value::text(name)}}, false, "", 0}};
  };
  const TestEvent one = named("one");
  const TestEvent two = named("two");
  ASSERT_EQ(lane.commit_one(one), "committed");
  ASSERT_TRUE(lane.open());  // the cache goes: the document is fetched by its routing
  ASSERT_EQ(lane.commit_one(two), "committed");
  EXPECT_EQ(documents(views[0])["acme:7"], "tenant=\"acme\" id=\"7\" name=\"two\"");
  EXPECT_THAT(ask(Method::get, "/" + index(views[0]) + "/_doc/acme:7?routing=acme"), HasSubstr("\"_routing\":\"acme\""));
}

TEST_F(SearchSchema, OtherServersAreRefusedByName) {
  HttpProxy proxy(host(), port());
  const auto views = own({simple_view()});
  const auto answered = [&](const std::string& body, const std::string& family = "") {
    proxy.set_policy([&](const ProxiedRequest&) { return Verdict{Verdict::answer, 200, body}; });
    StoreOptions options;
    options.family = family;
    const auto ping = new_store(views, proxy.url(), options)->ping();
    return ping ? std::string("accepted") : ping.error().message;
  };
  EXPECT_EQ(answered(R"({"version":{"distribution":"opensearch","number":"2.19.6"}})", "opensearch"), "accepted");
  EXPECT_EQ(answered(R"({"version":{"number":"8.19.21"}})", "elasticsearch"), "accepted");
  EXPECT_THAT(answered(R"({"version":{"number":"6.8.0"}})"), HasSubstr("elasticsearch 6.8.0, which is not known"));
  EXPECT_THAT(answered(R"({"version":{"number":"7.17.0"}})", "opensearch"),
              HasSubstr("the file says opensearch, and elasticsearch 7.17.0 answers"));
  EXPECT_THAT(answered(R"({"version":{"distribution":"solr","number":"9"}})"), HasSubstr("the search store is solr 9"));
  EXPECT_THAT(answered("<html>"), HasSubstr("no search cluster"));
}

TEST_F(SearchSchema, TheFirstTopicsAreThoseOfWhoeverCameFirst) {
  const auto views = own({simple_view()});
  auto store = prepared_store(views);
  EXPECT_EQ(*store->first_topics("orders 4"), "orders 4");
  EXPECT_EQ(*new_store(views)->first_topics("orders 8"), "orders 4");
  EXPECT_TRUE(store->checkpoints()->empty());
}

}  // namespace
}  // namespace foldline::elasticsearch
