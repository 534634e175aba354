// Distinct letters and what has become of each, whatever was written twice or late (G28).
#include "sinks/dead_letter/letter_index.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

LetterRecord letter(std::int64_t offset, std::int32_t retry_count = 0, const std::string& reason = "r", const std::string& key = "k") {
  LetterRecord out;
  out.letter.emplace();
  out.letter->letter_id = "shop:orders:0:" + std::to_string(offset);
  out.letter->topic_partition = {"orders", 0};
  out.letter->offset = offset;
  out.letter->retry_count = retry_count;
  out.letter->reason = reason;
  out.letter->key = key;
  return out;
}

LetterRecord mark(std::int64_t offset, LetterState state, std::int32_t retry_count = 0, std::int64_t at_us = 0) {
  LetterRecord out;
  out.mark = LetterMark{"shop:orders:0:" + std::to_string(offset), state, retry_count, 1, at_us, "", ""};
  return out;
}

class LetterIndexTest : public ::testing::Test {
 protected:
  void add(const LetterRecord& record) { ASSERT_TRUE(index.add("orders.dlq", 0, next_++, record)); }
  LetterHead only() {
    const auto all = index.letters();
    EXPECT_EQ(all.size(), 1U);
    return all.at(0);
  }
  LetterIndex index{"shop"};

 private:
  std::int64_t next_ = 0;
};

TEST_F(LetterIndexTest, ALetterProducedTwiceIsOneAndItsNewestCopyIsRead) {
  add(letter(7));
  add(letter(7));
  EXPECT_EQ(only().place.offset, 1);
  EXPECT_EQ(only().state, LetterState::open);
  EXPECT_EQ(index.id_of(only()), "shop:orders:0:7");
}

TEST_F(LetterIndexTest, AMarkClosesItsTryOnly) {
  add(letter(7));
  add(mark(7, LetterState::replayed));
  EXPECT_EQ(only().state, LetterState::replayed);
  add(letter(7));  // the worker had died between letter and commit, and writes it again
  EXPECT_EQ(only().state, LetterState::replayed);
  add(letter(7, 1, "other"));
  EXPECT_EQ(only().state, LetterState::open);
  EXPECT_EQ(index.name(only().reason), "other");
  add(letter(7));  // a late copy of the first try
  EXPECT_EQ(only().retry_count, 1);
  add(mark(7, LetterState::replayed, 0, 99));  // a late mark of the first try
  EXPECT_EQ(only().state, LetterState::open);
  add(mark(7, LetterState::discarded, 1));
  EXPECT_EQ(only().state, LetterState::discarded);
}

TEST_F(LetterIndexTest, AMarkThatIsReadBeforeItsLetterCounts) {
  add(mark(7, LetterState::discarded));
  EXPECT_TRUE(index.letters().empty()) << "a mark alone is no letter";
  add(letter(7));
  EXPECT_EQ(only().state, LetterState::discarded);
}

TEST_F(LetterIndexTest, ALetterOfALaterGenerationIsOpenAgain) {
  add(letter(7, 3));
  add(mark(7, LetterState::replayed, 3));
  LetterRecord anew = letter(7);
  anew.letter->generation = 2;
  add(anew);
  EXPECT_EQ(only().state, LetterState::open);
  EXPECT_EQ(only().generation, 2);
  EXPECT_EQ(only().retry_count, 0);
}

TEST_F(LetterIndexTest, OfTwoMarksTheNewestDecides) {
  add(letter(7));
  add(mark(7, LetterState::discarded, 0, 5));
  add(mark(7, LetterState::replayed, 0, 9));
  EXPECT_EQ(only().state, LetterState::replayed);
  add(mark(7, LetterState::discarded, 0, 8));  // from another partition, read later
  EXPECT_EQ(only().state, LetterState::replayed);
}

TEST_F(LetterIndexTest, LettersComeBySourcePosition) {
  for (const std::int64_t offset : {30, 4, 100, 1}) add(letter(offset));
  std::vector<std::int64_t> offsets;
  for (const LetterHead& head : index.letters()) offsets.push_back(head.offset);
  EXPECT_EQ(offsets, (std::vector<std::int64_t>{1, 4, 30, 100}));
}

TEST_F(LetterIndexTest, OnlyLettersOfTheKeyCount) {
  index = LetterIndex("shop", "b");
  add(letter(1, 0, "r", "a"));
  add(letter(2, 0, "r", "b"));
  add(mark(1, LetterState::replayed));
  EXPECT_EQ(only().offset, 2);
}

TEST_F(LetterIndexTest, ForeignRecordsAreCountedAndTheFirstIsNamed) {
  LetterRecord foreign;
  foreign.foreign = true;
  foreign.why = "not a JSON object";
  add(foreign);
  add(foreign);
  EXPECT_EQ(index.foreign_records(), 2U);
  EXPECT_EQ(index.first_foreign(), "orders.dlq/0, offset 0: not a JSON object");
}

}  // namespace
}  // namespace foldline
