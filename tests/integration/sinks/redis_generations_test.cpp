// Generations on a real server: a new one beside the live one, its way into its place, left at any step and gone on with; zombies; drops.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <sstream>

#include "sinks/redis/go_live_script.h"
#include "tests/integration/sinks/cutting_proxy.h"
#include "tests/integration/sinks/redis_fixture.h"

namespace foldline::redis {
namespace {

using postgres::CuttingProxy;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr std::int64_t kFarUs = 4'000'000'000'000'000;  // 2096: nothing expires while a test runs
constexpr std::size_t kBatchKeys = 2;                   // so that a few rows take many steps

const GoLiveStep kOn = [](const GoLiveProgress&) { return true; };

ViewSchema expiring_hash() {
  ViewSchema out = view("state", "hash", {{"id", TypeKind::text}}, {field("text", type_of(TypeKind::text))});
  out.expire_after_us = 1'000;
  return out;
}

std::vector<ViewSchema> all_kinds() {
  return {
      counter_view(), expiring_hash(),
      view("best", "sorted_set", {{"week", TypeKind::text}, {"member", TypeKind::text}}, {sum_field("score", type_of(TypeKind::bigint))}),
      view("who", "set", {{"day", TypeKind::date}, {"member", TypeKind::text}}, {}),
      view("doc", "json", {{"id", TypeKind::text}}, {field("text", type_of(TypeKind::text))})};
}

// A generation's sink, with one partition that stands at `next`.
struct Kept {
  std::unique_ptr<RedisStore> store;
  OpenedSink lane;
  std::int64_t next = 0;
};

class RedisGenerations : public RedisFixture {
 protected:
  std::unique_ptr<RedisStore> store_of(std::int64_t generation, bool building, const std::string& url = {},
                                       const std::vector<ViewSchema>& schemas = {}) {
    StoreOptions options;
    options.url = Secret(url.empty() ? server.url() : url);
    options.building = building;
    options.switch_batch_keys = kBatchKeys;
    auto made = RedisStore::make(options, {"p", generation}, schemas.empty() ? views : schemas);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  Kept keep(std::int64_t generation, bool building, const std::vector<ViewSchema>& schemas = {}) {
    Kept out;
    out.store = store_of(generation, building, {}, schemas);
    const auto prepared = out.store->prepare();
    EXPECT_TRUE(prepared) << prepared.error().message;
    out.lane = open_sink(*out.store);
    if (out.lane.opened.empty()) return out;
    out.next = out.lane.opened[0].checkpoint.next_offset;
    if (out.lane.opened[0].found) return out;
    BatchBuilder start(schemas.empty() ? views : schemas);
    start.first(0, 0);
    EXPECT_EQ(said(out.lane.sink->commit(start.batch(out.lane.owner))), "committed");
    return out;
  }

  // A row of every view for each of these names, each holding `value`.
  CommitResult write(Kept& kept, const std::vector<std::string>& names, std::int64_t value) {
    BatchBuilder builder(views);
    for (const std::string& name : names) {
      builder.set(builder.row(0, {builder.text(name)}), 0, Value::integer(value));
      FoldedRow& state = builder.set(builder.row(1, {builder.text(name)}), 0, builder.text(std::to_string(value)));
      state.newest_event_time_us = kFarUs;
      builder.set(builder.row(2, {builder.text(name), builder.text("m")}), 0, Value::integer(value));
      builder.row(3, {Value::date(value), builder.text(name)});
      builder.set(builder.row(4, {builder.text(name)}), 0, builder.text(std::to_string(value)));
    }
    PartitionCommit& part = builder.partition(0, kept.next, kept.next + 1);
    part.ids = "x";
    part.ids_first_offset = part.ids_last_offset = kept.next;
    CommitResult result = kept.lane.sink->commit(builder.batch(kept.lane.owner));
    if (result.status == CommitStatus::committed) ++kept.next;
    return result;
  }

  // Generation 1 live with a, b, c; 2 built with b, c, d.
  void build_two() {
    server.ask({"FLUSHALL"});
    live = keep(0, false);
    ASSERT_EQ(said(write(live, {"a", "b", "c"}, 1)), "committed");
    built = keep(2, true);
    ASSERT_EQ(said(write(built, {"b", "c", "d"}, 2)), "committed");
  }

  // Every key that begins so, and what it holds. Owners are random.
  std::map<std::string, std::string> keys(const std::string& start = "") {
    std::istringstream lines(server.ask({"EVAL", "return table.concat(redis.call('KEYS', '*'), '\\n')", "0"}));
    std::map<std::string, std::string> out;
    for (std::string key; std::getline(lines, key);) {
      if (key.starts_with(start) && key.find(":checkpoint:") == std::string::npos) out[key] = server.show(key);
    }
    return out;
  }
  std::map<std::string, std::string> rows() { return keys("p:"); }
  std::string state(int generation) { return server.ask({"HGET", "foldline:{p}:generations", std::to_string(generation)}); }

  std::vector<ViewSchema> views = all_kinds();
  Kept live;
  Kept built;
};

const std::string kOldRows = "foldline:{p:g1:b0}:row:";
const std::string kNewRows = "foldline:{p:g2:b0}:row:";

TEST_F(RedisGenerations, OneInTheMakingIsSeenByNoReader) {
  build_two();
  EXPECT_THAT(rows(), AllOf(Contains(Pair("p:count:b", "1")), Contains(Key("p:state:a")), Not(Contains(Key("p:count:d")))));
  EXPECT_EQ(server.show(kNewRows + "p:count:b"), "2");
  EXPECT_EQ(live.store->generations()->size(), 2U);
  EXPECT_EQ(said(write(live, {"a"}, 1)), "committed") << "the live one goes on";
}

TEST_F(RedisGenerations, ItTakesTheOldOnesPlaceAndTheOldOneIsKept) {
  build_two();
  server.ask({"RPUSH", "p:count:of-others", "x"});  // no counter
  server.ask({"SET", "p:who:no-date", "x"});
  const auto old = rows();
  const std::string expires = server.ask({"PEXPIRETIME", kNewRows + "p:state:b"});
  std::uint64_t moved = 0;
  const auto done = built.store->go_live([&](const GoLiveProgress& now) {
    moved = now.moved;
    return true;
  });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(*done);
  EXPECT_EQ(moved, 13U);
  EXPECT_THAT(rows(), AllOf(Not(Contains(Key("p:count:a"))), Contains(Pair("p:count:b", "2")), Contains(Pair("p:count:d", "2"))));
  EXPECT_THAT(rows(), AllOf(Contains(Pair("p:state:d", "text=2")), Contains(Pair("p:best:b", "[m, 2]")), Not(Contains(Key("p:doc:a")))));
  EXPECT_THAT(rows(), AllOf(Contains(Pair("p:who:1970-01-03", "b c d")), Not(Contains(Key("p:who:1970-01-02")))));
  EXPECT_THAT(rows(), AllOf(Contains(Pair("p:count:of-others", "x")), Contains(Pair("p:who:no-date", "x"))));
  EXPECT_EQ(server.ask({"PEXPIRETIME", "p:state:b"}), expires);
  for (const auto& [name, value] : old) {
    if (name == "p:count:of-others" || name == "p:who:no-date") continue;
    EXPECT_EQ(server.show(kOldRows + name), value) << name;
  }
  EXPECT_THAT(keys(kNewRows), IsEmpty());
  EXPECT_EQ(state(1), "retired");
  EXPECT_EQ(state(2), "live");
  EXPECT_TRUE(*built.store->go_live(kOn)) << "again: nothing to do";
  EXPECT_EQ(server.ask({"EXISTS", "foldline:{p}:switch", "foldline:{p}:switch:pending"}), "0");
}

// --- interrupted

TEST_F(RedisGenerations, LeftBetweenAnyTwoStepsItGoesOnToTheSameEnd) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  const auto expected = keys();
  bool ended = false;
  int stops = 0;
  for (; !ended; ++stops) {
    build_two();
    int left = stops;
    const auto first = built.store->go_live([&](const GoLiveProgress&) { return left-- > 0; });
    ASSERT_TRUE(first) << first.error().message;
    ended = *first;
    if (!ended) {
      EXPECT_EQ(state(1) + " " + state(2), "retiring switching");
      EXPECT_THAT(rows(), AllOf(Contains(Key("p:count:b")), Contains(Key("p:state:c")))) << "what both have is never missing";
      const auto waits = store_of(0, false)->prepare();
      ASSERT_FALSE(waits) << "no worker may run";
      EXPECT_TRUE(waits.error().retryable);
      EXPECT_THAT(waits.error().hint, HasSubstr("--resume"));
    }
    const auto again = store_of(2, true);
    EXPECT_EQ(again->prepare().has_value(), !ended);
    const auto done = again->go_live(kOn);
    ASSERT_TRUE(done && *done);
    EXPECT_EQ(keys(), expected) << "left after " << stops << " steps";
  }
  EXPECT_GT(stops, 15);
}

class RedisSwitchCut : public RedisGenerations, public ::testing::WithParamInterface<CuttingProxy::Cut> {};

TEST_P(RedisSwitchCut, AtAnyStepItGoesOnToTheSameEndG5) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  const auto expected = keys();
  int cuts = 0;
  for (bool ended = false; !ended; ++cuts) {
    build_two();
    CuttingProxy proxy("127.0.0.1", server.port(), "EVAL", "done");
    const auto far = store_of(2, true, fmt::format("redis://127.0.0.1:{}", proxy.port()));
    ASSERT_TRUE(far->prepare());
    int left = cuts;
    const auto first = far->go_live([&](const GoLiveProgress&) {
      if (left-- == 0) proxy.arm(GetParam());
      return true;
    });
    ended = first && left >= 0;
    EXPECT_TRUE(first || first.error().retryable) << (first ? "" : first.error().message);
    const auto done = far->go_live(kOn);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(keys(), expected) << "cut at step " << cuts;
  }
  EXPECT_GT(cuts, 15);
}

INSTANTIATE_TEST_SUITE_P(Cuts, RedisSwitchCut, ::testing::Values(CuttingProxy::Cut::request_lost, CuttingProxy::Cut::answer_lost),
                         [](const auto& cut) { return cut.param == CuttingProxy::Cut::request_lost ? "RequestLost" : "AnswerLost"; });

// The other one goes on, some steps or to its end, while this one stands between two steps: what this one sends then must move nothing.
TEST_F(RedisGenerations, TwoThatMakeItLiveAtOnceEndAsOne) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  const auto expected = keys();
  int overtaken = 0;
  for (const int others_steps : {2, 10, 20, 30, 1'000}) {
    for (int at = 0, left = -1; left < 0; ++at, ++overtaken) {
      build_two();
      left = at;
      const auto done = built.store->go_live([&](const GoLiveProgress&) {
        if (left-- == 0) {
          int steps = others_steps;
          EXPECT_TRUE(store_of(2, true)->go_live([&](const GoLiveProgress&) { return steps-- > 0; }));
        }
        return true;
      });
      ASSERT_TRUE(done) << done.error().message;
      ASSERT_EQ(keys(), expected) << "overtaken at step " << at << " by " << others_steps;
    }
  }
  EXPECT_GT(overtaken, 50);
}

// Expiry is played by DEL: to a script both look the same.
TEST_F(RedisGenerations, ANewRowThatExpiresOnItsWayTakesTheOldOneAlong) {
  build_two();
  bool expired = false;
  const auto done = built.store->go_live([&](const GoLiveProgress&) {
    if (!expired && server.ask({"HGET", "foldline:{p}:switch", "phase"}) == "in") {
      server.ask({"DEL", kNewRows + "p:state:b"});
      expired = true;
    }
    return true;
  });
  ASSERT_TRUE(done && *done && expired);
  EXPECT_EQ(server.show("p:state:b"), "(none)");
  EXPECT_EQ(server.show(kOldRows + "p:state:b"), "text=1");
  EXPECT_EQ(server.show("p:state:c"), "text=2");
}

// --- zombies

TEST_F(RedisGenerations, FromTheFirstStepOnNobodyElseCommitsG1) {
  build_two();
  OpenedSink idle;  // opens later
  idle.sink = std::move(*live.store->new_sink());
  int left = 3;
  ASSERT_FALSE(*built.store->go_live([&](const GoLiveProgress&) { return left-- > 0; }));
  const auto before = keys();
  EXPECT_THAT(said(write(live, {"b"}, 9)), StartsWith("fenced"));
  EXPECT_THAT(said(write(built, {"b"}, 9)), StartsWith("fenced"));
  for (const auto* kept : {&live, &built}) {
    const auto opened = kept->lane.sink->open({kept->lane.partitions, Uuid::random(), 100});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::superseded);
  }
  EXPECT_EQ(keys(), before);
  ASSERT_TRUE(*built.store->go_live(kOn));
  EXPECT_THAT(said(write(live, {"b"}, 9)), StartsWith("fenced"));
  EXPECT_EQ(live.lane.sink->open({live.lane.partitions, Uuid::random(), 100}).error().code, ErrorCode::superseded);
  EXPECT_EQ(built.lane.sink->open({built.lane.partitions, Uuid::random(), 100}).error().code, ErrorCode::superseded);
  EXPECT_EQ(server.show("p:count:b"), "2");
}

