#include "sinks/postgres/straight_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/hash.h"

namespace foldline::postgres {
namespace {

using Way = StraightPolicy::Way;

std::uint32_t batches_until_tried(StraightPolicy& policy, const std::string& shape = "s") {
  std::uint32_t out = 0;
  while (!policy.tries(Way::copy, 0, shape)) ++out;
  return out;
}

TEST(PostgresStraightPolicy, ShapeIsTriedAtOnceAndSitsOutTwiceAsLongAfterEachFailure) {
  StraightPolicy policy({});
  EXPECT_EQ(batches_until_tried(policy), 0U);
  std::uint32_t pause = kFirstPauseBatches;
  for (int i = 0; i < 12; ++i) {
    policy.failed(Way::copy, 0, "s");
    EXPECT_EQ(batches_until_tried(policy), pause) << i;
    pause = std::min(2 * pause, kLongestPauseBatches);
  }
}

TEST(PostgresStraightPolicy, OnlyARowOfSuccessesTakesAFailureBack) {
  StraightPolicy policy({});
  EXPECT_TRUE(policy.tries(Way::copy, 0, "s"));
  policy.failed(Way::copy, 0, "s");
  policy.failed(Way::copy, 0, "s");
  for (std::uint32_t i = 1; i < kForgivingSuccesses; ++i) policy.succeeded(Way::copy, 0, "s");
  policy.failed(Way::copy, 0, "s");
  EXPECT_EQ(batches_until_tried(policy), 4 * kFirstPauseBatches) << "one success was missing";
  for (std::uint32_t i = 0; i < 3 * kForgivingSuccesses; ++i) policy.succeeded(Way::copy, 0, "s");
  policy.failed(Way::copy, 0, "s");
  EXPECT_EQ(batches_until_tried(policy), kFirstPauseBatches);
}

TEST(PostgresStraightPolicy, ShapesAndViewsAreApart) {
  StraightPolicy policy({});
  EXPECT_TRUE(policy.tries(Way::copy, 0, "s"));
  EXPECT_TRUE(policy.tries(Way::copy, 1, "s"));
  policy.failed(Way::copy, 0, "s");
  EXPECT_FALSE(policy.tries(Way::copy, 0, "s"));
  EXPECT_TRUE(policy.tries(Way::copy, 1, "s"));
  EXPECT_TRUE(policy.tries(Way::copy, 0, "t"));
}

// A shape whose rows are there fails to be copied, and is updated meanwhile.
TEST(PostgresStraightPolicy, CopyAndUpdateAreApart) {
  StraightPolicy policy({});
  EXPECT_TRUE(policy.tries(Way::copy, 0, "s"));
  policy.failed(Way::copy, 0, "s");
  EXPECT_FALSE(policy.tries(Way::copy, 0, "s"));
  EXPECT_TRUE(policy.tries(Way::update, 0, "s"));
  policy.failed(Way::update, 0, "s");
  EXPECT_FALSE(policy.tries(Way::update, 0, "s"));
}

TEST(PostgresStraightPolicy, MoreShapesThanItRemembersAreUpserted) {
  StraightPolicy policy({});
  for (std::size_t i = 0; i < kMaxTriedShapes; ++i) EXPECT_TRUE(policy.tries(Way::copy, 0, std::to_string(i)));
  EXPECT_FALSE(policy.tries(Way::copy, 0, "one more"));
  EXPECT_TRUE(policy.tries(Way::copy, 0, "7"));
}

TEST(PostgresRecentKeys, KnowsWhatWasAddedLatelyAndForgetsTheOldest) {
  RecentKeys keys;
  EXPECT_FALSE(keys.contains(1));
  const auto hash = [](std::uint64_t n) { return hash64({reinterpret_cast<const char*>(&n), sizeof n}); };
  for (std::uint64_t n = 0; n < 200'000; ++n) keys.add(hash(n));
  int forgotten = 0;
  int mistaken = 0;
  for (std::uint64_t n = 0; n < 200'000; ++n) {
    forgotten += keys.contains(hash(n)) ? 0 : 1;
    mistaken += keys.contains(hash(n + 1'000'000)) ? 1 : 0;
  }
  EXPECT_EQ(mistaken, 0);
  EXPECT_LT(forgotten, 20);
  for (std::uint64_t n = 2'000'000; n < 5'000'000; ++n) keys.add(hash(n));
  EXPECT_FALSE(keys.contains(hash(7))) << "bounded";
  EXPECT_TRUE(keys.contains(hash(4'999'000)));
}

// A key that is written again and again must not push the others out of its bucket.
TEST(PostgresRecentKeys, AKeyThatComesAgainTakesNoSecondPlace) {
  RecentKeys keys;
  const std::uint64_t step = RecentKeys::kBuckets;  // all into one bucket
  const auto nth = [&](std::uint64_t n) { return (n + 1) << 32U | (5 % step); };
  for (std::uint64_t n = 0; n < RecentKeys::kKeysPerBucket; ++n) keys.add(nth(n));
  for (int i = 0; i < 100; ++i) keys.add(nth(3));
  for (std::uint64_t n = 0; n < RecentKeys::kKeysPerBucket; ++n) EXPECT_TRUE(keys.contains(nth(n))) << n;
  keys.add(nth(100));
  EXPECT_FALSE(keys.contains(nth(0))) << "the oldest goes";
  EXPECT_TRUE(keys.contains(nth(3)));
}

}  // namespace
}  // namespace foldline::postgres
