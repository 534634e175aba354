#include "common/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "common/arena.h"
#include "common/same_text.h"

namespace foldline {
namespace {

TEST(Value, EqualMeansSameKindAndSameContent) {
  EXPECT_TRUE(equal(Value::absent(), Value::absent()));
  EXPECT_FALSE(equal(Value::absent(), Value::null()));
  EXPECT_FALSE(equal(Value::integer(1), Value::decimal({1, 0})));
  EXPECT_FALSE(equal(Value::text("a"), Value::bytes("a")));
  EXPECT_FALSE(equal(Value::date(1), Value::timestamp(1)));
  EXPECT_TRUE(equal(Value::text(std::string("abc")), Value::text("abc")));
}

TEST(Value, DecimalsAreEqualByNumberAndHashAlike) {
  const Value a = Value::decimal({10, 1});
  const Value b = Value::decimal({100, 2});
  EXPECT_TRUE(equal(a, b));
  EXPECT_EQ(hash(a), hash(b));
  EXPECT_NE(hash(a), hash(Value::decimal({11, 1})));
}

TEST(Value, DoublesCanBeKeysEvenNaNAndMinusZero) {
  const Value nan = Value::floating(std::nan(""));
  EXPECT_TRUE(equal(nan, nan));
  EXPECT_EQ(hash(nan), hash(Value::floating(-std::nan("1"))));
  EXPECT_TRUE(equal(Value::floating(0.0), Value::floating(-0.0)));
  EXPECT_EQ(hash(Value::floating(0.0)), hash(Value::floating(-0.0)));
  EXPECT_FALSE(equal(nan, Value::floating(0)));
}

TEST(Value, MapsAreEqualInAnyOrder) {
  const MapEntry ab[] = {{"a", Value::integer(1)}, {"b", Value::text("x")}};
  const MapEntry ba[] = {{"b", Value::text("x")}, {"a", Value::integer(1)}};
  const MapEntry other[] = {{"b", Value::text("y")}, {"a", Value::integer(1)}};
  EXPECT_TRUE(equal(Value::map(ab), Value::map(ba)));
  EXPECT_EQ(hash(Value::map(ab)), hash(Value::map(ba)));
  EXPECT_FALSE(equal(Value::map(ab), Value::map(other)));
}

TEST(Value, KeysThatDifferHashApart) {
  const std::vector<std::vector<Value>> keys = {{Value::text("a"), Value::text("bc")},
                                                {Value::text("ab"), Value::text("c")},
                                                {Value::text("abc")},
                                                {Value::text("abc"), Value::null()},
                                                {Value::null(), Value::text("abc")},
                                                {Value::integer(1)},
                                                {Value::integer(2)},
                                                {Value::date(1)},
                                                {Value::timestamp(1)},
                                                {Value::boolean(true)},
                                                {Value::decimal({1, 0})},
                                                {Value::floating(1)},
                                                {Value::integer(1), Value::integer(2)},
                                                {Value::integer(2), Value::integer(1)},
                                                {Value::uuid(Uuid{})},
                                                {Value::bytes("abc")},
                                                {Value::json("abc")},
                                                {Value::list({})},
                                                {Value::map({})},
                                                {Value::interval(1)}};
  std::set<std::uint64_t> hashes;
  for (const auto& key : keys) hashes.insert(hash_key(key));
  EXPECT_EQ(hashes.size(), keys.size());
}

TEST(Value, DescribesForPeopleAndCutsLongText) {
  EXPECT_EQ(describe(Value::text("a \"b\"")), R"("a \"b\"")");
  EXPECT_EQ(describe(Value::text(std::string(200, 'x')), 10), "\"xxxxxxxxx...\"");
  EXPECT_EQ(describe(Value::text("aaaa\xC3\xA4\xC3\xA4"), 6), "\"aaaa...\"");  // not in the middle of a character
  EXPECT_EQ(describe(Value::absent()), "nothing");
  EXPECT_EQ(describe(Value::null()), "null");
  EXPECT_EQ(describe(Value::bytes("abc")), "3 bytes");
  EXPECT_EQ(describe(Value::decimal({2999, 2})), "29.99");
  EXPECT_EQ(describe(Value::timestamp(0)), "1970-01-01T00:00:00Z");
}

TEST(Value, DeepCopiesOwnNothingOfTheOriginal) {
  Arena arena;
  std::string key = "key";
  std::string text = "text";
  const Value items[] = {Value::text(text), Value::bytes(text), Value::json(text)};
  const MapEntry entries[] = {{key, Value::list(items)}};
  const Value copy = deep_copy(Value::map(entries), arena);
  EXPECT_TRUE(equal(copy, Value::map(entries)));
  key = "KEY";
  text = "TEXT";
  ASSERT_EQ(copy.as_map()[0].key, "key");
  EXPECT_EQ(copy.as_map()[0].value.as_list()[2].as_text(), "text");
}

// Every length that is read in another way, and a difference at every place.
TEST(SameText, AgreesWithTheComparisonOfTheLibrary) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::string a(size, 'x');
    EXPECT_TRUE(same_text(a, std::string(size, 'x'))) << size;
    EXPECT_FALSE(same_text(a, a + "x")) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string b = a;
      b[at] = 'y';
      EXPECT_FALSE(same_text(a, b)) << at << " of " << size;
    }
  }
}

}  // namespace
}  // namespace foldline