TEST_F(RedisGenerations, AWorkerGoesOnWhereTheBuildEnded) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  Kept next = keep(0, false);
  EXPECT_EQ(next.store->generation(), 2);
  EXPECT_EQ(next.next, 1);
  EXPECT_THAT(next.lane.opened[0].ids, ::testing::SizeIs(1));
  ASSERT_EQ(said(write(next, {"b"}, 3)), "committed");
  EXPECT_EQ(server.show("p:count:b"), "3");
  EXPECT_EQ(store_of(0, false)->checkpoints()->front().checkpoint.next_offset, 2) << "status looks at the live one";
}

TEST_F(RedisGenerations, APartitionOpenedMeanwhileIsFencedToo) {
  build_two();
  const TopicPartition late{"t", 7};
  const Uuid owner = Uuid::random();
  ASSERT_TRUE(live.lane.sink->open({std::span(&late, 1), owner, 100}));
  ASSERT_TRUE(*built.store->go_live(kOn));
  BatchBuilder builder(views);
  builder.first(7, 1);
  EXPECT_THAT(said(live.lane.sink->commit(builder.batch(owner))), StartsWith("fenced"));
}

// Between the look at the places and the first step: the step itself says that it was not given all of them.
TEST_F(RedisGenerations, TheFirstStepRefusesWhenItWasNotGivenEveryPartition) {
  build_two();
  const std::string old = "foldline:{p:g1:b0}:";
  const std::string made = "foldline:{p:g2:b0}:";
  std::vector<std::string> words = {"EVAL",
                                    std::string(kBeginSwitchScript),
                                    "5",
                                    "foldline:{p}:generations",
                                    "foldline:{p}:switch",
                                    old + "partitions",
                                    made + "partitions",
                                    old + "checkpoint:0:t",
                                    "2",
                                    "1",
                                    "nobody",
                                    "away"};
  EXPECT_EQ(server.ask(words), "[again]");
  EXPECT_EQ(state(2), "building");
  EXPECT_EQ(said(write(live, {"a"}, 1)), "committed") << "nobody is fenced";
  words[2] = "6";
  words.insert(words.begin() + 8, made + "checkpoint:0:t");
  EXPECT_EQ(server.ask(words), "[done]");
  EXPECT_EQ(state(2), "switching");
}

