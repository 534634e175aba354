// What letters are counted by: equal faults must have equal reasons, whatever the event held.
#include "sinks/dead_letter/reason.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

std::string reason(const std::string& message, ErrorCode code = ErrorCode::value) {
  return letter_reason({code, message, "a hint", false});
}

TEST(LetterReason, LeavesOutWhatTheEventHeld) {
  EXPECT_EQ(reason(R"(total_cents: "many" is not a bigint)"), "total_cents: … is not a bigint");
  EXPECT_EQ(reason(R"(note: "say \"no\" 5 times" is too long)"), "note: … is too long");
  EXPECT_EQ(reason("not JSON at byte 117"), "not JSON at byte N");
  EXPECT_EQ(reason("a record of 20971520.5 bytes"), "a record of N bytes");
  EXPECT_EQ(reason("\"cut off in the mid"), "…");
}

TEST(LetterReason, KeepsNamesAndWordsWithDigits) {
  EXPECT_EQ(reason(R"(null value in column "total_2" violates constraint "c_1")", ErrorCode::store_rejected),
            R"(null value in column "total_2" violates constraint "c_1")");
  EXPECT_EQ(reason("line2 is missing in utf8"), "line2 is missing in utf8");
}

TEST(LetterReason, ARejectsReasonStandsAsItIs) {
  EXPECT_EQ(reason(R"(More than 3 "coins")", ErrorCode::rejected), R"(More than 3 "coins")");
}

TEST(LetterReason, IsNeverEmptyAndNeverLong) {
  EXPECT_EQ(reason(""), "value");
  std::string umlauts;
  for (int i = 0; i < 500; ++i) umlauts += "ä";
  const std::string out = reason("x" + umlauts);
  EXPECT_LE(out.size(), kMaxReasonBytes);
  EXPECT_EQ(out.size() % 2, 1U);  // x and whole characters
}

}  // namespace
}  // namespace foldline
