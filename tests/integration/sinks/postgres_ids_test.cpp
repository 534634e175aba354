// Processed IDs (G15), ownership (G1) and expiry, as they stand in the tables.
#include <gmock/gmock.h>

#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;

class PostgresIds : public PostgresFixture {
 protected:
  void SetUp() override {
    PostgresFixture::SetUp();
    if (HasFatalFailure()) return;
    store_ = prepared_store(views_);
    lane_ = open_sink(*store_);
  }

  PartitionCommit chunk(std::int64_t expected, std::int64_t next, const std::string& ids, std::int64_t tail = -1, std::int64_t trim = -1) {
    PartitionCommit out;
    out.topic_partition = lane_.partitions.data();
    out.expected_offset = expected;
    out.expected_missing = expected == 0;
    out.after.next_offset = next;
    out.ids = arena_.copy(ids);
    out.ids_first_offset = expected;
    out.ids_last_offset = next - 1;
    out.tail_first_offset = tail;
    out.trim_ids_below = trim;
    return out;
  }

  std::string commit(const PartitionCommit& partition) {
    return said(lane_.sink->commit({lane_.owner, Uuid::random(), {&partition, 1}, {}}));
  }

  std::vector<std::string> seen() { return rows("SELECT first_offset, last_offset, encode(ids, 'escape') FROM foldline.seen ORDER BY 1"); }

  std::vector<std::string> loaded(std::int64_t window) {
    auto sink = store_->new_sink();
    lane_.owner = Uuid::random();
    auto opened = (*sink)->open({lane_.partitions, lane_.owner, window});
    lane_.sink = std::move(*sink);
    std::vector<std::string> out;
    for (const IdChunk& ids : (*opened)[0].ids) {
      out.push_back(std::to_string(ids.first_offset) + "-" + std::to_string(ids.last_offset) + " " + ids.packed);
    }
    return out;
  }

  const std::vector<ViewSchema> views_ = {simple_view()};
  Arena arena_;
  std::unique_ptr<PostgresStore> store_;
  OpenedSink lane_;
};

TEST_F(PostgresIds, ChunksAreNewGrowAndAreTrimmed) {
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  ASSERT_EQ(commit(chunk(10, 20, "bb", 0)), "committed");
  ASSERT_EQ(commit(chunk(20, 30, "cc")), "committed");
  EXPECT_THAT(seen(), ElementsAre("0|19|aabb", "20|29|cc"));
  ASSERT_EQ(commit(chunk(30, 40, "dd", -1, 19)), "committed");
  EXPECT_THAT(seen(), ElementsAre("0|19|aabb", "20|29|cc", "30|39|dd")) << "offset 19 itself is not below 19";
  ASSERT_EQ(commit(chunk(40, 50, "ee", -1, 20)), "committed");
  EXPECT_THAT(seen(), ElementsAre("20|29|cc", "30|39|dd", "40|49|ee"));
}

TEST_F(PostgresIds, OnlyChunksThatReachIntoTheWindowAreLoaded) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(commit(chunk(i * 10, i * 10 + 10, std::string(2, static_cast<char>('a' + i)))), "committed");
  EXPECT_THAT(loaded(21), ElementsAre("20-29 cc", "30-39 dd", "40-49 ee"));
  EXPECT_THAT(loaded(20), ElementsAre("30-39 dd", "40-49 ee"));
  EXPECT_THAT(loaded(0), ElementsAre());
}

// The contract: a new chunk takes the place of one that begins at the same offset.
TEST_F(PostgresIds, NewChunkReplacesOneAtItsOffset) {
  run("INSERT INTO foldline.seen VALUES ('p', 1, 't', 0, 0, 99, 'stale')");
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  EXPECT_THAT(seen(), ElementsAre("0|9|aa"));
}

