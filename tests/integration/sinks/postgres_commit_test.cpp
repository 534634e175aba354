// The sink contract on a real server: every status of commit(), and what it leaves in the tables.
#include <gmock/gmock.h>

#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class PostgresCommit : public PostgresFixture {};

TEST_F(PostgresCommit, FirstCommitWritesRowsCheckpointAndIds) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  ASSERT_EQ(lane.opened.size(), 1U);
  EXPECT_FALSE(lane.opened[0].found);

  BatchBuilder b(views);
  auto& row = b.row(0, {b.text("o-1")});
  b.merge(b.set(row, 0, b.text("Ann")), 1, Op::add, Value::integer(7));
  auto& partition = b.first("t", 0, 10);
  partition.after.topic_id = "topic-id";
  partition.after.leader_epoch = 3;
  partition.after.anchor_offset = 9;
  partition.after.anchor_hash = 0xffffffffffffffffULL;
  partition.after.max_event_time_us = 1'700'000'000'000'000;
  partition.ids = "0123456789abcdef";
  partition.ids_first_offset = 0;
  partition.ids_last_offset = 9;
  ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");

  EXPECT_THAT(rows("SELECT * FROM v"), ElementsAre("o-1|Ann|7"));
  const auto reloaded = lane.sink->reload(lane.partitions);
  ASSERT_TRUE(reloaded) << reloaded.error().message;
  const Checkpoint& stored = (*reloaded)[0].checkpoint;
  EXPECT_TRUE((*reloaded)[0].found);
  EXPECT_EQ(stored.next_offset, 10);
  EXPECT_EQ(stored.owner, lane.owner);
  EXPECT_EQ(stored.batch_id, b.batch_id);
  EXPECT_EQ(stored.topic_id, "topic-id");
  EXPECT_EQ(stored.leader_epoch, 3);
  EXPECT_EQ(stored.anchor_offset, 9);
  EXPECT_EQ(stored.anchor_hash, 0xffffffffffffffffULL);
  EXPECT_EQ(stored.max_event_time_us, 1'700'000'000'000'000);
  const auto checkpoints = store->checkpoints();
  ASSERT_TRUE(checkpoints) << checkpoints.error().message;
  ASSERT_EQ(checkpoints->size(), 1U);
  EXPECT_EQ((*checkpoints)[0].topic_partition.to_string(), "t/0");
  EXPECT_EQ((*checkpoints)[0].checkpoint.batch_id, b.batch_id);
  EXPECT_EQ((*checkpoints)[0].checkpoint.anchor_hash, 0xffffffffffffffffULL);
}

TEST_F(PostgresCommit, CheckpointsOfABatchWithoutRowsMoveToo) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store, 2);
  BatchBuilder b(views);
  b.first("t", 0, 10);
  b.first("t", 1, 20);
  ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_THAT(rows("SELECT topic, partition, next_offset FROM foldline.checkpoint ORDER BY 2"), ElementsAre("t|0|10", "t|1|20"));
}

TEST_F(PostgresCommit, ExistingRowsAreMergedNotReplaced) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder one(views);
  auto& first = one.row(0, {one.text("a")});
  one.merge(one.set(first, 0, one.text("Ann")), 1, Op::add, Value::integer(7));
  one.first("t", 0, 1);
  ASSERT_EQ(said(lane.sink->commit(one.batch(lane.owner))), "committed");
  BatchBuilder two(views);
  two.merge(two.row(0, {two.text("a")}), 1, Op::add, Value::integer(-10));
  two.set(two.row(0, {two.text("b")}), 0, Value::null());
  two.partition("t", 0, 1, 2);
  ASSERT_EQ(said(lane.sink->commit(two.batch(lane.owner))), "committed");
  EXPECT_THAT(rows("SELECT * FROM v ORDER BY id"), ElementsAre("a|Ann|-3", "b|~|0"));
}

