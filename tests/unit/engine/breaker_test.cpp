// G19: when too large a share of the last 1,000 events would be letters.
#include "engine/breaker.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

// Whether it struck at any of them.
bool add(Breaker& breaker, std::size_t events, bool letters) {
  bool struck = false;
  for (std::size_t i = 0; i < events; ++i) struck |= breaker.add(letters);
  return struck;
}

TEST(Breaker, DoesNotStrikeBeforeAThousandEvents) {
  Breaker breaker(0.5);
  EXPECT_FALSE(add(breaker, Breaker::kEvents - 1, true));
  EXPECT_TRUE(add(breaker, 1, true));
}

TEST(Breaker, StrikesAboveItsShareAndNotAtIt) {
  Breaker breaker(0.5);
  EXPECT_FALSE(add(breaker, 500, false));
  EXPECT_FALSE(add(breaker, 500, true)) << "half of them is what the owner allows";
  // The letter that pushes a good event out of the thousand is one too many.
  EXPECT_TRUE(add(breaker, 1, true));
}

TEST(Breaker, LettersFromBeforeTheLastThousandEventsCountNoMore) {
  Breaker breaker(0.5);
  for (int round = 0; round < 20; ++round) {
    EXPECT_FALSE(add(breaker, 400, true)) << round;
    EXPECT_FALSE(add(breaker, 600, false)) << round;
  }
  EXPECT_EQ(breaker.letters(), 400U);
}

TEST(Breaker, OfOneNeverStrikes) {
  Breaker breaker(1);
  EXPECT_FALSE(add(breaker, 5'000, true));
}

}  // namespace
}  // namespace foldline
