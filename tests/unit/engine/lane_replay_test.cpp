// Replayed events: the original in every respect but its identity for the processed IDs (G14, G28).
#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

class LaneReplay : public LaneTest {
 protected:
  const TopicPartition replay{"p.replay", 0};

  void start_both() {
    broker.control_records(replay, 0);
    start({{tp, 0, false}, {replay, 1, false}});
    settle();
  }
  // As the dlq tool writes the event that stood at `offset` of tp.
  void append_replayed(const std::string& value, std::int64_t offset, std::int32_t retry_count = 0, std::int64_t generation = 1) {
    FakeRecord record;
    record.timestamp_us = 5'000'000;
    record.key = "k";
    record.value = value;
    const std::string id = "p:t:0:" + std::to_string(offset);
    record.headers = codec::replay_headers({id, retry_count, "t", 0, offset, 1'000'000, generation});
    record.headers.emplace_back("own", "v");
    broker.append(replay, std::move(record));
    settle();
  }
};

TEST_F(LaneReplay, AnEventWhoseIdIsKnownIsLetThroughOnceForEachTry) {
  append("a|bad|k|1");
  start_both();
  ASSERT_EQ(letters.all().size(), 1U);
  append_replayed("a|add|k|5", 0);
  append_replayed("a|add|k|5", 0);  // the tool died before its mark and wrote it again
  EXPECT_EQ(the_store().dump(1).size(), 1U);
  EXPECT_NE(rows()[0].find('5'), std::string::npos) << rows()[0];
  EXPECT_EQ(h->stats.duplicates.load(), 1U);
  EXPECT_EQ(h->stats.events.load(), 1U);
  EXPECT_EQ(checkpoint(replay), 2);
}

TEST_F(LaneReplay, TheWindowOutlivesTheWorker) {
  append("a|bad|k|1");
  start_both();
  append_replayed("a|add|k|5", 0);
  start_both();
  append_replayed("a|add|k|5", 0);
  EXPECT_EQ(h->stats.duplicates.load(), 1U);
  EXPECT_EQ(h->stats.events.load(), 0U);
}

TEST_F(LaneReplay, WhatFailsAgainIsTheSameLetterWithARetryMore) {
  append("a|bad|k|1");
  start_both();
  letters.clear();
  append_replayed("a|bad|k|1", 0);
  append_replayed("!a|x||", 0, 1);  // not decodable
  ASSERT_EQ(letters.all().size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const Letter letter = letters.all()[i];
    EXPECT_EQ(letter.topic_partition, tp);
    EXPECT_EQ(letter.offset, 0);
    EXPECT_EQ(letter.timestamp_us, 1'000'000);
    EXPECT_EQ(letter.event_id, "a");
    EXPECT_EQ(letter.retry_count, static_cast<std::int32_t>(i) + 1);
    ASSERT_EQ(letter.headers.size(), 1U);
    EXPECT_EQ(letter.headers[0].first, "own");
  }
  EXPECT_EQ(letters.all()[0].stage, Stage::project);
  EXPECT_EQ(letters.all()[1].stage, Stage::decode);
}

TEST_F(LaneReplay, APoisonousOneIsFoundByHalvingAndKeepsItsPosition) {
  start_both();
  append_replayed("a|add|k|1", 7);
  append_replayed("b|poison|k|1", 8);
  ASSERT_EQ(letters.all().size(), 1U);
  const Letter letter = letters.all()[0];
  EXPECT_EQ(letter.stage, Stage::store);
  EXPECT_EQ(letter.topic_partition, tp);
  EXPECT_EQ(letter.offset, 8);
  EXPECT_EQ(letter.retry_count, 1);
  EXPECT_EQ(checkpoint(replay), 2);
}

TEST_F(LaneReplay, OneThatIsTooLargeStillNamesItsLetter) {
  options.max_record_bytes = 400;
  start_both();
  append_replayed("a|add|k|" + std::string(500, '1'), 9, 2);
  ASSERT_EQ(letters.all().size(), 1U);
  EXPECT_EQ(letters.all()[0].topic_partition, tp);
  EXPECT_EQ(letters.all()[0].offset, 9);
  EXPECT_EQ(letters.all()[0].retry_count, 3);
  EXPECT_TRUE(letters.all()[0].omitted_bytes);
}

TEST_F(LaneReplay, AnotherGenerationsLetterIsPassedOver) {
  append("a|bad|k|1");
  options.generation = 2;
  start_both();
  EXPECT_EQ(letters.all().at(0).generation, 2);
  append_replayed("a|add|k|5", 0, 0, 1);
  EXPECT_EQ(h->stats.skipped.load(), 1U);
  EXPECT_EQ(h->stats.events.load(), 0U);
  EXPECT_EQ(checkpoint(replay), 1);
  append_replayed("a|add|k|5", 0, 0, 2);
  EXPECT_EQ(h->stats.events.load(), 1U);
}

TEST_F(LaneReplay, ARecordThatIsNoReplayIsALetterOfTheReplayTopic) {
  start_both();
  broker.append(replay, "a|add|k|1");
  settle();
  ASSERT_EQ(letters.all().size(), 1U);
  EXPECT_EQ(letters.all()[0].topic_partition, replay);
  EXPECT_EQ(letters.all()[0].retry_count, 0);
  EXPECT_TRUE(rows().empty());
}

}  // namespace
}  // namespace foldline::testing
