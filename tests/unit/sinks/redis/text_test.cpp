// Values, rows, addresses and refusals: what needs no server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/json.h"
#include "sinks/redis/address.h"
#include "sinks/redis/checkpoints.h"
#include "sinks/redis/encode.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/row_text.h"
#include "sinks/redis/session.h"
#include "sinks/redis/value_text.h"

namespace foldline::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Type type_of(TypeKind kind, std::int32_t precision = 0, std::int32_t scale = 0) {
  Type out;
  out.kind = kind;
  out.precision = precision;
  out.scale = scale;
  return out;
}

struct Case {
  Value value;
  Type type;
  std::string text;
};

TEST(ValueText, GoesOutAndComesBack) {
  Type list = type_of(TypeKind::list);
  list.element = std::make_shared<Type>(type_of(TypeKind::text));
  const std::vector<Value> elements = {Value::text("a"), Value::text("\"")};
  const std::vector<Case> cases = {
      {Value::boolean(true), type_of(TypeKind::boolean), "1"},
      {Value::integer(INT64_MIN), type_of(TypeKind::bigint), "-9223372036854775808"},
      {Value::decimal(*Decimal::parse("12.5")), type_of(TypeKind::numeric), "12.5"},
      {Value::decimal(*Decimal::parse("12.50")), type_of(TypeKind::numeric, 8, 2), "1250"},
      {Value::decimal(*Decimal::parse("-0.05")), type_of(TypeKind::numeric, 8, 2), "-5"},
      {Value::floating(0.1), type_of(TypeKind::floating), "0.1"},
      {Value::text("a\0b"), type_of(TypeKind::text), std::string("a")},
      {Value::timestamp(1'775'207'700'000'000), type_of(TypeKind::timestamptz), "2026-04-03T09:15:00.000000Z"},
      {Value::timestamp(1'775'207'700'250'001), type_of(TypeKind::timestamptz), "2026-04-03T09:15:00.250001Z"},
      {Value::timestamp(-1), type_of(TypeKind::timestamptz), "1969-12-31T23:59:59.999999Z"},
      {Value::date(-1), type_of(TypeKind::date), "1969-12-31"},
      {Value::interval(95'400'000'000), type_of(TypeKind::interval), "PT26H30M"},
      {Value::bytes("\xff\x01"), type_of(TypeKind::bytes), "/wE="},
      {Value::json("{\"a\":1e400}"), type_of(TypeKind::json), "{\"a\":1e400}"},
      {Value::list(elements), list, "[\"a\",\"\\\"\"]"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(to_text(c.value, c.type), c.text);
    Arena arena;
    const auto back = value_from_text(c.text, c.type, arena);
    ASSERT_TRUE(back) << c.text;
    EXPECT_TRUE(equal(*back, c.value)) << c.text << " " << describe(*back);
  }
}

TEST(ValueText, TimesAreOrderedAsTheirBytesAre) {
  const Type type = type_of(TypeKind::timestamptz);
  EXPECT_LT(to_text(Value::timestamp(0), type), to_text(Value::timestamp(250'000), type));
  EXPECT_LT(to_text(Value::timestamp(999'999), type), to_text(Value::timestamp(1'000'000), type));
}

TEST(ValueText, WhatSomebodyElseWroteIsRefused) {
  Arena arena;
  for (const auto& [text, kind] :
       {std::pair{"x", TypeKind::bigint}, {"2", TypeKind::boolean}, {"!", TypeKind::bytes}, {"[", TypeKind::list}}) {
    Type type = type_of(kind);
    if (kind == TypeKind::list) type.element = std::make_shared<Type>();
    const auto value = value_from_text(text, type, arena);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::store_rejected);
  }
  EXPECT_FALSE(value_from_text("12.5", type_of(TypeKind::numeric, 8, 2), arena));
}

TEST(JsonMembers, AreCutWhereTheyEnd) {
  const auto members = json_members(R"( { "a" : 1 , "b":{"c":[1,"}"],"d":"\""}, "e":"x,\\" ,"f":null } )");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 4U);
  EXPECT_EQ((*members)[0].second, "1");
  EXPECT_EQ((*members)[1].second, R"({"c":[1,"}"],"d":"\""})");
  EXPECT_EQ((*members)[2].second, R"("x,\\")");
  EXPECT_EQ((*members)[3].second, "null");
  EXPECT_TRUE(json_members("{}"));
  for (const char* wrong : {"", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":}", "{a:1}", "{\"a\":\"x}", "{\"a\":1]"}) {
    EXPECT_FALSE(json_members(wrong)) << wrong;
  }
}

TEST(Address, OfHostsAndSockets) {
  const auto full = parse_address(Secret("redis://app:p%40ss%2F@cache.internal:6380/3"));
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->host, "cache.internal");
  EXPECT_EQ(full->port, 6380);
  EXPECT_EQ(full->database, 3);
  EXPECT_EQ(full->user, "app");
  EXPECT_EQ(full->password.reveal(), "p@ss/");
  EXPECT_EQ(full->to_string(), "cache.internal:6380, database 3, user app");
  const auto bare = parse_address(Secret("redis://:secret@h"));
  EXPECT_EQ(bare->user, "");
  EXPECT_EQ(bare->password.reveal(), "secret");
  EXPECT_EQ(bare->port, 6379);
  EXPECT_EQ(parse_address(Secret("redis://[::1]:7/"))->host, "::1");
  const auto socket = parse_address(Secret("unix://:s@/run/redis%20x.sock?db=1"));
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->socket_path, "/run/redis x.sock");
  EXPECT_EQ(socket->database, 1);
}

TEST(Address, WhatIsWrongIsNamedWithoutThePassword) {
  for (const char* url : {"rediss://:hunter2@h", "http://:hunter2@h", "redis://:hunter2@", "redis://u:hunter2%4@h", "redis://:hunter2@h:x",
                          "redis://:hunter2@h/x", "unix://:hunter2@relative", "redis://:hunter2@h:70000", "unix:///x?user=hunter2"}) {
    const auto address = parse_address(Secret(url));
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::config);
    EXPECT_THAT(address.error().message + address.error().hint, Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(parse_address(Secret("rediss://h")).error().message, HasSubstr("TLS"));
}

TEST(Refusal, EveryPassingOneIsRetriedWithItsReason) {
  for (const char* said : {"OOM command not allowed", "LOADING Redis is loading", "READONLY You can't write", "MISCONF Redis is configured",
                           "BUSY Redis is busy", "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys", "MOVED 1 h:1", "ASK 1 h:1",
                           "NOREPLICAS Not enough", "MASTERDOWN Link", "ERR whatever"}) {
    const Error error = refusal("committing", said);
    EXPECT_TRUE(error.retryable) << said;
    EXPECT_EQ(error.code, ErrorCode::store_unavailable);
    EXPECT_THAT(error.message, HasSubstr(said));
    EXPECT_FALSE(error.hint.empty());
  }
  EXPECT_FALSE(refusal("x", "WRONGPASS invalid").retryable);
  EXPECT_TRUE(needs_other_server("READONLY You can't"));
  EXPECT_FALSE(needs_other_server("OOM x"));
  EXPECT_EQ(shown("a\r\nb"), "a\\x0d\\x0ab");
}

TEST(Server, WhatMayNotBeUsedIsRefusedG22) {
  const std::string good = "redis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\ncluster_enabled:0\r\n";
  EXPECT_TRUE(check_server(good, AddressKind::alone, "h"));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string info = good;
    info.replace(info.find(from), from.size(), to);
    const auto checked = check_server(info, AddressKind::alone, "h:1");
    return checked ? std::string() : checked.error().message + (checked.error().retryable ? " (again)" : "");
  };
  EXPECT_THAT(with("noeviction", "allkeys-lru"), HasSubstr("maxmemory-policy is allkeys-lru (h:1)"));
  EXPECT_THAT(with("7.0.15", "6.2.9"), HasSubstr("Redis 6.2.9 is too old"));
  EXPECT_THAT(with("cluster_enabled:0", "cluster_enabled:1"), HasSubstr("Redis Cluster"));
  EXPECT_THAT(with("role:master", "role:slave"), HasSubstr("replica (h:1) (again)"));
  EXPECT_FALSE(check_server(good, AddressKind::cluster, "h"));
  EXPECT_EQ(info_value("x_role:slave\r\nrole:master\r\n", "role"), "master");
}

TEST(SystemKeys, CarryGenerationAndBucketG23) {
  const SystemKeys keys({"today", 3});
  const TopicPartition place{"a:b", 7};
  EXPECT_EQ(keys.checkpoint(place), "foldline:{today:g3:b0}:checkpoint:7:a:b");
  EXPECT_EQ(SystemKeys::of_bucket({"today", 3}, 5).ids(place), "foldline:{today:b5}:g3:ids:7:a:b");
  EXPECT_EQ(SystemKeys::parse_place(SystemKeys::place(place)), place);
  EXPECT_EQ(padded(INT64_MAX), "9223372036854775807");
  EXPECT_EQ(padded(7), "0000000000000000007");
}

ViewSchema bad_view(const std::string& kind, std::vector<std::string> parts) {
  ViewSchema out;
  out.name = "v";
  out.kind = kind;
  for (const std::string& name : parts) out.key.push_back({name, type_of(TypeKind::text), ""});
  return out;
}

TEST(Layout, WhatRedisCantKeepIsRefusedByName) {
  const auto why = [](const ViewSchema& view) {
    const auto layout = make_layout(view, {"p", 1});
    return layout ? std::string("kept as ") + layout->name.pattern() : layout.error().message;
  };
  EXPECT_THAT(why(bad_view("hyperloglog", {"member"})), HasSubstr("not built yet"));
  EXPECT_THAT(why(bad_view("stream", {"id"})), HasSubstr("not built yet"));
  EXPECT_THAT(why(bad_view("table", {"id"})), HasSubstr("Redis can't keep the kind `table`"));
  EXPECT_THAT(why(bad_view("set", {"id"})), HasSubstr("`member`"));
  EXPECT_EQ(why(bad_view("set", {"a", "member", "b"})), "kept as p:v:*:*");
  EXPECT_EQ(why(bad_view("set", {"member"})), "kept as p:v");
  ViewSchema view = bad_view("hash", {"id"});
  view.store_name = "foldline:{id}";
  EXPECT_THAT(why(view), HasSubstr("Foldline keeps for itself"));
}

TEST(Expiry, CountsFromEventTimeAndNeverOverflows) {
  ViewLayout layout;
  layout.schema.expire_after_us = 86'400'000'000;
  EXPECT_EQ(expire_at_ms(layout, Value::date(1)), 2 * 86'400'000);
  EXPECT_EQ(expire_at_ms(layout, std::int64_t{-86'400'000'000 * 2}), 1);
  EXPECT_EQ(expire_at_ms(layout, INT64_MAX), INT64_MAX / 1'000);
}

}  // namespace
}  // namespace foldline::redis