// G1: an unexpected offset, another owner, a missing checkpoint: nothing of the batch is written.
TEST_F(PostgresCommit, EveryKindOfMismatchIsFencedAndWritesNothing) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store, 2);
  const auto attempt = [&](const Uuid& owner, std::int64_t expected, bool missing) {
    BatchBuilder b(views);
    b.set(b.row(0, {b.text("a")}), 0, b.text("x"));
    b.first("t", 0, 5).expected_missing = missing;
    b.batch(owner);
    auto batch = b.batch(owner);
    const_cast<PartitionCommit&>(batch.partitions[0]).expected_offset = expected;
    return said(lane.sink->commit(batch));
  };
  EXPECT_THAT(attempt(lane.owner, 0, false), StartsWith("fenced: the checkpoint of t/0 is missing, not at 0"));
  EXPECT_THAT(attempt(Uuid::random(), 0, true), StartsWith("fenced: the checkpoint of t/0 belongs to"));
  EXPECT_EQ(attempt(lane.owner, 0, true), "committed");
  run("DELETE FROM v");
  EXPECT_THAT(attempt(lane.owner, 0, true), StartsWith("fenced: the checkpoint of t/0 is at 5, not missing"));
  EXPECT_THAT(attempt(lane.owner, 4, false), StartsWith("fenced: the checkpoint of t/0 is at 5, not at 4"));
  run("DELETE FROM foldline.checkpoint WHERE partition = 0");
  EXPECT_THAT(attempt(lane.owner, 5, false), StartsWith("fenced: the checkpoint of t/0 is gone"));
  EXPECT_THAT(rows("SELECT * FROM v"), ElementsAre());
}

// G2: a batch mixes partitions, so one lost partition fences all of it.
TEST_F(PostgresCommit, OneLostPartitionFencesTheWholeBatch) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store, 2);
  auto other = store->new_sink();
  const std::vector<TopicPartition> lost = {{"t", 1}};
  ASSERT_TRUE((*other)->open({lost, Uuid::random(), 0}));
  BatchBuilder b(views);
  b.set(b.row(0, {b.text("a")}), 0, b.text("x"));
  b.first("t", 0, 5);
  b.first("t", 1, 5);
  EXPECT_THAT(said(lane.sink->commit(b.batch(lane.owner))), StartsWith("fenced: the checkpoint of t/1"));
  EXPECT_THAT(rows("SELECT * FROM v"), ElementsAre());
  EXPECT_THAT(rows("SELECT count(next_offset) FROM foldline.checkpoint"), ElementsAre("0"));
}

// G1: a zombie whose successor has committed nothing yet is fenced on the very first commit of the partition as well.
TEST_F(PostgresCommit, ZombieIsFencedBeforeAnyCheckpointExists) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto zombie = open_sink(*store);
  auto heir = open_sink(*store);
  BatchBuilder b(views);
  b.set(b.row(0, {b.text("a")}), 0, b.text("zombie"));
  b.first("t", 0, 5);
  EXPECT_THAT(said(zombie.sink->commit(b.batch(zombie.owner))), StartsWith("fenced"));
  BatchBuilder c(views);
  c.set(c.row(0, {c.text("a")}), 0, c.text("heir"));
  c.first("t", 0, 5);
  EXPECT_EQ(said(heir.sink->commit(c.batch(heir.owner))), "committed");
  EXPECT_THAT(rows("SELECT name FROM v"), ElementsAre("heir"));
}

// G5: the engine tries a batch again under its batch ID; what was committed is not committed twice.
TEST_F(PostgresCommit, TheSameBatchAgainIsCommittedOnce) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder b(views);
  b.merge(b.row(0, {b.text("a")}), 1, Op::add, Value::integer(1));
  b.first("t", 0, 5);
  EXPECT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_THAT(rows("SELECT total FROM v"), ElementsAre("1"));
}

