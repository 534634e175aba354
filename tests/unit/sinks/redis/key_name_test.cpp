#include "sinks/redis/key_name.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "sinks/redis/checkpoints.h"
#include "tests/unit/sinks/changes.h"

namespace foldline::redis {
namespace {

using ::testing::HasSubstr;

KeyPart part(const std::string& name, TypeKind kind) {
  KeyPart out;
  out.name = name;
  out.type.kind = kind;
  return out;
}

std::string name_of(const std::string& text, const std::vector<KeyPart>& parts, const std::vector<Value>& key, int member = -1) {
  const auto name = KeyName::parse(text, parts, member);
  if (!name) return name.error().message;
  std::string out;
  name->append(out, key.data());
  return out;
}

// G1: nor do two projections, two buckets, two partitions.
TEST(SystemKeys, NoTwoGenerationsShareAKey) {
  std::set<std::string> keys;
  for (const char* projection : {"p", "p2"}) {
    for (const std::int64_t generation : {1, 2}) {
      const ProjectionId id{projection, generation};
      for (const SystemKeys& of : {SystemKeys(id), SystemKeys::of_bucket(id, 0), SystemKeys::of_bucket(id, 1)}) {
        for (const TopicPartition& partition : {TopicPartition{"t", 0}, TopicPartition{"t", 1}, TopicPartition{"0:t", 0}}) {
          keys.insert(of.checkpoint(partition));
          keys.insert(of.ids(partition));
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), 2U * 2 * 3 * 3 * 2);
}

TEST(KeyName, PutsPartsIn) {
  EXPECT_EQ(name_of("orders:{day}:count", {part("day", TypeKind::date)}, {Value::date(20'546)}), "orders:2026-04-03:count");
  EXPECT_EQ(name_of("{n}", {part("n", TypeKind::bigint)}, {Value::integer(-5)}), "-5");
  EXPECT_EQ(name_of("x", {part("member", TypeKind::text)}, {Value::text("m")}, 0), "x");
}

TEST(KeyName, TheLastPartStandsAsItIs) {
  EXPECT_EQ(name_of("a:{x}:{y}", {part("x", TypeKind::text), part("y", TypeKind::text)}, {Value::text("p:q%"), Value::text("r:%s")}),
            "a:p%3Aq%25:r:%s");
}

TEST(KeyName, PartsOfFixedLengthAreNotEscaped) {
  EXPECT_EQ(name_of("{d}-{x}", {part("d", TypeKind::date), part("x", TypeKind::text)}, {Value::date(0), Value::text("a-b")}),
            "1970-01-01-a-b");
  EXPECT_EQ(name_of("{n}-{x}", {part("n", TypeKind::bigint), part("x", TypeKind::text)}, {Value::integer(-1), Value::text("2")}), "-1-2");
}

TEST(KeyName, TwoPartsNeedSomethingBetweenThem) {
  EXPECT_THAT(name_of("{x}{y}", {part("x", TypeKind::text), part("y", TypeKind::text)}, {}), HasSubstr("has nothing between `x`"));
  // b = "%", a = "" and b = "", a = "25%" would both be %25%
  EXPECT_THAT(name_of("{b}%{a}", {part("b", TypeKind::text), part("a", TypeKind::text)}, {}), HasSubstr("has a `%` behind `b`"));
  EXPECT_EQ(name_of("{d}{y}", {part("d", TypeKind::date), part("y", TypeKind::text)}, {Value::date(0), Value::text("y")}), "1970-01-01y");
}

// Property: two different rows never share a key. The seed is printed.
TEST(KeyName, DifferentRowsHaveDifferentKeys) {
  const auto seed = std::random_device{}();
  fmt::print("seed: {}\n", seed);
  std::mt19937_64 random(seed);
  const std::vector<KeyPart> parts = {part("a", TypeKind::text), part("n", TypeKind::bigint), part("b", TypeKind::text),
                                      part("c", TypeKind::text)};
  for (const char* text : {"{a}:{n}:{b}:{c}", "x{c}0{n}1{b}_{a}", "{n}{a}", "a{b}aa{a}a{c}-{n}"}) {
    const auto name = KeyName::parse(text, parts, -1);
    if (!name) continue;  // {n}{a}: nothing between
    std::set<std::string> keys;
    std::set<std::string> rows;
    for (int i = 0; i < 20'000; ++i) {
      const auto word = [&] {
        std::string out;
        for (auto left = random() % 4; left > 0; --left) out += ":%a0135-\n"[random() % 9];
        return out;
      };
      const std::string a = word();
      const std::string b = word();
      const std::string c = word();
      const auto n = static_cast<std::int64_t>(random() % 40) - 20;
      const std::vector<Value> key = {Value::text(a), Value::integer(n), Value::text(b), Value::text(c)};
      rows.insert(fmt::format("{}|{}|{}|{}", a, n, b, c));
      std::string out;
      name->append(out, key.data());
      keys.insert(out);
      Arena arena;
      const auto read = name->parts_of(out, arena);
      ASSERT_TRUE(read) << text << ": " << out;
      for (std::size_t p = 0; p < key.size(); ++p) ASSERT_TRUE(equal((*read)[p], key[p])) << text << ": " << out;
    }
    EXPECT_EQ(keys.size(), rows.size()) << text;
  }
}

bool is_ours(const std::string& text, const std::vector<KeyPart>& parts, const std::string& name) {
  Arena arena;
  return KeyName::parse(text, parts, -1)->parts_of(name, arena).has_value();
}

TEST(KeyName, NamesThatNoRowHasAreNotOurs) {
  const std::vector<KeyPart> day = {part("day", TypeKind::date)};
  EXPECT_TRUE(is_ours("orders:{day}:count", day, "orders:2026-04-03:count"));
  for (const char* name :
       {"orders:2026-04-03:revenue", "orders:2026-4-3:count", "orders:2026-04-03", "orders::count", "x2026-04-03:count", ""}) {
    EXPECT_FALSE(is_ours("orders:{day}:count", day, name)) << name;
  }
  const std::vector<KeyPart> two = {part("n", TypeKind::bigint), part("x", TypeKind::text)};
  EXPECT_TRUE(is_ours("a:{n}:{x}", two, "a:7:b:c"));
  for (const char* name : {"a:007:b", "a:7", "a:%37:b", "a::b"}) EXPECT_FALSE(is_ours("a:{n}:{x}", two, name)) << name;
  const std::vector<KeyPart> texts = {part("x", TypeKind::text), part("y", TypeKind::text)};
  for (const char* name : {"%3a:b", "%41:b", "%3:b", "%:b"}) EXPECT_FALSE(is_ours("{x}:{y}", texts, name)) << name;
}

TEST(KeyName, PatternsHoldWhatIsGivenAndNothingInItMeansMore) {
  const std::vector<KeyPart> parts = {part("x", TypeKind::text), part("y", TypeKind::text)};
  const auto name = KeyName::parse("a*:{x}:{y}!", parts, -1);
  EXPECT_EQ(name->glob({}), "a\\*:*:*!");
  const Value first = Value::text("[b]?:\\");
  EXPECT_EQ(name->glob({&first, 1}), "a\\*:\\[b\\]\\?%3A\\\\:*!");
}

// --- which names are whose

bool matches(const std::string& text, const std::vector<KeyPart>& parts, const std::string& name) {
  const auto parsed = KeyName::parse(text, parts, -1);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed && parsed->matches(name);
}

TEST(KeyName, AKeyIsTheViewsOnlyIfEachPartIsOfItsType) {
  const std::vector<KeyPart> day = {part("day", TypeKind::date)};
  EXPECT_TRUE(matches("orders:{day}:count", day, "orders:2026-04-03:count"));
  for (const char* other : {"orders:2026-04-3:count", "orders:2026-13-03:count", "orders:no-day:count", "orders:2026-04-03:counts",
                            "orders:2026-04-03", "orders::count", "xorders:2026-04-03:count", ""}) {
    EXPECT_FALSE(matches("orders:{day}:count", day, other)) << other;
  }
  const std::vector<KeyPart> number = {part("n", TypeKind::bigint)};
  EXPECT_TRUE(matches("n:{n}", number, "n:-5"));
  for (const char* other : {"n:", "n:05", "n:+5", "n:5 ", "n:9223372036854775808", "n:-"})
    EXPECT_FALSE(matches("n:{n}", number, other)) << other;
  EXPECT_TRUE(matches("n:{n}-{x}", {part("n", TypeKind::bigint), part("x", TypeKind::text)}, "n:-5-x"));
  EXPECT_TRUE(matches("b{b}c", {part("b", TypeKind::boolean)}, "b1c"));
  EXPECT_FALSE(matches("b{b}c", {part("b", TypeKind::boolean)}, "b2c"));
}

TEST(KeyName, AnEscapedPartHoldsNothingThatWouldHaveBeenEscaped) {
  const std::vector<KeyPart> two = {part("x", TypeKind::text), part("y", TypeKind::text)};
  EXPECT_TRUE(matches("a:{x}:{y}", two, "a:p%3Aq%25:r:%s"));
  EXPECT_TRUE(matches("a:{x}:{y}", two, "a::"));
  EXPECT_FALSE(matches("a:{x}:{y}", two, "a:p"));
  EXPECT_FALSE(matches("a:{x}:{y}", two, "a:p%3:r")) << "a %, and nothing that it says";
  EXPECT_FALSE(matches("a:{x}:{y}", two, "a:p%2F:r"));
}

TEST(KeyName, EveryNameThatItMakesIsItsOwn) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const std::vector<KeyPart> parts = {part("x", TypeKind::text), part("n", TypeKind::bigint), part("d", TypeKind::date),
                                      part("t", TypeKind::timestamptz), part("y", TypeKind::text)};
  const auto name = KeyName::parse("k:{x}:{n}-{d}{t}:{y}!", parts, -1);
  ASSERT_TRUE(name);
  const auto some_text = [&] {
    std::string out;
    for (std::size_t i = random() % 6; i > 0; --i) out += ":%-!a\n"[random() % 6];
    return out;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string x = some_text();
    const std::string y = some_text();
    const auto number = static_cast<std::int64_t>((static_cast<std::uint64_t>(random()) << 32U) | random());
    const std::int64_t us = static_cast<std::int64_t>(random()) * 1'000'003;
    const std::vector<Value> key = {Value::text(x), Value::integer(number), Value::date(static_cast<std::int64_t>(random() % 30'000)),
                                    Value::timestamp(us), Value::text(y)};
    std::string out;
    name->append(out, key.data());
    ASSERT_TRUE(name->matches(out)) << out;
  }
}

TEST(KeyName, APrefixIsWrittenAndIsNoPartOfTheName) {
  auto name = KeyName::parse("n:{n}", {part("n", TypeKind::bigint)}, -1);
  ASSERT_TRUE(name);
  name->set_prefix("far:");
  const Value key = Value::integer(7);
  std::string out;
  name->append(out, &key);
  EXPECT_EQ(out, "far:n:7");
  EXPECT_TRUE(name->matches("n:7"));
  EXPECT_EQ(name->pattern() + " " + name->start() + " " + name->text(), "n:* n: n:{n}");
}

// The limit is asked without writing the name.
TEST(KeyName, MostBytesAreNeverFewerThanAreWritten) {
  const std::vector<Value> parts = parts_of_every_kind();
  for (const bool in_a_cluster : {false, true}) {
    auto name = KeyName::parse("n:{x}:{y}:end", {part("x", TypeKind::text), part("y", TypeKind::text)}, -1);
    ASSERT_TRUE(name);
    name->set_prefix("far:");
    if (in_a_cluster) name->set_buckets("p", 1'000);
    for (const Value& x : parts) {
      for (const Value& y : parts) {
        const std::vector<Value> key = {x, y};
        std::string out;
        name->append(out, key.data());
        EXPECT_LE(out.size(), name->most_bytes(key.data())) << out;
      }
    }
  }
}

TEST(KeyName, PartsOfUnknownLengthAreNeverKnownToFit) {
  const std::string known(300, 'x');
  std::vector<KeyPart> parts = {part("x", TypeKind::text)};
  std::vector<Value> key = {Value::text(known)};
  std::string text = "{x}:";
  for (int i = 0; i < 40; ++i) {
    parts.push_back(part("p" + std::to_string(i), TypeKind::numeric));
    key.push_back(Value::decimal(*Decimal::parse("1.5")));
    text += "{p" + std::to_string(i) + "}:";
    const auto name = KeyName::parse(text, parts, -1);
    ASSERT_TRUE(name) << name.error().message;
    EXPECT_GT(name->most_bytes(key.data()), kMaxKeyBytes) << key.size() << " parts";
  }
}

TEST(KeyName, WhatIsFarBelowTheLimitIsKnownToBe) {
  const auto name = KeyName::parse("{x}:{y}", {part("x", TypeKind::text), part("y", TypeKind::bigint)}, -1);
  ASSERT_TRUE(name);
  const std::vector<Value> key = {Value::text("customer-4711"), Value::integer(1)};
  EXPECT_LE(name->most_bytes(key.data()), 100U);
}

}  // namespace
}  // namespace foldline::redis
