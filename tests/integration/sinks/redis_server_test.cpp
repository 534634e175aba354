// What is asked of a server before it is used, and of the user: eviction, permissions, other projections' keys, addresses.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/sinks/redis_fixture.h"

namespace foldline::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RedisServer : public RedisFixture {
 protected:
  std::string prepare(const std::vector<ViewSchema>& views, const std::string& projection = "p", const std::string& url = {}) {
    StoreOptions options;
    options.url = Secret(url);
    const auto prepared = new_store(views, projection, options)->prepare();
    if (prepared) return "prepared";
    return fmt::format("{}{} / {}", prepared.error().retryable ? "again: " : "", prepared.error().message, prepared.error().hint);
  }
  std::string tcp(const std::string& login, const std::string& rest = "") {
    return fmt::format("redis://{}127.0.0.1:{}{}", login, server.port(), rest);
  }
};

TEST_F(RedisServer, OneThatMayEvictIsRefusedG22) {
  server.ask({"CONFIG", "SET", "maxmemory-policy", "volatile-ttl"});
  EXPECT_THAT(prepare({counter_view()}), HasSubstr("maxmemory-policy is volatile-ttl"));
  server.ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_EQ(prepare({counter_view()}), "prepared");
}

// G22: with its data a Redis can lose its checkpoints; the engine has to know, or it takes an emptied one for a new one.
TEST_F(RedisServer, SaysThatItMayLoseItsCheckpointsG22) { EXPECT_TRUE(prepared_store({counter_view()})->traits().checkpoint_may_vanish); }

TEST_F(RedisServer, AReplicaIsWaitedFor) {
  server.ask({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_THAT(prepare({counter_view()}), HasSubstr("again: this Redis is a replica"));
}

TEST_F(RedisServer, UsersPasswordsAndDatabases) {
  server.ask({"ACL", "SETUSER", "app", "on", ">p@ss", "~*", "+@all", "-@dangerous", "+info"});
  EXPECT_EQ(prepare({counter_view()}, "p", tcp("app:p%40ss@", "/5")), "prepared");
  EXPECT_EQ(server.ask({"EXISTS", "foldline:views"}), "0");  // it stands in database 5
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("app:hunter2@")), HasSubstr("WRONGPASS"));
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("app:hunter2@")), Not(HasSubstr("hunter2")));
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("", "/99")), HasSubstr("database"));
  server.ask({"CONFIG", "SET", "requirepass", "secret"});
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("")), HasSubstr("NOAUTH"));
  EXPECT_EQ(prepare({counter_view()}, "p", tcp(":secret@")), "prepared");
}

// The list that docs/redis.md gives.
TEST_F(RedisServer, TheDocumentedPermissionsAreEnough) {
  std::vector<std::string> words = {"ACL", "SETUSER", "foldline", "on", ">secret", "~foldline:*", "~p:*", "+@connection", "+script|load"};
  for (const char* command :
       {"info", "eval",   "evalsha", "del",  "exists", "type",    "get",      "set",       "mget",        "mset",
        "incr", "incrby", "hset",    "hget", "hmget",  "hgetall", "hsetnx",   "hdel",      "hlen",        "hkeys",
        "zadd", "zrem",   "zmscore", "sadd", "srem",   "scard",   "smembers", "pexpireat", "pexpiretime", "persist"}) {
    words.push_back(std::string("+") + command);
  }
  EXPECT_EQ(server.ask(words), "OK");
  StoreOptions options;
  options.url = Secret(tcp("foldline:secret@"));
  ViewSchema json = view("j", "json", {{"id", TypeKind::text}}, {sum_field("n", type_of(TypeKind::bigint))});
  json.expire_after_us = 1;
  const std::vector<ViewSchema> views = {counter_view(), json};
  const auto store = new_store(views, "p", options);
  const auto prepared = store->prepare();
  ASSERT_TRUE(prepared) << prepared.error().message;
  OpenedSink lane = open_sink(*store);
  BatchBuilder start(views);
  start.first(0, 0);
  ASSERT_EQ(said(lane.sink->commit(start.batch(lane.owner))), "committed");
  BatchBuilder builder(views);
  builder.merge(builder.row(0, {builder.text("a")}), 0, Op::add, Value::integer(5));
  builder.merge(builder.row(1, {builder.text("a")}), 0, Op::add, Value::integer(5));
  PartitionCommit& part = builder.partition(0, 0, 1);
  part.ids = "x";
  part.ids_first_offset = part.ids_last_offset = 0;
  EXPECT_EQ(said(lane.sink->commit(builder.batch(lane.owner))), "committed");
  EXPECT_EQ(store->checkpoints()->size(), 1U);
  EXPECT_TRUE(store->first_topics("t"));
  EXPECT_TRUE(lane.sink->open({lane.partitions, lane.owner, 100}));
}