TEST_F(PostgresCommit, RejectedBatchWritesNothingAndTheNextOneGoesOn) {
  const std::vector<ViewSchema> views = {simple_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder bad(views);
  bad.set(bad.row(0, {bad.text("good")}), 0, bad.text("x"));
  bad.set(bad.row(0, {bad.text("a")}), 0, Value::text(std::string_view("nul\0", 4)));
  bad.first("t", 0, 5);
  EXPECT_THAT(said(lane.sink->commit(bad.batch(lane.owner))), HasSubstr("SQLSTATE 22021"));
  BatchBuilder null(views);
  null.set(null.row(0, {null.text("a")}), 1, Value::null());
  null.first("t", 0, 5);
  EXPECT_THAT(said(lane.sink->commit(null.batch(lane.owner))), StartsWith("rejected: writing view v: null value in column \"total\""));
  EXPECT_THAT(rows("SELECT * FROM v"), ElementsAre());
  BatchBuilder good(views);
  good.set(good.row(0, {good.text("a")}), 0, good.text("x"));
  good.first("t", 0, 5);
  EXPECT_EQ(said(lane.sink->commit(good.batch(lane.owner))), "committed");
}

// G19: the stored sum is checked by the column's own type; the folded one before any round trip.
TEST_F(PostgresCommit, SumsThatLeaveTheirTypeAreRejected) {
  const std::vector<ViewSchema> views = {
      view("v", {{"id", TypeKind::int32}}, {sum_field("small", TypeKind::int32), sum_field("big", TypeKind::bigint)})};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  const auto add = [&](std::size_t field, Value operand, std::int64_t expected) {
    BatchBuilder b(views);
    b.merge(b.row(0, {Value::integer(1)}), field, Op::add, operand);
    b.partition("t", 0, expected, expected + 1).expected_missing = expected == 0;
    return said(lane.sink->commit(b.batch(lane.owner)));
  };
  EXPECT_EQ(add(0, Value::integer(2'000'000'000), 0), "committed");
  EXPECT_THAT(add(0, Value::integer(2'000'000'000), 1), HasSubstr("SQLSTATE 22003"));
  EXPECT_THAT(add(0, Value::integer(3'000'000'000), 1),
              StartsWith("rejected: view v, column small: 3000000000 is out of the range of integer"));
  EXPECT_EQ(add(1, Value::integer(INT64_MAX), 1), "committed");
  EXPECT_THAT(add(1, Value::integer(1), 2), HasSubstr("SQLSTATE 22003"));
  const Value folded = Value::decimal({static_cast<int128>(INT64_MAX) + 1, 0});
  EXPECT_THAT(add(1, folded, 2), StartsWith("rejected: view v, column big: 9223372036854775808 is out of the range of bigint"));
  EXPECT_THAT(rows("SELECT small, big FROM v"), ElementsAre("2000000000|9223372036854775807"));
}

// 54000, docs/decisions/0050: the entry is too long for a secondary index. Data, not the server, is at fault.
TEST_F(PostgresCommit, RowTooLongForAnIndexIsRejected) {
  auto schema = simple_view();
  schema.indexes = {{{"name"}, false}};
  const std::vector<ViewSchema> views = {schema};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  std::string noise;
  for (int i = 0; i < 400; ++i) noise += Uuid::random().to_string();
  BatchBuilder b(views);
  b.set(b.row(0, {b.text("a")}), 0, b.text(noise));
  b.first("t", 0, 5);
  const auto result = lane.sink->commit(b.batch(lane.owner));
  EXPECT_THAT(said(result), HasSubstr("SQLSTATE 54000"));
  EXPECT_EQ(result.status, CommitStatus::rejected);
}

TEST_F(PostgresCommit, UniqueIndexViolationIsRejectedWithoutTheRowsValues) {
  auto schema = simple_view();
  schema.indexes = {{{"name"}, true}};
  const std::vector<ViewSchema> views = {schema};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder b(views);
  b.set(b.row(0, {b.text("a")}), 0, b.text("secret-name"));
  b.set(b.row(0, {b.text("b")}), 0, b.text("secret-name"));
  b.first("t", 0, 5);
  const auto result = lane.sink->commit(b.batch(lane.owner));
  EXPECT_EQ(result.status, CommitStatus::rejected);
  EXPECT_THAT(said(result), HasSubstr("constraint v_name_key"));
  EXPECT_THAT(said(result), ::testing::Not(HasSubstr("secret-name")));
}

// Two keys that differ in Foldline and are one in PostgreSQL. Halved apart they are fine, so the batch is rejected, not retried for ever.
TEST_F(PostgresCommit, KeysThatAreOneInPostgresAreHalvedApart) {
  const std::vector<ViewSchema> views = {view("v", {{"address", TypeKind::inet}}, {sum_field("hits", TypeKind::bigint)})};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder both(views);
  both.merge(both.row(0, {both.text("10.0.0.1")}), 0, Op::add, Value::integer(1));
  both.merge(both.row(0, {both.text("10.0.0.1/32")}), 0, Op::add, Value::integer(1));
  both.first("t", 0, 2);
  EXPECT_EQ(lane.sink->commit(both.batch(lane.owner)).status, CommitStatus::rejected);
  std::int64_t at = 0;
  for (const char* address : {"10.0.0.1", "10.0.0.1/32"}) {
    BatchBuilder one(views);
    one.merge(one.row(0, {one.text(address)}), 0, Op::add, Value::integer(1));
    one.partition("t", 0, at, at + 1).expected_missing = at == 0;
    ++at;
    EXPECT_EQ(said(lane.sink->commit(one.batch(lane.owner))), "committed");
  }
  EXPECT_THAT(rows("SELECT hits FROM v"), ElementsAre("2"));
}

TEST_F(PostgresCommit, HardDeletesTouchTheirKeysOnly) {
  const std::vector<ViewSchema> views = {view("v", {{"a", TypeKind::text}, {"b", TypeKind::int32}}, {field("x", type_of(TypeKind::text))})};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder one(views);
  for (int i = 0; i < 3; ++i) one.set(one.row(0, {one.text("k"), Value::integer(i)}), 0, one.text("x"));
  one.first("t", 0, 1);
  ASSERT_EQ(said(lane.sink->commit(one.batch(lane.owner))), "committed");
  BatchBuilder two(views);
  two.row(0, {two.text("k"), Value::integer(1)}).base = RowBase::erase;
  two.row(0, {two.text("missing"), Value::integer(1)}).base = RowBase::erase;
  two.set(two.row(0, {two.text("k"), Value::integer(2)}), 0, two.text("y"));
  two.partition("t", 0, 1, 2);
  ASSERT_EQ(said(lane.sink->commit(two.batch(lane.owner))), "committed");
  EXPECT_THAT(rows("SELECT * FROM v ORDER BY b"), ElementsAre("k|0|x", "k|2|y"));
}

// SQL metacharacters in every name and value that reaches the server.
TEST_F(PostgresCommit, MetacharactersInNamesAndValuesAreOnlyText) {
  auto schema = view("v\"; DROP TABLE x; --", {{"k' \\", TypeKind::text}},
                     {field("select", type_of(TypeKind::text)), field("f\"'$1", type_of(TypeKind::text))});
  schema.store_name = "we\"ird'.ta ble\\";
  schema.doc = "it's \\ a \"doc\"; DROP SCHEMA foldline; --";
  schema.fields[1].default_value = Value::text("de'fault\\ \"x\"");
  schema.fields[1].not_null = true;
  schema.fields[1].doc = "O'Brien\\";
  schema.indexes = {{{"select", "f\"'$1"}, false}};
  const std::vector<ViewSchema> views = {schema};
  auto store = prepared_store(views, "pro'jection\"; \\");
  auto again = prepared_store(views, "pro'jection\"; \\");
  auto lane = open_sink(*again);
  const std::string nasty = "'; DROP TABLE v; -- \\ \" $1 \n\t \xF0\x9F\x98\x80";
  BatchBuilder b(views);
  b.set(b.row(0, {b.text(nasty)}), 0, b.text(nasty));
  b.first("t", 0, 5);
  ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_EQ(value("SELECT * FROM \"we\"\"ird'\".\"ta ble\\\""), nasty + "|" + nasty + "|de'fault\\ \"x\"");
  EXPECT_EQ(value("SELECT obj_description('\"we\"\"ird''\".\"ta ble\\\"'::regclass)"), schema.doc);
}

TEST_F(PostgresCommit, EveryTypeRoundTrips) {
  using enum TypeKind;
  std::vector<Field> fields;
  for (const TypeKind kind :
       {boolean, int32, bigint, numeric, floating, text, keyword, uuid, date, timestamptz, interval, json, bytes, inet}) {
    fields.push_back(field("f" + std::to_string(fields.size()), type_of(kind)));
  }
  fields.push_back(field("f14", list_type(text)));
  fields.push_back(field("f15", list_type(bigint)));
  fields.push_back(field("f16", numeric_type(12, 2)));
  fields.push_back(field("f17", list_type(text)));
  const std::vector<ViewSchema> views = {view("v", {{"id", bigint}}, fields)};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  BatchBuilder b(views);
  const std::vector<Value> texts = {b.text("a,b"), Value::null(), b.text("{\"")};
  const std::vector<Value> numbers = {Value::integer(-1), Value::integer(INT64_MAX)};
  const std::vector<Value> values = {Value::boolean(true),
                                     Value::integer(-2'147'483'648),
                                     Value::integer(INT64_MIN),
                                     Value::decimal(*Decimal::parse("-123456789012345678901234567890.12345678")),
                                     Value::floating(0.1),
                                     b.text("zürich"),
                                     b.text(""),
                                     Value::uuid(*Uuid::parse("00112233-4455-6677-8899-aabbccddeeff")),
                                     Value::date(20'545),
                                     Value::timestamp(1'775'207'700'250'000),
                                     Value::interval(-90'000'000),
                                     Value::json(R"({"a": [1, 2.50, "x"]})"),
                                     Value::bytes(std::string_view("\0\xff", 2)),
                                     b.text("2001:db8::/32"),
                                     Value::list(texts),
                                     Value::list(numbers),
                                     Value::decimal({2999, 2}),
                                     Value::list({})};
  auto& row = b.row(0, {Value::integer(1)});
  auto& nulls = b.row(0, {Value::integer(2)});
  for (std::size_t i = 0; i < values.size(); ++i) {
    b.set(row, i, values[i]);
    b.set(nulls, i, Value::null());
  }
  b.first("t", 0, 1);
  ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed");
  EXPECT_THAT(
      rows("SELECT * FROM v ORDER BY id"),
      ElementsAre("1|t|-2147483648|-9223372036854775808|-123456789012345678901234567890.12345678|0.1|zürich||"
                  "00112233-4455-6677-8899-aabbccddeeff|2026-04-02|2026-04-03 09:15:00.25+00|-00:01:30|{\"a\": [1, 2.50, \"x\"]}|\\x00ff|"
                  "2001:db8::/32|{\"a,b\",NULL,\"{\\\"\"}|{-1,9223372036854775807}|29.99|{}",
                  "2|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~"));
}

// More shapes than the connection keeps statements for: the oldest are dropped, the results stay right.
TEST_F(PostgresCommit, ManyShapesFitIntoOneBatchAndTheCache) {
  std::vector<Field> fields;
  for (int i = 0; i < 9; ++i) fields.push_back(field("f" + std::to_string(i), type_of(TypeKind::int32)));
  const std::vector<ViewSchema> views = {view("v", {{"id", TypeKind::int32}}, fields)};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  for (int round = 0; round < 3; ++round) {
    BatchBuilder b(views);
    for (int id = 0; id < 512; ++id) {
      auto& row = b.row(0, {Value::integer(id)});
      for (int bit = 0; bit < 9; ++bit) {
        if ((id >> bit & 1) != 0) b.set(row, static_cast<std::size_t>(bit), Value::integer(round));
      }
    }
    b.partition("t", 0, round, round + 1).expected_missing = round == 0;
    ASSERT_EQ(said(lane.sink->commit(b.batch(lane.owner))), "committed") << round;
  }
  EXPECT_EQ(value("SELECT count(*), sum(f0), sum(f8) FROM v"), "512|512|512");
}

}  // namespace
}  // namespace foldline::postgres
