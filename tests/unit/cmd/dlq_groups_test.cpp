// What `foldline dlq list` counts and prints.
#include "cmd/foldline/dlq_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cmd/foldline/dlq_json.h"
#include "cmd/foldline/dlq_letters.h"
#include "common/time.h"

namespace foldline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Groups : public ::testing::Test {
 protected:
  void add(std::int64_t offset, const std::string& reason, const std::string& type, const std::string& failed_at) {
    LetterRecord record;
    record.letter.emplace();
    record.letter->letter_id = "shop:orders:0:" + std::to_string(offset);
    record.letter->topic_partition = {"orders", 0};
    record.letter->offset = offset;
    record.letter->reason = reason;
    record.letter->event_type = type;
    record.letter->stage = "decode";
    record.letter->failed_at_us = *parse_timestamp_us(failed_at);
    ASSERT_TRUE(index.add("orders.dlq", 0, offset, record));
  }
  void close(std::int64_t offset, LetterState state) {
    LetterRecord record;
    record.mark = LetterMark{"shop:orders:0:" + std::to_string(offset), state, 0, 1, 0, "", ""};
    ASSERT_TRUE(index.add("orders.dlq", 0, 1'000 + offset, record));
  }
  std::vector<LetterHead> all(LetterFilter filter = {}) {
    filter.all = true;
    return chosen(filter, index);
  }
  LetterIndex index{"shop"};
};

TEST_F(Groups, LettersAreGroupedByReasonTypeStageDayAndState) {
  add(1, "a", "t", "2026-04-03T09:15:00Z");
  add(2, "a", "t", "2026-04-03T23:59:59Z");
  add(3, "a", "t", "2026-04-04T00:00:00Z");
  add(4, "b", "t", "2026-04-03T09:15:00Z");
  add(5, "a", "", "2026-04-03T09:15:00Z");
  add(6, "a", "t", "2026-04-03T09:15:00Z");
  close(6, LetterState::replayed);
  const auto groups = group_letters(index, all());
  ASSERT_EQ(groups.size(), 5U);
  EXPECT_EQ(groups[0].letters, 2U);
  EXPECT_EQ(groups[0].example, "shop:orders:0:1");
  EXPECT_EQ(format_timestamp(groups[0].newest_us), "2026-04-03T23:59:59Z");
  EXPECT_EQ(summary_of(all()), "6 letters: 5 open, 1 replayed, 0 discarded");
  std::ostringstream out;
  print_table(groups, out);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("LETTERS  STATE     STAGE   TYPE  DAY         OLDEST    NEWEST    EXAMPLE          REASON\n"),
                               HasSubstr("2        open      decode  t     2026-04-03  09:15:00  23:59:59  shop:orders:0:1  a\n"),
                               HasSubstr("1        replayed  decode  t     2026-04-03")));
}

TEST_F(Groups, FiltersLeaveOut) {
  add(1, "total_cents: … is not a bigint", "order.placed", "2026-04-03T09:15:00Z");
  add(2, "not JSON at byte N", "", "2026-04-04T09:15:00Z");
  add(3, "not JSON at byte N", "", "2026-04-05T09:15:00Z");
  close(3, LetterState::discarded);
  const auto count = [&](LetterFilter filter) { return chosen(filter, index).size(); };
  EXPECT_EQ(count({}), 2U) << "what is done is left out";
  EXPECT_EQ(count({.all = true}), 3U);
  EXPECT_EQ(count({.reason = "not JSON*"}), 1U);
  EXPECT_EQ(count({.type = "order.*"}), 1U);
  EXPECT_EQ(count({.stage = "project"}), 0U);
  EXPECT_EQ(count({.since_us = *parse_timestamp_us("2026-04-04T00:00:00Z")}), 1U);
  EXPECT_EQ(count({.until_us = *parse_timestamp_us("2026-04-04T09:15:00Z")}), 1U);
  EXPECT_EQ(count({.ids = {"shop:orders:0:2", "shop:orders:0:9"}}), 1U);
}

TEST_F(Groups, JsonHoldsTheSameNumbers) {
  add(1, "say \"no\"", "t", "2026-04-03T09:15:00Z");
  EXPECT_EQ(groups_json("shop", index, all(), true),
            R"({"projection":"shop","open":1,"replayed":0,"discarded":0,"groups":[{"letters":1,"state":"open","stage":"decode","type":"t",)"
            R"("day":"2026-04-03","oldest":"2026-04-03T09:15:00Z","newest":"2026-04-03T09:15:00Z","reason":"say \"no\"",)"
            R"("example":"shop:orders:0:1"}],"letters":[{"retryCount":0,"letterId":"shop:orders:0:1","state":"open","stage":"decode",)"
            R"("type":"t","failedAt":"2026-04-03T09:15:00Z","reason":"say \"no\""}]})");
}

TEST(Moment, IsATimeADayOrHowLongAgo) {
  const std::int64_t now = *parse_timestamp_us("2026-04-03T09:15:00Z");
  EXPECT_EQ(parse_moment_us("2026-04-03T09:00:00Z", now), *parse_timestamp_us("2026-04-03T09:00:00Z"));
  EXPECT_EQ(parse_moment_us("2026-04-03", now), *parse_timestamp_us("2026-04-03T00:00:00Z"));
  EXPECT_EQ(parse_moment_us("15m", now), *parse_timestamp_us("2026-04-03T09:00:00Z"));
  EXPECT_EQ(parse_moment_us("2d", now), *parse_timestamp_us("2026-04-01T09:15:00Z"));
  EXPECT_FALSE(parse_moment_us("yesterday", now));
  EXPECT_FALSE(parse_moment_us("", now));
}

TEST(IndentedJson, KeepsNumbersAndTextsAsWritten) {
  EXPECT_EQ(indented_json(R"( {"a" : [1.50, {"b":"x\"{,:"}], "c":{}, "d":[ ]} )", "  "),
            "  {\n    \"a\": [\n      1.50,\n      {\n        \"b\": \"x\\\"{,:\"\n      }\n    ],\n    \"c\": {},\n    \"d\": []\n  }");
}

TEST(Readable, ShowsTextAsItIsAndBytesAsBase64) {
  EXPECT_EQ(readable("ä b"), "ä b");
  EXPECT_EQ(readable("\x1b[31m"), "base64:G1szMW0=");
  EXPECT_EQ(readable("\xff"), "base64:/w==");
}

}  // namespace
}  // namespace foldline
