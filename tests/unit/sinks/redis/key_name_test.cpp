#include "sinks/redis/key_name.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

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

}  // namespace
}  // namespace foldline::redis
