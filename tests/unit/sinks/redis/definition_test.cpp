// Which keys are whose, as `foldline:views` tells.
#include "sinks/redis/definition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace foldline::redis {
namespace {

KeyPart part(const std::string& name, TypeKind kind) {
  KeyPart out;
  out.name = name;
  out.type.kind = kind;
  return out;
}

ViewSchema schema(const std::string& kind, const std::string& name, std::vector<KeyPart> key) {
  ViewSchema out;
  out.name = "v";
  out.kind = kind;
  out.store_name = name;
  out.key = std::move(key);
  Field field;
  field.name = "n";
  field.type.kind = TypeKind::bigint;
  if (kind != "set") out.fields.push_back(field);
  return out;
}

KeptKeys kept(const ViewSchema& view) {
  const auto layout = make_layout(view, {"p", 1});
  EXPECT_TRUE(layout) << layout.error().message;
  return kept_keys(layout->name.pattern(), definition_of({"p", 1}, *layout));
}

TEST(Definition, TellsTheViewsKeys) {
  const KeptKeys days = kept(schema("hash", "o:{day}:{id}", {part("id", TypeKind::text), part("day", TypeKind::date)}));
  EXPECT_EQ(days.projection + " " + days.pattern + " " + days.type + " " + days.start(), "p o:*:* hash o:");
  EXPECT_TRUE(days.holds("o:2026-04-03:x:y"));
  EXPECT_FALSE(days.holds("o:x:2026-04-03"));
  EXPECT_EQ(kept(schema("set", "s:{id}", {part("id", TypeKind::text), part("member", TypeKind::text)})).type, "set");
  EXPECT_EQ(kept(schema("json", "j:{id}", {part("id", TypeKind::text)})).type, "string");
}

TEST(Definition, OneFromBeforeGenerationsTellsByItsPattern) {
  const KeptKeys old = kept_keys("o:*:count", "p\nsorted_set\nscore:bigint");
  EXPECT_EQ(old.projection + " " + old.type + " " + old.start(), "p zset o:");
  EXPECT_TRUE(old.holds("o:anything:count"));
  EXPECT_FALSE(old.holds("o:anything:counts"));
}

TEST(Definition, AnEnumAsAPartIsAnyText) {
  KeyPart state = part("state", TypeKind::enumeration);
  state.type.members = {"a", "b"};
  EXPECT_TRUE(kept(schema("hash", "o:{state}", {state})).holds("o:a"));
}

TEST(Definition, ScanPatternsTakeTextAsItStands) { EXPECT_EQ(scan_pattern("a[b]*?\\^:"), "a\\[b\\]\\*\\?\\\\\\^:*"); }

// Against all texts of a few letters.
TEST(Definition, PatternsOverlapWhenSomeTextFitsBoth) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; texts[i].size() < 7; ++i) {
    texts.push_back(texts[i] + "a");
    texts.push_back(texts[i] + "b");
  }
  const auto some_pattern = [&] {
    std::string out;
    for (std::size_t i = random() % 4; i > 0; --i) out += "ab*"[random() % 3];
    return out;
  };
  int overlapping = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string one = some_pattern();
    const std::string other = some_pattern();
    const bool expected = std::any_of(texts.begin(), texts.end(), [&](const std::string& t) { return fits(one, t) && fits(other, t); });
    ASSERT_EQ(overlap(one, other), expected) << one << " and " << other;
    overlapping += expected ? 1 : 0;
  }
  EXPECT_GT(overlapping, 100);
  EXPECT_TRUE(fits("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(fits("a*b*c", "a-b-b-d"));
}

}  // namespace
}  // namespace foldline::redis
