#include "sinks/redis/key_name.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "sinks/redis/checkpoints.h"

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
      for (const std::uint32_t bucket : {0U, 1U}) {
        const SystemKeys of({projection, generation}, bucket);
        for (const TopicPartition& partition : {TopicPartition{"t", 0}, TopicPartition{"t", 1}, TopicPartition{"0:t", 0}}) {
          keys.insert(of.checkpoint(partition));
          keys.insert(of.ids(partition));
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), 2U * 2 * 2 * 3 * 2);
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
  EXPECT_EQ(name_of("{d}{y}", {part("d", TypeKind::date), part("y", TypeKind::text)}, {Value::date(0), Value::text("y")}), "1970-01-01y");
}

// Property: two different rows never share a key. The seed is printed.
TEST(KeyName, DifferentRowsHaveDifferentKeys) {
  const auto seed = std::random_device{}();
  fmt::print("seed: {}\n", seed);
  std::mt19937_64 random(seed);
  const std::vector<KeyPart> parts = {part("a", TypeKind::text), part("n", TypeKind::bigint), part("b", TypeKind::text),
                                      part("c", TypeKind::text)};
  for (const char* text : {"{a}:{n}:{b}:{c}", "x{c}0{n}1{b}%{a}", "{n}{a}", "a{b}aa{a}a{c}-{n}"}) {
    const auto name = KeyName::parse(text, parts, -1);
    if (!name) continue;  // {n}{a}: nothing between
    std::set<std::string> keys;
    std::set<std::string> rows;
    for (int i = 0; i < 20'000; ++i) {
      const auto word = [&] {
        std::string out;
        for (auto left = random() % 4; left > 0; --left) out += ":%a01-\n"[random() % 7];
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
    }
    EXPECT_EQ(keys.size(), rows.size()) << text;
  }
}

}  // namespace
}  // namespace foldline::redis