TEST_F(RedisServer, AMissingPermissionIsFoundBeforeACommitCouldBreakOffG21) {
  server.ask({"ACL", "SETUSER", "app", "on", ">x", "~*", "+@all", "-@dangerous", "+info", "-zadd"});
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("app:x@")), HasSubstr("lacks a permission that commits need: ZADD"));
  server.ask({"ACL", "SETUSER", "app", "+zadd", "-info"});
  EXPECT_THAT(prepare({counter_view()}, "p", tcp("app:x@")), HasSubstr("may not run INFO"));
  server.ask({"ACL", "SETUSER", "app", "+info", "resetkeys", "~foldline:*", "~p:*"});
  EXPECT_EQ(prepare({counter_view()}, "p", tcp("app:x@")), "prepared");
  EXPECT_EQ(server.ask({"KEYS", "*scratch*"}), "[]");
}

TEST_F(RedisServer, AnotherProjectionsKeysAreRefused) {
  ViewSchema view = counter_view();
  view.store_name = "shared:{id}";
  EXPECT_EQ(prepare({view}, "first"), "prepared");
  EXPECT_EQ(prepare({view}, "first"), "prepared");
  EXPECT_THAT(prepare({view}, "second"), HasSubstr("the keys shared:* are kept by the projection first"));
  server.ask({"HDEL", "foldline:views", "shared:*"});
  EXPECT_EQ(prepare({view}, "second"), "prepared");
}

TEST_F(RedisServer, AnotherKindOrTypeIsRefusedAndNewFieldsAreTaken) {
  const auto hash = [](std::vector<Field> fields) { return view("v", "hash", {{"id", TypeKind::text}}, std::move(fields)); };
  EXPECT_EQ(prepare({hash({field("paid", numeric_type(8, 2))})}), "prepared");
  EXPECT_EQ(prepare({hash({field("paid", numeric_type(8, 2)), field("name", type_of(TypeKind::text))})}), "prepared");
  EXPECT_THAT(prepare({hash({field("paid", numeric_type(8, 3))})}),
              HasSubstr("a field was paid:numeric(8,2) and is now paid:numeric(8,3)"));
  ViewSchema json = hash({field("paid", numeric_type(8, 2))});
  json.kind = "json";
  EXPECT_THAT(prepare({json}), HasSubstr("hold a hash, not a json"));
}

TEST_F(RedisServer, OneThatIsAwayIsWaitedForAndNamed) {
  server.stop();
  EXPECT_THAT(prepare({counter_view()}, "p", tcp(":hunter2@")),
              HasSubstr(fmt::format("again: Redis (127.0.0.1:{}): can't be reached", server.port())));
  EXPECT_THAT(prepare({counter_view()}), HasSubstr("can't be reached"));
}

TEST_F(RedisServer, FirstTopicsAreKeptOnceG6) {
  const auto store = prepared_store({counter_view()});
  EXPECT_EQ(*store->first_topics("a 1"), "a 1");
  EXPECT_EQ(*store->first_topics("a 2"), "a 1");
}

// Redis goes on by itself; the answer just does not come.
TEST_F(RedisServer, ASlowAnswerEndsAtItsDeadlineG5) {
  StoreOptions options;
  options.timeouts.answer_ms = 200;
  const auto store = new_store({counter_view()}, "p", options);
  ASSERT_TRUE(store->prepare());
  server.ask({"CLIENT", "PAUSE", "100000", "ALL"});
  const auto ping = store->ping();
  ASSERT_FALSE(ping);
  EXPECT_THAT(ping.error().message, HasSubstr("no answer within 200 ms"));
}

}  // namespace
}  // namespace foldline::redis