// --- drops

TEST_F(RedisGenerations, DroppingTheOldOneLeavesNoKeyOfIt) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  const auto before = rows();
  ASSERT_THAT(keys("foldline:{p:g1:"), Not(IsEmpty()));
  const auto refused = built.store->drop_generation(2);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("generation 2 of p is live"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(built.store->drop_generation(1));
  EXPECT_EQ(server.ask({"KEYS", "foldline:{p:g1:*"}), "[]");
  EXPECT_EQ(rows(), before);
  EXPECT_EQ(state(1), "dropped");
}

TEST_F(RedisGenerations, AnAbandonedOneIsGoneAndItsWriterFenced) {
  build_two();
  const auto before = rows();
  ASSERT_TRUE(live.store->drop_generation(2));
  EXPECT_THAT(said(write(built, {"b"}, 9)), StartsWith("fenced"));
  EXPECT_EQ(built.lane.sink->open({built.lane.partitions, Uuid::random(), 100}).error().code, ErrorCode::superseded);
  EXPECT_FALSE(built.store->prepare()) << "its number never comes again";
  EXPECT_FALSE(built.store->go_live(kOn));
  EXPECT_EQ(server.ask({"KEYS", "foldline:{p:g2:*"}), "[]");
  EXPECT_EQ(rows(), before);
  EXPECT_EQ(said(write(live, {"b"}, 3)), "committed");
}

