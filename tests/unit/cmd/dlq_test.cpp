// Which topics hold a projection's letters, what a late replay is warned of, and that the projection's own topics are no sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/foldline/dlq_letters.h"
#include "cmd/foldline/dlq_order.h"

namespace foldline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Dlq : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory_);
    ::setenv("KAFKA_BROKERS", "localhost:9092", 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Projection load(const std::string& text) {
    const std::filesystem::path path = directory_ / "p.yaml";
    std::ofstream(path) << text;
    std::ostringstream err;
    Projection out = load_projection(path.string(), "", err);
    said_ = err.str();
    return out;
  }
  static std::string file(const std::string& topics, const std::string& more = "", const std::string& view = "") {
    return "projection: shop\nsource: {topics: " + topics + ", partition_key: data.id, envelope: flat}\nstore: {memory: {}}\n" + more +
           "views:\n  v: {key: {id: text}, " + view + "fields: {n: int}, on_event: {a: {copy: n}, b: {set: {n: 1}}}}\n" +
           "  w: {key: {id: text}, fields: {n: int}, on_event: {a: {add: {n: 1}}}}\n";
  }

  std::filesystem::path directory_ = std::filesystem::path(::testing::TempDir()) / ("foldline_dlq_" + std::to_string(::getpid()));
  std::string said_;
};

TEST_F(Dlq, LetterTopicsAreThoseOfTheSourcesTopicsAndOfTheReplayTopic) {
  const Projection projection = load(file("[orders, 'shop-*']", "", "cross_partition: never, "));
  ASSERT_NE(projection, nullptr) << said_;
  const std::map<std::string, int> topics = {{"orders", 4}, {"orders.dlq", 1},      {"shop-gone.dlq", 1},
                                             {"other", 1},  {"other.dlq", 1},       {"shop.replay", 1},
                                             {".dlq", 1},   {"shop.replay.dlq", 1}, {"orders.dlq.dlq", 1}};
  EXPECT_THAT(letter_topics(projection->file, topics), ElementsAre("orders.dlq", "shop-gone.dlq", "shop.replay.dlq"));
}

TEST_F(Dlq, OneTopicForAllLettersIsFoundByItsName) {
  const Projection projection = load(file("orders", "dead_letter: {topic: all-letters}\n"));
  ASSERT_NE(projection, nullptr) << said_;
  EXPECT_THAT(letter_topics(projection->file, {{"orders", 1}, {"orders.dlq", 1}, {"all-letters", 1}}), ElementsAre("all-letters"));
}

TEST_F(Dlq, TheReplayTopicIsReadBehindTheSourcesAndMatchesNoPattern) {
  const Projection projection = load(file("'*'", "", "cross_partition: never, "));
  ASSERT_NE(projection, nullptr) << said_;
  EXPECT_EQ(source_of_topic(projection->file, "orders"), 0);
  EXPECT_EQ(source_of_topic(projection->file, "shop.replay"), 1);
  EXPECT_EQ(source_of_topic(projection->file, "orders.dlq"), -1);
  EXPECT_EQ(make_decoders(projection).size(), 2U);
  EXPECT_EQ(subscription_of(projection->file).back(), "^shop\\.replay$");
}

TEST_F(Dlq, ASourceMayNotReadTheReplayTopicByName) {
  EXPECT_EQ(load(file("[orders, shop.replay]")), nullptr);
  EXPECT_THAT(said_, HasSubstr("is where `foldline dlq replay` writes"));
}

TEST_F(Dlq, OnlyViewsWhoseRowsDependOnTheOrderAreWarnedOf) {
  LetterIndex index("shop");
  const auto late = [&](const Projection& projection, const std::string& type) {
    LetterRecord record;
    record.letter.emplace();
    record.letter->letter_id = "shop:orders:0:1";
    record.letter->topic_partition = {"orders", 0};
    record.letter->offset = 1;
    record.letter->event_type = type;
    EXPECT_TRUE(index.add("orders.dlq", 0, 1, record));
    return late_views(*projection, index, index.letters());
  };
  const Projection plain = load(file("orders"));
  ASSERT_NE(plain, nullptr) << said_;
  EXPECT_THAT(late(plain, "a"), ElementsAre("v (a: set n)"));
  EXPECT_THAT(late(plain, ""), ElementsAre("v (a: set n, b: set n)"));
  EXPECT_THAT(late(plain, "c"), ElementsAre());
  const Projection guarded = load(file("orders", "", "newest_by: time, "));
  ASSERT_NE(guarded, nullptr) << said_;
  EXPECT_THAT(late(guarded, "a"), ElementsAre());
  const Projection accepted = load(file("orders", "", "cross_partition: arrival_order, "));
  ASSERT_NE(accepted, nullptr) << said_;
  EXPECT_THAT(late(accepted, "a"), ElementsAre());
}

TEST_F(Dlq, DamagedReplaysShowNothingWhereASourceHidesSomething) {
  const Projection open = load(file("orders"));
  ASSERT_NE(open, nullptr) << said_;
  EXPECT_FALSE(redactor_of_topic(open, "shop.replay"));
  const Projection hiding = load(
      "projection: shop\nsource: {topics: orders, partition_key: data.id, envelope: flat, redact: [data.n]}\n"
      "store: {memory: {}}\nviews:\n  w: {key: {id: text}, fields: {n: int}, on_event: {a: {add: {n: 1}}}}\n");
  ASSERT_NE(hiding, nullptr) << said_;
  ASSERT_TRUE(redactor_of_topic(hiding, "shop.replay"));
  EXPECT_EQ(redactor_of_topic(hiding, "shop.replay")("{}"), std::nullopt);
  EXPECT_TRUE(redactor_of_topic(hiding, "orders"));
}

}  // namespace
}  // namespace foldline
