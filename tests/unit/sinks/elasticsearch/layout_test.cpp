#include "sinks/elasticsearch/layout.h"

#include <gmock/gmock.h>

#include <set>

#include "sinks/elasticsearch/checkpoints.h"
#include "sinks/elasticsearch/http.h"
#include "sinks/elasticsearch/mapping.h"

namespace foldline::elasticsearch {
namespace {

using ::testing::HasSubstr;

ViewSchema orders() {
  ViewSchema out;
  out.name = "orders";
  out.store_name = "orders-search";
  out.kind = "index";
  out.key.push_back({"id", {}, ""});
  Field& total = out.fields.emplace_back();
  total.name = "total";
  total.type.kind = TypeKind::numeric;
  total.type.precision = 12;
  total.type.scale = 2;
  return out;
}

std::string mapped(TypeKind kind, const std::string& extra = "") {
  Type type;
  type.kind = kind;
  const auto mapping = mapping_of(type, extra);
  return mapping ? mapping->json : "refused: " + mapping.error().message;
}

// G1: nor do two projections or two partitions. (Topics and projections hold no colon.)
TEST(CheckpointIds, NoTwoGenerationsShareOne) {
  std::set<std::string> ids;
  for (const char* projection : {"p", "p-2"}) {
    for (const std::int64_t generation : {1, 2, 12}) {
      for (const TopicPartition& partition : {TopicPartition{"t", 0}, TopicPartition{"t", 1}, TopicPartition{"t-1", 0}}) {
        ids.insert(checkpoint_id({projection, generation}, partition));
      }
    }
  }
  EXPECT_EQ(ids.size(), 2U * 3 * 3);
}

TEST(Mapping, EveryTypeHasItsOwn) {
  EXPECT_EQ(mapped(TypeKind::boolean), R"({"type":"boolean"})");
  EXPECT_EQ(mapped(TypeKind::int32), R"({"type":"integer"})");
  EXPECT_EQ(mapped(TypeKind::bigint), R"({"type":"long"})");
  EXPECT_EQ(mapped(TypeKind::interval), R"({"type":"long"})");
  EXPECT_EQ(mapped(TypeKind::numeric), R"({"type":"keyword"})");
  EXPECT_EQ(mapped(TypeKind::text), R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":8191}}})");
  EXPECT_EQ(mapped(TypeKind::timestamptz), R"({"type":"date_nanos"})");
  EXPECT_EQ(mapped(TypeKind::json), R"({"type":"object","enabled":false})");
  EXPECT_EQ(mapped(TypeKind::inet), R"({"type":"ip"})");
}

TEST(Mapping, ParametersOfTheFileAreAdded) {
  EXPECT_EQ(mapped(TypeKind::text, R"({"analyzer":"english"})"),
            R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":8191}},"analyzer":"english"})");
  EXPECT_EQ(mapped(TypeKind::timestamptz, R"({"type":"date"})"), R"({"type":"date"})");
  EXPECT_EQ(mapped(TypeKind::text, R"({"type":"keyword"})"), R"({"type":"keyword"})");
}

TEST(Mapping, WhatWouldChangeTheDocumentsIsRefused) {
  EXPECT_THAT(mapped(TypeKind::bigint, R"({"type":"text"})"), HasSubstr("refused: a bigint can't be mapped as"));
  EXPECT_THAT(mapped(TypeKind::json, R"({"enabled":true})"), HasSubstr("refused: the mapping parameter `enabled`"));
  EXPECT_THAT(mapped(TypeKind::text, "[]"), HasSubstr("refused: "));
}

TEST(Layout, NamesIndexAndAliases) {
  const ViewSchema view = orders();
  const auto layout = make_layout(view, 0, {"p", 3});
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->index, "orders-search-g3");
  EXPECT_EQ(layout->read_alias, "orders-search");
  EXPECT_EQ(layout->write_alias, "orders-search-g3-write");
  EXPECT_THAT(layout->mapping, HasSubstr(R"("total":{"type":"scaled_float","scaling_factor":100})"));
  EXPECT_THAT(layout->mapping, HasSubstr(R"({"dynamic":"strict","properties":{"id":)"));
}

TEST(Layout, RefusesWhatWouldBreakItsPromises) {
  const auto why = [](const ViewSchema& view) {
    const auto layout = make_layout(view, 0, {"p", 1});
    return layout ? std::string("accepted") : layout.error().message;
  };
  ViewSchema view = orders();
  view.index.settings = R"({"translog.durability":"async"})";  // G26
  EXPECT_THAT(why(view), HasSubstr("translog.durability async"));
  view.index.settings = R"({"translog":{"durability":"async"}})";
  EXPECT_THAT(why(view), HasSubstr("translog.durability async"));
  view.index.settings = R"({"number_of_shards":3})";
  EXPECT_THAT(why(view), HasSubstr("has an option of its own"));
  view = orders();
  view.index.mappings = R"({"_source":{"enabled":false}})";
  EXPECT_THAT(why(view), HasSubstr("`_source` can't be set"));
  view = orders();
  view.fields[0].name = "_id";
  EXPECT_THAT(why(view), HasSubstr("begins with `_`"));
  view = orders();
  view.index.routing = "total";
  EXPECT_THAT(why(view), HasSubstr("is no part of the key"));
  view = orders();
  view.expire_after_us = 1;
  EXPECT_THAT(why(view), HasSubstr("`expire`"));
}

TEST(Layout, KnowsWhatNamesAnIndex) {
  for (const char* name : {"orders", "orders-2026.04_x", "1"}) EXPECT_EQ(why_no_index_name(name), "") << name;
  for (const char* name : {"", ".", "..", "Orders", "a b", "a/b", "a*", "-a", "_a", "+a", "a,b", "a#b", "a:b"}) {
    EXPECT_NE(why_no_index_name(name), "") << name;
  }
}

TEST(Http, MessagesShowNoCredentials) {
  EXPECT_EQ(host_of("https://user:s3cr3t@host:9200/prefix?x"), "https://host:9200");
  EXPECT_EQ(host_of("http://[::1]:9200"), "http://[::1]:9200");
  EXPECT_EQ(percent_encoded("a/b c:é"), "a%2Fb%20c%3A%C3%A9");
}

TEST(Http, ARefusedConnectionWasNeverSent) {
  HttpClient http({.urls = {Secret("http://u:s3cr3t@127.0.0.1:1"), Secret("http://127.0.0.1:2")},
                   .username = "",
                   .password = {},
                   .api_key = {},
                   .ca_file = ""});
  const auto answer = http.send({Method::get, "/", ContentType::json, {}});
  ASSERT_FALSE(answer);
  EXPECT_FALSE(answer.error().may_be_done);
  EXPECT_THAT(answer.error().message, HasSubstr("127.0.0.1:2"));
  EXPECT_EQ(answer.error().message.find("s3cr3t"), std::string::npos);
}

}  // namespace
}  // namespace foldline::elasticsearch
