// What the metrics are made of: histograms, the bounded table of event types, the watchdog.
#include <gtest/gtest.h>

#include <string>

#include "engine/event_types.h"
#include "engine/histogram.h"
#include "engine/watchdog.h"

namespace foldline {
namespace {

using std::chrono::seconds;

TEST(Histogram, AValueOnABoundIsInItsBucketAndOneAboveInTheNext) {
  static constexpr std::array<std::uint64_t, 2> kBounds = {10, 20};
  Histogram h{kBounds};
  for (const std::uint64_t value : {0U, 10U, 11U, 20U, 21U, 1'000'000U}) h.observe(value);
  EXPECT_EQ(h.in_bucket(0), 2U);
  EXPECT_EQ(h.in_bucket(1), 2U);
  EXPECT_EQ(h.in_bucket(2), 2U) << "the one without a bound";
  EXPECT_EQ(h.count(), 6U);
  EXPECT_EQ(h.sum(), 1'000'062U);
}

TEST(Histogram, CountsOfOneThreadAreAddedBucketByBucket) {
  static constexpr std::array<std::uint64_t, 2> kBounds = {10, 20};
  HistogramCounts counts;
  for (const std::uint64_t value : {5U, 15U, 25U}) counts.observe(kBounds, value);
  Histogram h{kBounds};
  h.observe(15);
  h.add(counts);
  EXPECT_EQ(h.in_bucket(0), 1U);
  EXPECT_EQ(h.in_bucket(1), 2U);
  EXPECT_EQ(h.in_bucket(2), 1U);
  EXPECT_EQ(h.sum(), 60U);
}

TEST(EventTypes, AreKnownAgain) {
  EventTypes types;
  const auto placed = types.index_of("order.placed");
  const auto shipped = types.index_of("order.shipped");
  EXPECT_NE(placed, shipped);
  EXPECT_EQ(types.index_of("order.placed"), placed);
  EXPECT_EQ(types.index_of(""), EventTypes::kNone);
  EXPECT_EQ(types.index_of("order.placed"), placed);
  EXPECT_EQ(types.names().at(placed), "order.placed");
}

TEST(EventTypes, AProducerThatMakesUpNamesMakesNoMoreThanSoMany) {
  EventTypes types;
  const auto first = types.index_of("first");
  for (int i = 0; i < 10'000; ++i) types.index_of("made.up." + std::to_string(i));
  EXPECT_EQ(types.names().size(), EventTypes::kSlots);
  EXPECT_EQ(types.index_of("made.up.9999"), EventTypes::kOther);
  EXPECT_EQ(types.index_of("first"), first);
}

TEST(EventTypes, WhatIsNoNameForALabelIsOther) {
  EventTypes types;
  EXPECT_EQ(types.index_of(std::string(kMaxEventTypeBytes + 1, 'x')), EventTypes::kOther);
  EXPECT_EQ(types.index_of("a\nb"), EventTypes::kOther);
  EXPECT_EQ(types.index_of("\xff\xfe"), EventTypes::kOther);
  EXPECT_EQ(types.index_of("other"), EventTypes::kOther) << "two series of one name would spoil the whole page";
  EXPECT_EQ(types.index_of("none"), EventTypes::kNone);
  EXPECT_EQ(types.names().size(), 2U);
}

TEST(Watchdog, AHeartbeatAgesUnlessItRests) {
  Heartbeat beat;
  const Instant start{seconds(1'000)};
  EXPECT_EQ(beat.age(start), Duration::zero()) << "it has not begun";
  beat.touch(start);
  EXPECT_EQ(beat.age(start + seconds(7)), seconds(7));
  beat.rest();
  EXPECT_EQ(beat.age(start + seconds(70)), Duration::zero());
}

TEST(Watchdog, ProgressIsMissedOnlyWhileThereIsSomethingToDo) {
  ProgressWatch watch;
  const Instant start{seconds(1'000)};
  watch.observe(false, 10, start);
  EXPECT_EQ(watch.stalled_for(start + seconds(99)), Duration::zero()) << "nothing to do";
  watch.observe(true, 10, start + seconds(100));
  watch.observe(true, 10, start + seconds(150));
  EXPECT_EQ(watch.stalled_for(start + seconds(160)), seconds(60));
  watch.observe(true, 11, start + seconds(160));
  EXPECT_EQ(watch.stalled_for(start + seconds(165)), seconds(5)) << "it moved";
  watch.observe(false, 11, start + seconds(170));
  EXPECT_EQ(watch.stalled_for(start + seconds(999)), Duration::zero());
}

}  // namespace
}  // namespace foldline