TEST_F(PostgresIds, ChunksPastTheCheckpointAreDroppedOnTakeover) {
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  ASSERT_EQ(commit(chunk(10, 20, "bb")), "committed");
  run("UPDATE foldline.checkpoint SET next_offset = 10");
  EXPECT_THAT(loaded(1'000), ElementsAre("0-9 aa"));
  EXPECT_THAT(seen(), ElementsAre("0|9|aa"));
}

// The owner's `--on-lost-data earliest`: a checkpoint that moves back takes the IDs behind it along.
TEST_F(PostgresIds, MovingBackDropsTheIdsBehind) {
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  ASSERT_EQ(commit(chunk(10, 20, "bb")), "committed");
  PartitionCommit back = chunk(20, 5, "xx");
  back.ids_first_offset = 3;
  back.ids_last_offset = 4;
  ASSERT_EQ(commit(back), "committed");
  EXPECT_THAT(seen(), ElementsAre("0|9|aa", "3|4|xx"));
}

// A rejected or fenced batch leaves no IDs: they commit with the rows or not at all.
TEST_F(PostgresIds, FencedBatchLeavesNoIds) {
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  EXPECT_NE(commit(chunk(11, 20, "bb")), "committed");
  EXPECT_THAT(seen(), ElementsAre("0|9|aa"));
}

TEST_F(PostgresIds, OpenAnswersInTheRequestsOrder) {
  auto sink = store_->new_sink();
  const std::vector<TopicPartition> wanted = {{"z", 1}, {"a", 7}, {"t", 0}, {"a", -1}};
  ASSERT_EQ(commit(chunk(0, 10, "aa")), "committed");
  const auto opened = (*sink)->open({wanted, Uuid::random(), 100});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_FALSE((*opened)[0].found);
  EXPECT_FALSE((*opened)[1].found);
  EXPECT_TRUE((*opened)[2].found);
  EXPECT_EQ((*opened)[2].checkpoint.next_offset, 10);
  EXPECT_EQ((*opened)[2].ids.size(), 1U);
  const auto reloaded = (*sink)->reload(wanted);
  EXPECT_EQ((*reloaded)[2].checkpoint.next_offset, 10);
}

class PostgresExpiry : public PostgresFixture {};

// By event time, never by now: 2026-03-10 is the newest event, rows live two days.
TEST_F(PostgresExpiry, RowsGoWithTheCommitsByEventTime) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  constexpr std::int64_t kNewestDay = 20'522;
  ViewSchema by_part = view("by_part", {{"day", TypeKind::date}}, {sum_field("n", TypeKind::bigint)});
  by_part.expire_after_us = 2 * kDayUs;
  by_part.expire_from = "day";
  ViewSchema by_field = view("by_field", {{"id", TypeKind::int32}}, {field("at", type_of(TypeKind::timestamptz))});
  by_field.expire_after_us = 2 * kDayUs;
  by_field.expire_from = "at";
  const std::vector<ViewSchema> views = {by_part, by_field};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  const auto commit = [&](std::int64_t expected, std::int64_t max_event_time_us, int days) {
    BatchBuilder b(views);
    for (int i = 0; i < days; ++i) {
      b.merge(b.row(0, {Value::date(kNewestDay - i)}), 0, Op::add, Value::integer(1));
      b.set(b.row(1, {Value::integer(i)}), 0, Value::timestamp((kNewestDay - i) * kDayUs));
    }
    auto& partition = b.partition("t", 0, expected, expected + 1);
    partition.expected_missing = expected == 0;
    partition.after.max_event_time_us = max_event_time_us;
    EXPECT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  };
  commit(0, INT64_MIN, 2'000);
  EXPECT_EQ(value("SELECT count(*) FROM by_part"), "2000") << "no event time, no horizon";
  // A new sink expires with its first commit, 500 rows a view, and goes on while there are more.
  auto heir = open_sink(*store);
  std::int64_t at = 1;
  const auto expire = [&](std::int64_t max_event_time_us) {
    for (int i = 0; i < 6; ++i) {
      PartitionCommit partition;
      partition.topic_partition = heir.partitions.data();
      partition.expected_offset = at++;
      partition.after.next_offset = at;
      partition.after.max_event_time_us = max_event_time_us;
      EXPECT_EQ(said(heir.sink->commit({heir.owner, Uuid::random(), {&partition, 1}, {}})), "committed");
    }
  };
  expire(kNewestDay * kDayUs);  // exactly at midnight: what is two days old stays
  EXPECT_EQ(value("SELECT count(*), min(day) FROM by_part"), "3|2026-03-08");
  EXPECT_EQ(value("SELECT count(*), min(at) FROM by_field"), "3|2026-03-08 00:00:00+00");
}

// An event from the far end of time must not stop the projection.
TEST_F(PostgresExpiry, AbsurdEventTimesDoNotFailTheCommit) {
  ViewSchema v = view("v", {{"day", TypeKind::date}}, {});
  v.expire_after_us = 1;
  v.expire_from = "day";
  auto store = prepared_store({v});
  for (const std::int64_t time : {INT64_MAX, INT64_MIN, INT64_MIN + 1}) {
    auto lane = open_sink(*store);
    PartitionCommit partition;
    partition.topic_partition = lane.partitions.data();
    partition.expected_missing = !lane.opened[0].found;
    partition.expected_offset = lane.opened[0].checkpoint.next_offset;
    partition.after.next_offset = partition.expected_offset + 1;
    partition.after.max_event_time_us = time;
    EXPECT_EQ(said(lane.sink->commit({lane.owner, Uuid::random(), {&partition, 1}, {}})), "committed");
  }
}

}  // namespace
}  // namespace foldline::postgres
