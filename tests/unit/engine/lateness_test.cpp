// G12: an event must not bring back a part of a row that has expired.
#include "engine/lateness.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

class LatenessTest : public ::testing::Test {
 protected:
  LatenessTest() {
    ViewSchema by_part;
    by_part.key = {{"day", {TypeKind::date, 0, 0, {}, nullptr}, ""}};
    by_part.fields = {Field{.name = "n", .type = {TypeKind::bigint, 0, 0, {}, nullptr}, .doc = ""}};
    by_part.expire_after_us = 2 * kDayUs;
    by_part.expire_from = "day";
    ViewSchema by_field = by_part;
    by_field.fields.push_back(Field{.name = "at", .type = {TypeKind::timestamptz, 0, 0, {}, nullptr}, .doc = ""});
    by_field.expire_from = "at";
    ViewSchema never = by_part;
    never.expire_after_us = 0;
    views = {by_part, by_field, never};
  }

  // What is left of a change of a row of `day`, which sets `at` too when `at_us` is given.
  bool left(std::uint32_t view, std::int64_t day, std::int64_t event_time_us, std::int64_t at_us = INT64_MIN, RowOp op = RowOp::upsert) {
    const Value key = Value::date(day);
    std::vector<Assignment> assignments = {{0, Op::add, Value::integer(1)}};
    if (at_us != INT64_MIN) assignments.push_back({1, Op::set, Value::timestamp(at_us)});
    ChangeList changes = {Change{.view = view, .op = op, .key_hash = 1, .key = &key, .assignments = assignments, .guard = {}}};
    const std::size_t dropped = Lateness(views).drop(changes, event_time_us);
    EXPECT_EQ(dropped + changes.size(), 1U);
    return changes.size() == 1;
  }

  std::vector<ViewSchema> views;
};

TEST_F(LatenessTest, ARowExpiresOnceItsDayLiesFartherBackThanItLives) {
  EXPECT_TRUE(left(0, 10, 12 * kDayUs));  // exactly two days: it stays
  EXPECT_FALSE(left(0, 10, 12 * kDayUs + 1));
  EXPECT_TRUE(left(0, 11, 12 * kDayUs + 1));
}

TEST_F(LatenessTest, WithoutATimeInTheKeyWhatTheEventSetsCounts) {
  EXPECT_FALSE(left(1, 0, 12 * kDayUs, 10 * kDayUs - 1));
  EXPECT_TRUE(left(1, 0, 12 * kDayUs, 10 * kDayUs));
  EXPECT_TRUE(left(1, 0, 12 * kDayUs)) << "the event says nothing about the row's time";
}

TEST_F(LatenessTest, DeletesAndRowsThatStayAreNeverLate) {
  EXPECT_TRUE(left(0, 10, 100 * kDayUs, INT64_MIN, RowOp::erase));
  EXPECT_TRUE(left(2, 10, 100 * kDayUs));
}

TEST_F(LatenessTest, TimesAtTheEdgesDontOverflow) {
  EXPECT_TRUE(left(0, 10, INT64_MIN));
  EXPECT_TRUE(left(0, INT64_MAX, INT64_MAX));
  EXPECT_TRUE(left(0, INT64_MIN, INT64_MIN));
}

}  // namespace
}  // namespace foldline