// What a crash leaves behind the first call of a drop.
TEST_F(RedisGenerations, AnInterruptedDropCanOnlyGoOn) {
  build_two();
  server.ask({"HSET", "foldline:{p}:generations", "2", "dropping"});
  EXPECT_FALSE(store_of(2, true)->prepare());
  EXPECT_EQ(live.store->generations()->back().state, GenerationState::dropping);
  EXPECT_EQ(built.lane.sink->open({built.lane.partitions, Uuid::random(), 100}).error().code, ErrorCode::superseded);
  ASSERT_TRUE(live.store->drop_generation(2));
  EXPECT_EQ(server.ask({"KEYS", "foldline:{p:g2:*"}), "[]");
}

// The drop's first look at the keys is lost: its writer must not add any behind the looks to come.
TEST_F(RedisGenerations, FromTheFirstStepOfADropOnItsWriterIsFenced) {
  build_two();
  CuttingProxy proxy("127.0.0.1", server.port(), "SCAN", "none");
  const auto far = store_of(0, false, fmt::format("redis://127.0.0.1:{}", proxy.port()));
  proxy.arm(CuttingProxy::Cut::request_lost);
  ASSERT_FALSE(far->drop_generation(2));
  EXPECT_EQ(state(2), "dropping");
  const auto before = keys();
  EXPECT_THAT(said(write(built, {"x"}, 9)), StartsWith("fenced"));
  EXPECT_EQ(keys(), before);
  ASSERT_TRUE(far->drop_generation(2));
  EXPECT_EQ(server.ask({"KEYS", "foldline:{p:g2:*"}), "[]");
}

