// The fold's edges that the property test does not walk along.
#include "engine/fold.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/merge.h"
#include "tests/unit/engine/test_views.h"

namespace foldline {
namespace {

using testing::field;

class FoldTest : public ::testing::Test {
 protected:
  FoldTest() { fold.begin(arena); }

  Change change(const std::string& key, std::vector<Assignment> assignments) {
    Change out;
    auto* value = arena.array<Value>(1);
    *value = Value::text(arena.copy(key));
    out.key = value;
    out.key_hash = hash_key({value, 1});
    auto* kept = arena.array<Assignment>(assignments.size());
    std::uninitialized_copy(assignments.begin(), assignments.end(), kept);
    out.assignments = {kept, assignments.size()};
    return out;
  }
  FoldResult add(const ChangeList& changes) { return fold.add(changes); }
  const FoldedRow& row(std::size_t i = 0) { return *fold.rows().at(0).rows[i]; }

  static Decimal nines(int digits) { return *Decimal::parse(std::string(static_cast<std::size_t>(digits), '9')); }

  std::vector<ViewSchema> views{
      testing::view("v", {field("n", TypeKind::bigint, {Op::set, Op::add}), field("d", TypeKind::numeric, {Op::add}),
                          field("m", TypeKind::bigint, {Op::min, Op::max}), field("tags", TypeKind::list, {Op::append}),
                          field("s", TypeKind::text, {Op::set})})};
  Arena arena;
  Fold fold{views};
};

TEST_F(FoldTest, SumsOfIntegersWidenToDecimalsAndNeverWrap) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(add({change("k", {{0, Op::add, Value::integer(INT64_MAX)}})}).outcome, FoldOutcome::folded);
  EXPECT_EQ(row().cells[0].state, CellState::merge);
  EXPECT_EQ(row().cells[0].value.as_decimal().to_string(), "27670116110564327421");
  ASSERT_EQ(add({change("k", {{0, Op::set, Value::integer(INT64_MIN)}})}).outcome, FoldOutcome::folded);
  ASSERT_EQ(add({change("k", {{0, Op::add, Value::integer(-1)}})}).outcome, FoldOutcome::folded);
  EXPECT_EQ(row().cells[0].state, CellState::set) << "set swallows what is added after it";
  EXPECT_EQ(row().cells[0].value.as_decimal().to_string(), "-9223372036854775809");
}

TEST(FoldTimes, ARowKnowsItsNewestEventSinceItWasDeletedHard) {
  std::vector<ViewSchema> views{testing::view("v", {field("n", TypeKind::bigint, {Op::add})})};
  views[0].expire_after_us = 1;
  Arena arena;
  Fold fold{views};
  fold.begin(arena);
  const Value key = Value::text("k");
  Assignment one{0, Op::add, Value::integer(1)};
  Change upsert;
  upsert.key = &key;
  upsert.key_hash = hash_key({&key, 1});
  upsert.assignments = {&one, 1};
  Change erase = upsert;
  erase.op = RowOp::erase;
  erase.assignments = {};
  const auto after = [&](const Change& change, std::int64_t time_us) {
    EXPECT_EQ(fold.add({&change, 1}, {}, time_us).outcome, FoldOutcome::folded);
    return fold.rows().at(0).rows[0]->newest_event_time_us;
  };
  EXPECT_EQ(after(upsert, 50), 50);
  EXPECT_EQ(after(upsert, 40), 50);
  after(erase, 90);
  EXPECT_EQ(after(upsert, 20), 20) << "neither what was before the delete nor the delete itself keeps the row alive";
  EXPECT_EQ(after(upsert, 30), 30);
  views[0].expire_from = "n";
  Fold plain{views};
  plain.begin(arena);
  EXPECT_EQ(plain.add({&upsert, 1}, {}, 50).outcome, FoldOutcome::folded);
  EXPECT_EQ(plain.rows().at(0).rows[0]->newest_event_time_us, INT64_MIN) << "only where rows expire by it";
}

TEST_F(FoldTest, ASumPast38DigitsCutsTheBatchAndLeavesTheEventOutWhole) {
  ASSERT_EQ(add({change("k", {{1, Op::add, Value::decimal(nines(38))}})}).outcome, FoldOutcome::folded);
  const FoldResult cut = add({change("j", {{4, Op::set, Value::text("x")}}), change("k", {{4, Op::set, Value::text("x")}}),
                              change("k", {{0, Op::add, Value::integer(1)}, {1, Op::add, Value::decimal(nines(38))}})});
  EXPECT_EQ(cut.outcome, FoldOutcome::cut);
  EXPECT_NE(cut.error.message.find("field d"), std::string::npos) << cut.error.message;
  EXPECT_EQ(fold.row_count(), 1U) << "the row that the event had made is gone again";
  EXPECT_EQ(row().cells[0].state, CellState::none);
  EXPECT_EQ(row().cells[4].state, CellState::none);
  EXPECT_EQ(row().cells[1].value.as_decimal(), nines(38));
  // The slot is free again: the key can come anew.
  EXPECT_EQ(add({change("j", {{4, Op::set, Value::text("y")}})}).outcome, FoldOutcome::folded);
  EXPECT_EQ(fold.row_count(), 2U);
}

TEST_F(FoldTest, AnEventThatCantBeFoldedAloneIsRefusedWhereverItStands) {
  const ChangeList two_kinds{change("k", {{2, Op::min, Value::integer(1)}}), change("k", {{2, Op::max, Value::integer(2)}})};
  EXPECT_EQ(add(two_kinds).outcome, FoldOutcome::refused) << "in an empty batch";
  EXPECT_EQ(fold.row_count(), 0U);
  ASSERT_EQ(add({change("k", {{2, Op::set, Value::integer(5)}})}).outcome, FoldOutcome::folded);
  EXPECT_EQ(add(two_kinds).outcome, FoldOutcome::refused) << "a set before it would have swallowed both";
  EXPECT_EQ(row().cells[2].value.as_int(), 5);
}

TEST_F(FoldTest, RollsBackRowsThatMadeTheTableGrow) {
  ASSERT_EQ(add({change("k", {{2, Op::min, Value::integer(1)}})}).outcome, FoldOutcome::folded);
  ChangeList many;
  for (int i = 0; i < 500; ++i) many.push_back(change("new" + std::to_string(i), {{4, Op::set, Value::text("x")}}));
  many.push_back(change("k", {{2, Op::max, Value::integer(1)}}));
  EXPECT_EQ(add(many).outcome, FoldOutcome::cut);
  EXPECT_EQ(fold.row_count(), 1U);
  many.pop_back();
  EXPECT_EQ(add(many).outcome, FoldOutcome::folded);
  EXPECT_EQ(add(many).outcome, FoldOutcome::folded);
  EXPECT_EQ(fold.row_count(), 501U) << "each key is found again";
}

TEST_F(FoldTest, AFoldedListIsBounded) {
  for (std::size_t i = 0; i < kMaxFoldedElements; ++i) {
    ASSERT_EQ(add({change("k", {{3, Op::append, Value::text("x")}})}).outcome, FoldOutcome::folded) << i;
  }
  EXPECT_EQ(add({change("k", {{3, Op::append, Value::text("x")}})}).outcome, FoldOutcome::cut);
  fold.begin(arena);
  EXPECT_EQ(add({change("k", {{3, Op::append, Value::text("x")}})}).outcome, FoldOutcome::folded);
}

TEST_F(FoldTest, KeysOfEqualHashStayApart) {
  ChangeList both{change("a", {{4, Op::set, Value::text("1")}}), change("b", {{4, Op::set, Value::text("2")}})};
  both[1].key_hash = both[0].key_hash;
  ASSERT_EQ(add(both).outcome, FoldOutcome::folded);
  EXPECT_EQ(fold.row_count(), 2U);
}

TEST_F(FoldTest, BeginForgetsEverythingWithoutClearingTheTables) {
  for (int batch = 0; batch < 1000; ++batch) {
    ASSERT_EQ(add({change("k" + std::to_string(batch % 3), {{4, Op::set, Value::text("x")}})}).outcome, FoldOutcome::folded);
    ASSERT_EQ(fold.row_count(), 1U);
    fold.begin(arena);
  }
  EXPECT_TRUE(fold.rows().empty());
}

}  // namespace
}  // namespace foldline
