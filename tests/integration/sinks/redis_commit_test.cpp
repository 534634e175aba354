// The commit's promises on a real server: compare-and-set, two phases, lost answers, what is refused and what is waited out.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/id_chunk.h"
#include "sinks/redis/commit_script.h"
#include "tests/integration/sinks/cutting_proxy.h"
#include "tests/integration/sinks/redis_fixture.h"

namespace foldline::redis {
namespace {

using postgres::CuttingProxy;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kMax = 9'223'372'036'854'775'807;

class RedisCommit : public RedisFixture {
 protected:
  void open(const std::vector<ViewSchema>& schemas, int partitions = 1) {
    views = schemas;
    store = prepared_store(views);
    lane = open_sink(*store, partitions);
    BatchBuilder start(views);
    for (int p = 0; p < partitions; ++p) start.first(p, 0);
    ASSERT_EQ(said(lane.sink->commit(start.batch(lane.owner))), "committed");
  }

  void commit_an_id_at_5_of_10() {
    BatchBuilder builder(views);
    IdPacker packer;
    packer.add(Hash128{1, 1}, 5);
    PartitionCommit& part = builder.partition(0, 0, 10);
    part.ids = packer.bytes();
    part.ids_first_offset = part.ids_last_offset = 5;
    ASSERT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");
  }

  // IDs of the offsets [from, to) in one chunk: a new one, or appended to that which begins at `tail`. Chunks below `trim` go first.
  void commit_ids(std::int64_t from, std::int64_t to, std::int64_t tail, std::int64_t trim) {
    IdPacker packer;
    for (std::int64_t o = from; o < to; ++o) packer.add(Hash128{1, static_cast<std::uint64_t>(o)}, o);
    BatchBuilder builder(views);
    PartitionCommit& part = builder.partition(0, from, to);
    part.ids = packer.bytes();
    part.ids_first_offset = from;
    part.ids_last_offset = to - 1;
    part.tail_first_offset = tail;
    part.trim_ids_below = trim;
    EXPECT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");
  }

  // Adds `delta` to the counter `key` of view 0, offsets [next, next + 1).
  CommitResult add(const std::string& key, std::int64_t delta) {
    BatchBuilder builder(views);
    builder.merge(builder.row(0, {builder.text(key)}), 0, Op::add, Value::integer(delta));
    builder.partition(0, next, next + 1);
    CommitResult result = lane.sink->commit(builder.batch(lane.owner));
    if (result.status == CommitStatus::committed) ++next;
    return result;
  }

  std::string stored_offset(int partition = 0) {
    return server.ask({"HGET", fmt::format("foldline:{{p:g1:b0}}:checkpoint:{}:t", partition), "next_offset"});
  }