TEST_F(RedisGenerations, WhileOneGoesLiveNothingIsDropped) {
  build_two();
  ASSERT_FALSE(*built.store->go_live([](const GoLiveProgress&) { return false; }));
  for (const std::int64_t number : {1, 2}) {
    const auto dropped = live.store->drop_generation(number);
    ASSERT_FALSE(dropped);
    EXPECT_THAT(dropped.error().hint, HasSubstr("--resume"));
  }
}

// --- other keys, other names

TEST_F(RedisGenerations, AChangedViewLeavesItsOldKeysAndTakesItsNewOnes) {
  ViewSchema was = counter_view();
  was.store_name = "orders:{id}:count";
  ViewSchema gone = counter_view("gone");
  views = {was, gone};
  live = keep(0, false);
  BatchBuilder first(views);
  first.set(first.row(0, {first.text("x")}), 0, Value::integer(1));
  first.set(first.row(1, {first.text("x")}), 0, Value::integer(1));
  first.partition(0, 0, 1);
  ASSERT_EQ(said(live.lane.sink->commit(first.batch(live.lane.owner))), "committed");
  ViewSchema is = view("count", "hash", {{"id", TypeKind::text}}, {field("text", type_of(TypeKind::text))});
  is.store_name = was.store_name;  // a hash where a counter was
  views = {is};
  const auto refused = store_of(0, false)->prepare();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().hint, HasSubstr("foldline rebuild"));
  built = keep(2, true);
  BatchBuilder second(views);
  second.set(second.row(0, {second.text("x")}), 0, second.text("new"));
  second.partition(0, 0, 1);
  ASSERT_EQ(said(built.lane.sink->commit(second.batch(built.lane.owner))), "committed");
  ASSERT_TRUE(*built.store->go_live(kOn));
  EXPECT_EQ(server.show("orders:x:count"), "text=new");
  EXPECT_EQ(server.show(kOldRows + "orders:x:count"), "1");
  EXPECT_EQ(server.show(kOldRows + "p:gone:x"), "1");
  EXPECT_EQ(server.show("p:gone:x"), "(none)");
  EXPECT_EQ(server.ask({"HKEYS", "foldline:views"}), "[orders:*:count]");
  EXPECT_TRUE(store_of(0, false)->prepare());
}

