#include "projectors/declarative/type_dispatch.h"

#include <gtest/gtest.h>

#include <random>

#include "config/pattern.h"

namespace foldline::declarative {
namespace {

using Handler = TypeDispatch::Handler;

std::vector<Handler> handlers(const TypeDispatch& dispatch, std::string_view type) {
  const auto exact = dispatch.exact(type);
  if (exact.known) return {exact.handlers.begin(), exact.handlers.end()};
  std::vector<Handler> out;
  dispatch.match(type, out);
  return out;
}

TEST(TypeDispatch, TheMostSpecificKeyOfAViewTakesTheEvent) {
  TypeDispatch dispatch;
  dispatch.add({0, 0}, "*");
  dispatch.add({0, 1}, "order.*");
  dispatch.add({0, 2}, "order.placed");
  dispatch.add({0, 3}, "order.item.*");
  dispatch.finish();
  EXPECT_EQ(handlers(dispatch, "order.placed"), (std::vector<Handler>{{0, 2}}));
  EXPECT_EQ(handlers(dispatch, "order.item.changed"), (std::vector<Handler>{{0, 3}}));
  EXPECT_EQ(handlers(dispatch, "order.shipped"), (std::vector<Handler>{{0, 1}}));
  EXPECT_EQ(handlers(dispatch, "payment"), (std::vector<Handler>{{0, 0}}));
}

TEST(TypeDispatch, EachViewChoosesForItselfInTheOrderOfTheFile) {
  TypeDispatch dispatch;
  dispatch.add({0, 0}, "order.*");
  dispatch.add({1, 0}, "order.placed");
  dispatch.add({2, 0}, "payment");
  dispatch.add({3, 0}, "*");
  dispatch.finish();
  EXPECT_EQ(handlers(dispatch, "order.placed"), (std::vector<Handler>{{0, 0}, {1, 0}, {3, 0}}));
  EXPECT_EQ(handlers(dispatch, "payment"), (std::vector<Handler>{{2, 0}, {3, 0}}));
  EXPECT_EQ(handlers(dispatch, "unknown"), (std::vector<Handler>{{3, 0}}));
}

TEST(TypeDispatch, ManyTypesFindTheirOwn) {
  TypeDispatch dispatch;
  for (std::uint32_t i = 0; i < 1000; ++i) dispatch.add({0, i}, "type." + std::to_string(i));
  dispatch.finish();
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(handlers(dispatch, "type." + std::to_string(i)), (std::vector<Handler>{{0, i}}));
  EXPECT_FALSE(dispatch.exact("type.1000").known);
}

TEST(TypeDispatch, OverlapFindsPatternsThatMatchTheSameType) {
  EXPECT_TRUE(config::overlap("order.*", "*.placed"));
  EXPECT_TRUE(config::overlap("*", "x"));
  EXPECT_TRUE(config::overlap("a*", "*a"));
  EXPECT_TRUE(config::overlap("a*b", "ab*"));
  EXPECT_FALSE(config::overlap("order.*", "stock.*"));
  EXPECT_FALSE(config::overlap("*.placed", "*.shipped"));
  EXPECT_FALSE(config::overlap("ab", "a"));
}

// config::overlap() against brute force: all texts of few letters.
TEST(TypeDispatch, OverlapAgreesWithTryingAllTypes) {
  std::vector<std::string> types = {""};
  for (std::size_t i = 0; i < types.size() && types[i].size() < 7; ++i) {
    types.push_back(types[i] + "a");
    types.push_back(types[i] + "b");
  }
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto pattern = [&] {
    std::string out;
    const std::size_t length = random() % 4;
    for (std::size_t i = 0; i < length; ++i) out += "ab*"[random() % 3];
    return out;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::string a = pattern();
    const std::string b = pattern();
    bool found = false;
    for (const std::string& type : types) found = found || (config::matches(a, type) && config::matches(b, type));
    EXPECT_EQ(config::overlap(a, b), found) << a << " " << b;
  }
}

}  // namespace
}  // namespace foldline::declarative