  std::vector<ViewSchema> views;
  std::unique_ptr<RedisStore> store;
  OpenedSink lane;
  std::int64_t next = 0;
};

TEST_F(RedisCommit, TheSameBatchAgainIsCommittedOnceG5) {
  open({counter_view()});
  BatchBuilder builder(views);
  builder.merge(builder.row(0, {builder.text("a")}), 0, Op::add, Value::integer(5));
  builder.partition(0, 0, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");
  EXPECT_EQ(server.show("p:count:a"), "5");
}

TEST_F(RedisCommit, AnotherOwnerFencesAndNothingIsWrittenG1) {
  open({counter_view()});
  OpenedSink other = open_sink(*store);
  ASSERT_TRUE(other.opened[0].found);
  const CommitResult result = add("a", 5);
  EXPECT_THAT(said(result), StartsWith("fenced: the checkpoint of t"));
  EXPECT_THAT(result.error.message, HasSubstr(other.owner.to_string()));
  EXPECT_EQ(server.show("p:count:a"), "(none)");
  EXPECT_EQ(stored_offset(), "0");
}

TEST_F(RedisCommit, ACheckpointElsewhereFencesEvenForTheOwnerG1) {
  open({counter_view()});
  ASSERT_EQ(said(add("a", 1)), "committed");
  next = 5;
  EXPECT_THAT(said(add("a", 1)), HasSubstr("is at 1, not at 5"));
  EXPECT_EQ(server.show("p:count:a"), "1");
}

TEST_F(RedisCommit, OneLostPartitionFencesTheWholeBatchG2) {
  open({counter_view()}, 2);
  const std::vector<TopicPartition> lost = {lane.partitions[1]};
  auto other = std::move(*store->new_sink());
  ASSERT_TRUE(other->open({lost, Uuid::random(), 0}));
  BatchBuilder builder(views);
  builder.merge(builder.row(0, {builder.text("a")}), 0, Op::add, Value::integer(5));
  builder.partition(0, 0, 1);
  builder.partition(1, 0, 1);
  EXPECT_THAT(said(lane.sink->commit(builder.batch(lane.owner))), StartsWith("fenced"));
  EXPECT_EQ(server.show("p:count:a"), "(none)");
  EXPECT_EQ(stored_offset(0), "0");
}

TEST_F(RedisCommit, AFirstCommitIsFencedTooG1) {
  store = prepared_store({counter_view()});
  views = {counter_view()};
  OpenedSink first = open_sink(*store);
  OpenedSink second = open_sink(*store);
  BatchBuilder builder(views);
  builder.first(0, 10);
  EXPECT_THAT(said(first.sink->commit(builder.batch(first.owner))), StartsWith("fenced"));
  EXPECT_EQ(said(second.sink->commit(builder.batch(second.owner))), "committed");
}

TEST_F(RedisCommit, AFlushedStoreFencesG3) {
  open({counter_view()});
  server.ask({"FLUSHALL"});
  EXPECT_THAT(said(add("a", 1)), HasSubstr("is gone"));
  const auto reloaded = lane.sink->reload(lane.partitions);
  ASSERT_TRUE(reloaded);
  EXPECT_FALSE((*reloaded)[0].found);
}

TEST_F(RedisCommit, TheCheckpointComesBackWhole) {
  open({counter_view()});
  BatchBuilder builder(views);
  PartitionCommit& part = builder.partition(0, 0, kMax - 1);
  part.after.topic_id = "id: \r\n\xff";
  part.after.leader_epoch = 7;
  part.after.anchor_offset = kMax - 2;
  part.after.anchor_hash = UINT64_MAX;
  part.after.max_event_time_us = INT64_MIN;
  ASSERT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");
  const auto all = store->checkpoints();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  const Checkpoint& found = (*all)[0].checkpoint;
  EXPECT_EQ((*all)[0].topic_partition, (TopicPartition{"t", 0}));
  EXPECT_EQ(found.next_offset, kMax - 1);
  EXPECT_EQ(found.topic_id, part.after.topic_id);
  EXPECT_EQ(found.leader_epoch, 7);
  EXPECT_EQ(found.anchor_offset, kMax - 2);
  EXPECT_EQ(found.anchor_hash, UINT64_MAX);
  EXPECT_EQ(found.max_event_time_us, INT64_MIN);
  EXPECT_EQ(found.batch_id, builder.batch_id);
  EXPECT_EQ(found.owner, lane.owner);
}

// --- phase one refuses, and nothing is written (G21)

TEST_F(RedisCommit, OverflowIsRejectedAtTheEdgeOf64Bits) {
  open({counter_view()});
  ASSERT_EQ(said(add("a", kMax)), "committed");
  const CommitResult over = add("a", 1);
  EXPECT_THAT(said(over), StartsWith("rejected: the key p:count:a holds 9223372036854775807"));
  EXPECT_EQ(server.show("p:count:a"), std::to_string(kMax));
  EXPECT_EQ(stored_offset(), "1");
  ASSERT_EQ(said(add("a", -kMax)), "committed");
  EXPECT_EQ(server.show("p:count:a"), "0");
  ASSERT_EQ(said(add("a", INT64_MIN)), "committed");
  EXPECT_THAT(said(add("a", -1)), StartsWith("rejected"));
  ASSERT_EQ(said(add("a", kMax)), "committed");
  EXPECT_EQ(server.show("p:count:a"), "-1");
}

TEST_F(RedisCommit, DigitsPast2To53AreExact) {
  open({counter_view()});
  std::int64_t sum = 0;
  for (const std::int64_t delta :
       {std::int64_t{9'007'199'254'740'992}, std::int64_t{1}, std::int64_t{1}, std::int64_t{999'999'999'999'999},
        std::int64_t{-1'000'000'000'000'001}, std::int64_t{-9'007'199'254'740'999}, std::int64_t{-1'000'000'000}}) {
    ASSERT_EQ(said(add("a", delta)), "committed");
    sum += delta;
    EXPECT_EQ(server.show("p:count:a"), std::to_string(sum));
  }
}

TEST_F(RedisCommit, AWrongTypeInTheMiddleOfABatchIsNamedAndNothingIsWritten) {
  const ViewSchema hash =
      view("h", "hash", {{"id", TypeKind::text}}, {field("name", type_of(TypeKind::text)), sum_field("n", type_of(TypeKind::bigint))});
  const ViewSchema json = view("j", "json", {{"id", TypeKind::text}}, {field("name", type_of(TypeKind::text))});
  const ViewSchema board = view("z", "sorted_set", {{"member", TypeKind::text}}, {sum_field("score", type_of(TypeKind::bigint))});
  const ViewSchema fans = view("s", "set", {{"member", TypeKind::text}}, {});
  const ViewSchema plain = view("plain", "hash", {{"id", TypeKind::text}}, {field("name", type_of(TypeKind::text))});  // nothing to read
  open({counter_view(), hash, json, board, fans, plain});
  const std::vector<std::pair<std::uint32_t, std::string>> keys = {{0, "p:count:k"}, {1, "p:h:k"}, {2, "p:j:k"},
                                                                   {3, "p:z"},       {4, "p:s"},   {5, "p:plain:k"}};
  for (const auto& [planted, key] : keys) {
    server.ask({"FLUSHDB"});
    store = prepared_store(views);
    lane = open_sink(*store);
    BatchBuilder start(views);
    start.first(0, 0);
    ASSERT_EQ(said(lane.sink->commit(start.batch(lane.owner))), "committed");
    server.ask({"RPUSH", key, "a list"});
    BatchBuilder builder(views);
    for (std::uint32_t v = 0; v < views.size(); ++v) {
      FoldedRow& row = builder.row(v, {builder.text("k")});
      if (v == 1) builder.merge(row, 1, Op::add, Value::integer(1));
      if (v == 2 || v == 5) builder.set(row, 0, builder.text("x"));
      if (v == 0 || v == 3) builder.merge(row, 0, Op::add, Value::integer(1));
    }
    builder.partition(0, 0, 1);
    const std::string answer = said(lane.sink->commit(builder.batch(lane.owner)));
    EXPECT_THAT(answer, StartsWith("rejected")) << key;
    EXPECT_THAT(answer, HasSubstr(key));
    for (const auto& [other, name] : keys) {
      EXPECT_EQ(server.show(name), other == planted ? "a list" : "(none)");
    }
    EXPECT_EQ(server.ask({"LRANGE", key, "0", "-1"}), "[a list]");
    EXPECT_EQ(stored_offset(), "0");
  }
}

// G21: it is added to without a look, so the refusal comes in the middle of the writing.
TEST_F(RedisCommit, AKnownCounterThatAnotherProgramSpoiltIsRejectedAndWhatWasAddedIsTakenBack) {
  const ViewSchema hash = view("h", "hash", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  const ViewSchema second = view("second", "counter", {{"id", TypeKind::text}}, {sum_field("value", type_of(TypeKind::bigint))});
  open({counter_view(), hash, second});
  // 1 is added by a command of its own, so some keys get 1.
  const auto add_to_all = [&](std::int64_t delta, std::string_view ones = "bd") {
    BatchBuilder builder(views);
    for (const char* key : {"a", "b", "c", "d"}) {
      const auto value = Value::integer(ones.find(key[0]) == std::string_view::npos ? delta : 1);
      for (const std::uint32_t v : {0U, 1U, 2U}) builder.merge(builder.row(v, {builder.text(key)}), 0, Op::add, value);
    }
    builder.partition(0, next, next + 1);
    const CommitResult result = lane.sink->commit(builder.batch(lane.owner));
    next += result.status == CommitStatus::committed ? 1 : 0;
    return said(result);
  };
  const auto all = [&] {
    std::string out;
    for (const char* key : {"a", "b", "c", "d"}) {
      for (const char* name : {"p:count:", "p:h:", "p:second:"}) out += server.show(std::string(name) + key) + " ";
    }
    return out;
  };
  ASSERT_EQ(add_to_all(7), "committed");
  ASSERT_EQ(add_to_all(-3), "committed");
  ASSERT_EQ(server.show("p:second:c"), "4");
  const std::vector<std::pair<std::vector<std::string>, std::string>> spoilt = {
      {{"RPUSH", "p:second:c", "a list"}, "is a list, and the view keeps a counter there"},
      {{"SET", "p:second:c", "3.5"}, "holds a text that is no whole number"},
      {{"SET", "p:second:c", std::to_string(kMax)}, "holds 9223372036854775807, and adding "},
  };
  for (const auto& [command, why] : spoilt) {
    server.ask({"DEL", "p:second:c"});
    server.ask({command[0], command[1], command[2]});
    const std::string before = all();
    for (const char* ones : {"", "bd", "ac", "abcd"}) {
      EXPECT_THAT(add_to_all(2, ones), StartsWith("rejected: the key p:second:c " + why)) << "1 is added to " << ones;
      EXPECT_EQ(all(), before) << "1 is added to " << ones;
      EXPECT_EQ(stored_offset(), "2");
    }
  }
  server.ask({"SET", "p:second:c", "4"});
  ASSERT_EQ(add_to_all(2), "committed");
  EXPECT_EQ(all(), "6 n=6 6 3 n=3 3 6 n=6 6 3 n=3 3 ");
}

// What was encoded while the batch before was under way knows nothing of it: which counters are known is a hint, nothing more.
TEST_F(RedisCommit, WhatIsEncodedAheadIsRightWhateverTheBatchBeforeMadeOfItsCounters) {
  open({counter_view()});
  const auto add = [&](BatchBuilder& builder, const char* key) {
    builder.merge(builder.row(0, {builder.text(key)}), 0, Op::add, Value::integer(1));
  };
  const auto commit = [&](BatchBuilder& builder, EncodedRows* encoded) {
    builder.partition(0, next, next + 1);
    CommitBatch batch = builder.batch(lane.owner);
    batch.encoded = encoded;
    const CommitResult result = lane.sink->commit(batch);
    next += result.status == CommitStatus::committed ? 1 : 0;
    return said(result);
  };
  BatchBuilder first(views);
  for (const char* key : {"stays", "goes", "spoilt"}) add(first, key);
  ASSERT_EQ(commit(first, nullptr), "committed");

  std::unique_ptr<EncodedRows> ahead;
  for (const bool spoil : {false, true}) {
    BatchBuilder second(views);
    for (const char* key : {"stays", "goes", "spoilt", "comes"}) add(second, key);
    ASSERT_TRUE(lane.sink->encode_ahead(second.batch(lane.owner).views, ahead));
    BatchBuilder meanwhile(views);
    meanwhile.row(0, {meanwhile.text("goes")}).base = RowBase::erase;
    add(meanwhile, "comes");
    ASSERT_EQ(commit(meanwhile, nullptr), "committed");
    if (spoil) {
      server.ask({"SET", "p:count:spoilt", "no number"});
      EXPECT_THAT(commit(second, ahead.get()), StartsWith("rejected: the key p:count:spoilt "));
      server.ask({"SET", "p:count:spoilt", "2"});
    }
    ASSERT_EQ(commit(second, ahead.get()), "committed") << "again, as it is";
    EXPECT_EQ(server.show("p:count:goes"), "1");
  }
  EXPECT_EQ(server.show("p:count:stays"), "3");
  EXPECT_EQ(server.show("p:count:comes"), "4");
  EXPECT_EQ(server.show("p:count:spoilt"), "3");
}

TEST_F(RedisCommit, OutOfMemoryIsRefusedBeforeAKnownCounterIsAddedToG21) {
  open({counter_view()});
  ASSERT_EQ(said(add("a", 5)), "committed");
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_THAT(said(add("a", 5)), HasSubstr("OOM"));
  EXPECT_EQ(server.show("p:count:a"), "5");
  EXPECT_EQ(stored_offset(), "1");
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(said(add("a", 5)), "committed");
  EXPECT_EQ(server.show("p:count:a"), "10");
}

TEST_F(RedisCommit, ATextWhereANumberShouldBeIsRejected) {
  const ViewSchema hash = view("h", "hash", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  open({counter_view(), hash});
  server.ask({"SET", "p:count:a", "3.5"});
  EXPECT_THAT(said(add("a", 1)), HasSubstr("holds a text that is no whole number"));
  server.ask({"HSET", "p:h:a", "n", "many"});
  BatchBuilder builder(views);
  builder.merge(builder.row(1, {builder.text("a")}), 0, Op::add, Value::integer(1));
  builder.partition(0, 0, 1);
  EXPECT_THAT(said(lane.sink->commit(builder.batch(lane.owner))), HasSubstr("field n holds a text"));
}

TEST_F(RedisCommit, BoundsOfSmallerTypesAndScoresAreKept) {
  const ViewSchema hash =
      view("h", "hash", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::int32)), sum_field("paid", numeric_type(4, 2))});
  const ViewSchema board = view("z", "sorted_set", {{"member", TypeKind::text}}, {sum_field("score", type_of(TypeKind::bigint))});
  open({counter_view(), hash, board});
  const auto commit = [&](std::uint32_t v, std::size_t f, const Value& delta) {
    BatchBuilder builder(views);
    builder.merge(builder.row(v, {builder.text("k")}), f, Op::add, delta);
    builder.partition(0, next, next + 1);
    const CommitResult result = lane.sink->commit(builder.batch(lane.owner));
    next += result.status == CommitStatus::committed ? 1 : 0;
    return said(result);
  };
  EXPECT_EQ(commit(1, 0, Value::integer(2'147'483'647)), "committed");
  EXPECT_THAT(commit(1, 0, Value::integer(1)), StartsWith("rejected"));
  EXPECT_EQ(commit(1, 1, Value::decimal(Decimal{9'999, 2})), "committed");
  EXPECT_THAT(commit(1, 1, Value::decimal(Decimal{1, 2})), StartsWith("rejected"));
  EXPECT_EQ(server.show("p:h:k"), "n=2147483647 paid=9999");
  EXPECT_EQ(commit(2, 0, Value::integer(kMaxScore)), "committed");
  EXPECT_THAT(commit(2, 0, Value::integer(1)), StartsWith("rejected"));
}

TEST_F(RedisCommit, OutOfMemoryIsRefusedAtTheFirstWriteAndWaitedOutG21) {
  open({counter_view()});
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  const CommitResult refused = add("a", 5);
  EXPECT_THAT(said(refused), StartsWith("retry: committing: Redis says OOM"));
  EXPECT_EQ(server.show("p:count:a"), "(none)");
  EXPECT_EQ(stored_offset(), "0");
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(said(add("a", 5)), "committed");
}

TEST_F(RedisCommit, AReplicaIsWaitedOutAndLeftG23) {
  open({counter_view()});
  server.ask({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_THAT(said(add("a", 5)), HasSubstr("READONLY"));
  EXPECT_THAT(said(add("a", 5)), HasSubstr("this Redis is a replica (")) << "a new connection asks who is there";
  server.ask({"REPLICAOF", "NO", "ONE"});
  EXPECT_EQ(said(add("a", 5)), "committed");
  EXPECT_EQ(server.show("p:count:a"), "5");
}

TEST_F(RedisCommit, ALostScriptIsLoadedAgain) {
  open({counter_view()});
  ASSERT_EQ(said(add("a", 1)), "committed");
  server.ask({"SCRIPT", "FLUSH"});
  ASSERT_EQ(said(add("a", 1)), "committed");
  EXPECT_EQ(server.show("p:count:a"), "2");
}

TEST_F(RedisCommit, AServerThatIsAwayIsWaitedFor) {
  open({counter_view()});
  server.stop();
  EXPECT_THAT(said(add("a", 1)), StartsWith("retry"));
  EXPECT_FALSE(store->ping());
  server.start();  // nothing was saved: it comes back empty
  EXPECT_THAT(said(add("a", 1)), StartsWith("fenced"));
  EXPECT_TRUE(store->ping());
}

TEST_F(RedisCommit, AConnectionThatDiedWhileIdleIsNoError) {
  open({counter_view()});
  server.ask({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_EQ(said(add("a", 1)), "committed");
}

// --- processed IDs (G15)

TEST_F(RedisCommit, ProcessedIdsAreAppendedTrimmedAndLoaded) {
  open({counter_view()});
  commit_ids(0, 10, -1, -1);
  commit_ids(10, 20, 0, -1);  // grows the first chunk
  commit_ids(20, 30, -1, -1);
  commit_ids(30, 40, -1, 20);  // the first chunk goes
  auto other = std::move(*store->new_sink());
  const auto opened = other->open({lane.partitions, Uuid::random(), 1'000});
  ASSERT_TRUE(opened);
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> offsets;
  for (const IdChunk& chunk : (*opened)[0].ids) {
    firsts.push_back(chunk.first_offset);
    ASSERT_TRUE(unpack_ids(chunk.packed, [&](const Hash128&, std::int64_t offset, bool) { offsets.push_back(offset); }));
  }
  EXPECT_EQ(firsts, (std::vector<std::int64_t>{20, 30}));
  EXPECT_EQ(offsets.size(), 20U);
  const auto chunks_within = [&](std::int64_t window) { return (*other->open({lane.partitions, Uuid::random(), window}))[0].ids.size(); };
  EXPECT_EQ(chunks_within(5), 1U);
  EXPECT_EQ(chunks_within(10), 1U);
  EXPECT_EQ(chunks_within(11), 2U) << "[29, 40) reaches the last ID of the chunk before";
}

// Held against the rule: what goes ends below the line, wherever that falls, and whatever order Redis lists a hash's fields in.
TEST_F(RedisCommit, EveryChunkThatEndsBelowTheLineIsTrimmedAndNoOtherG15) {
  constexpr std::int64_t kChunkIds = 7;
  const std::string kIds = "foldline:{p:g1:b0}:ids:0:t";
  open({counter_view()});
  std::vector<std::int64_t> kept;
  std::int64_t begin = 0;
  for (const std::int64_t trim : {-1, -1, -1, -1, 0, 6, 7, 8, 20, 21, 22, -1, -1, 62, 63, 500}) {
    commit_ids(begin, begin + kChunkIds, -1, trim);
    // Before this commit's chunk is added, the last one has no next one to end at, and stays.
    std::vector<std::int64_t> stay;
    for (const std::int64_t first : kept) {
      if (first + kChunkIds > trim || first == kept.back()) stay.push_back(first);
    }
    kept = std::move(stay);
    kept.push_back(begin);
    EXPECT_EQ(server.ask({"HLEN", kIds}), std::to_string(kept.size())) << "below " << trim;
    for (const std::int64_t first : kept) {
      EXPECT_EQ(server.ask({"HEXISTS", kIds, fmt::format("{:019}", first)}), "1") << first << " below " << trim;
    }
    begin += kChunkIds;
  }
}

TEST_F(RedisCommit, IdsPastACheckpointThatWasMovedBackAreDroppedG15) {
  open({counter_view()});
  commit_an_id_at_5_of_10();
  BatchBuilder back(views);
  back.partition(0, 10, 3);
  ASSERT_EQ(said(lane.sink->commit(back.batch(lane.owner))), "committed");
  EXPECT_EQ(server.show("foldline:{p:g1:b0}:ids:0:t"), "(none)");
}

// The store itself went back (a failover): nobody committed a smaller offset, so whoever opens next drops what is past it.
TEST_F(RedisCommit, IdsPastACheckpointThatFellBackAreDroppedOnTakeoverG15) {
  open({counter_view()});
  commit_an_id_at_5_of_10();
  server.ask({"HSET", "foldline:{p:g1:b0}:checkpoint:0:t", "next_offset", "3"});
  auto other = std::move(*store->new_sink());
  const auto opened = other->open({lane.partitions, Uuid::random(), 1'000});
  ASSERT_TRUE(opened);
  EXPECT_TRUE((*opened)[0].ids.empty());
  EXPECT_EQ(server.show("foldline:{p:g1:b0}:ids:0:t"), "(none)");
}

// --- rows that are read first

// The script alone, told that a row was read as something else than what stands there.
TEST_F(RedisCommit, ARowThatIsNotAsItWasReadIsNotWritten) {
  const std::string owner = Uuid::random().to_string();
  server.ask({"HSET", "cp", "owner", owner});
  server.ask({"SET", "json", "{\"n\":2}"});
  server.ask({"HSET", "hash", "n", "2"});
  const std::vector<std::string> partition = {"1", owner, Uuid::random().to_string(), "", "1", "", "-1", "-1", "0", "0", "", "=0", "", ""};
  const auto run = [&](const std::string& key, const std::vector<std::string>& group) {
    std::vector<std::string> words = {"EVAL", std::string(kCommitScript), "3", "cp", "ids", key};
    words.insert(words.end(), partition.begin(), partition.end());
    words.insert(words.end(), group.begin(), group.end());
    return server.ask(words);
  };
  EXPECT_EQ(run("json", {"J", "1", "n", "w", "={\"n\":1}", "={\"n\":9}"}), "[changed, json]");
  EXPECT_EQ(run("json", {"J", "1", "n", "w", "-", "={\"n\":9}"}), "[changed, json]");
  EXPECT_EQ(run("missing", {"J", "1", "n", "d", "={\"n\":1}", "-"}), "[changed, missing]");
  EXPECT_EQ(run("hash", {"B", "1", "n", "1", "n", "w", "=1", "=9"}), "[changed, hash]");
  EXPECT_EQ(run("hash", {"B", "1", "n", "1", "n", "w", "-", "=9"}), "[changed, hash]");
  EXPECT_EQ(server.show("json") + server.show("hash") + server.show("cp"), "{\"n\":2}n=2owner=" + owner);
  EXPECT_EQ(run("hash", {"B", "1", "n", "1", "n", "w", "=2", "=9"}), "[committed]");
  EXPECT_EQ(server.show("hash"), "n=9");
}

TEST_F(RedisCommit, ARowThatSomebodyElseLaidOutIsReadAllTheSame) {
  const ViewSchema json = view("j", "json", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  open({json});
  for (int i = 1; i <= 3; ++i) {
    ASSERT_EQ(said(add("a", 1)), "committed");
    EXPECT_EQ(server.show("p:j:a"), fmt::format("{{\"n\":{}}}", i));
    server.ask({"SET", "p:j:a", fmt::format(" {{ \"n\" : {} , \"other\":[1,{{\"x\":\"}}\"}}]}} ", i)});
  }
}

TEST_F(RedisCommit, AnAppliedBatchIsNotAppliedToItsOwnRowsG5) {
  const ViewSchema json = view("j", "json", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  open({json});
  BatchBuilder builder(views);
  builder.merge(builder.row(0, {builder.text("a")}), 0, Op::add, Value::integer(kMax));
  builder.partition(0, 0, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");  // again: it would overflow
  EXPECT_EQ(server.show("p:j:a"), fmt::format("{{\"n\":{}}}", kMax));
}

TEST_F(RedisCommit, DamagedRowsAreRejectedByName) {
  const ViewSchema json = view("j", "json", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  open({json});
  for (const char* damaged : {"", "[1]", "{\"n\":", "{\"n\":\"x\"}", "nonsense", "{\"n\":1", "{\"n\"}"}) {
    server.ask({"SET", "p:j:a", damaged});
    EXPECT_THAT(said(add("a", 1)), StartsWith("rejected: view j, key p:j:a")) << damaged;
    EXPECT_EQ(server.show("p:j:a"), damaged);
  }
}

// --- answers lost on the way (G5)

class RedisLostAnswers : public RedisCommit, public ::testing::WithParamInterface<CuttingProxy::Cut> {};

TEST_P(RedisLostAnswers, EachBatchCountsOnce) {
  CuttingProxy proxy("127.0.0.1", server.port(), "EVALSHA", "committed");
  views = {counter_view(), view("j", "json", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))})};
  StoreOptions options;
  options.url = Secret(fmt::format("redis://127.0.0.1:{}", proxy.port()));
  store = new_store(views, "p", options);
  ASSERT_TRUE(store->prepare());
  lane = open_sink(*store);
  BatchBuilder start(views);
  start.first(0, 0);
  ASSERT_EQ(said(lane.sink->commit(start.batch(lane.owner))), "committed");
  for (std::int64_t i = 0; i < 10; ++i) {
    BatchBuilder builder(views);
    builder.merge(builder.row(0, {builder.text("a")}), 0, Op::add, Value::integer(1));
    builder.merge(builder.row(1, {builder.text("a")}), 0, Op::add, Value::integer(1));
    builder.partition(0, i, i + 1);
    proxy.arm(GetParam());
    CommitResult result = lane.sink->commit(builder.batch(lane.owner));
    if (result.status == CommitStatus::retry) result = lane.sink->commit(builder.batch(lane.owner));
    ASSERT_EQ(said(result), "committed");
    proxy.wait_until_struck();
    EXPECT_EQ(server.show("p:count:a"), std::to_string(i + 1));
    EXPECT_EQ(server.show("p:j:a"), fmt::format("{{\"n\":{}}}", i + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Cuts, RedisLostAnswers, ::testing::Values(CuttingProxy::Cut::request_lost, CuttingProxy::Cut::answer_lost),
                         [](const auto& cut) { return cut.param == CuttingProxy::Cut::request_lost ? "RequestLost" : "AnswerLost"; });

}  // namespace
}  // namespace foldline::redis