TEST_F(RedisGenerations, KeysOfAnotherProjectionAreNeverTaken) {
  ViewSchema others = counter_view();
  others.store_name = "orders:{id}:count";
  ASSERT_TRUE(new_store({others}, "other")->prepare());
  ViewSchema ours = counter_view();
  ours.store_name = "orders:{id}";
  const auto refused = store_of(2, true, {}, {ours})->prepare();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("orders:* can't be told from the keys orders:*:count of the projection other"));
  ours.store_name = "{id}";
  EXPECT_THAT(store_of(2, true, {}, {ours})->prepare().error().message, HasSubstr("can't be told from those of others"));
}

TEST_F(RedisGenerations, AProjectionFromBeforeGenerationsHasOne) {
  live = keep(0, false);
  ASSERT_EQ(said(write(live, {"a", "b"}, 1)), "committed");
  server.ask({"DEL", "foldline:{p}:generations"});
  for (const char* pattern : {"p:count:*", "p:state:*", "p:best:*", "p:who:*", "p:doc:*"}) {
    std::string definition = server.ask({"HGET", "foldline:views", pattern});
    definition.resize(definition.find("\n{name}"));
    server.ask({"HSET", "foldline:views", pattern, definition});
  }
  const auto looked = store_of(0, false)->generations();
  ASSERT_EQ(looked->size(), 1U);
  EXPECT_EQ(looked->front().state, GenerationState::live);
  built = keep(2, true);
  ASSERT_EQ(said(write(built, {"b"}, 2)), "committed");
  ASSERT_TRUE(*built.store->go_live(kOn));
  EXPECT_THAT(rows(), AllOf(Contains(Pair("p:count:b", "2")), Not(Contains(Key("p:count:a"))), Not(Contains(Key("p:who:1970-01-02")))));
  EXPECT_EQ(state(1), "retired");
}

// The lists that docs/redis.md gives.
TEST_F(RedisGenerations, ARebuildNeedsFiveCommandsMore) {
  std::vector<std::string> words = {"ACL", "SETUSER", "app", "on", ">x", "~foldline:*", "~p:*", "+@connection", "+script|load"};
  for (const char* command :
       {"info", "eval",   "evalsha", "del",  "exists", "type",    "get",      "set",       "mget",        "mset",
        "incr", "incrby", "hset",    "hget", "hmget",  "hgetall", "hsetnx",   "hdel",      "hlen",        "hkeys",
        "zadd", "zrem",   "zmscore", "sadd", "srem",   "scard",   "smembers", "pexpireat", "pexpiretime", "persist"}) {
    words.push_back(std::string("+") + command);
  }
  build_two();
  ASSERT_EQ(server.ask(words), "OK");
  const std::string url = fmt::format("redis://app:x@127.0.0.1:{}", server.port());
  const auto refused = store_of(2, true, url)->prepare();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("lacks a permission that a rebuild needs: RENAME"));
  server.ask({"ACL", "SETUSER", "app", "+rename", "+scan", "+unlink", "+srandmember", "+hincrby"});
  const auto store = store_of(2, true, url);
  const auto prepared = store->prepare();
  ASSERT_TRUE(prepared) << prepared.error().message;
  const auto done = store->go_live(kOn);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_TRUE(store->drop_generation(1));
  EXPECT_EQ(server.ask({"KEYS", "*scratch*"}), "[]");
}

TEST_F(RedisGenerations, AFlushedStoreIsStillTheLiveOnesG22) {
  build_two();
  ASSERT_TRUE(*built.store->go_live(kOn));
  Kept next = keep(0, false);
  server.ask({"FLUSHALL"});
  EXPECT_THAT(said(write(next, {"b"}, 3)), HasSubstr("is gone"));
  const auto opened = next.lane.sink->open({next.lane.partitions, next.lane.owner, 100});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_FALSE(opened->front().found) << "the engine then asks the group's offsets";
  EXPECT_EQ(state(2), "live");
}

}  // namespace
}  // namespace foldline::redis
