// What a lane counts for /metrics, and what it says of dead letters.
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "engine/letter_log.h"
#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

std::uint64_t by_type(const LaneStats& stats, const std::string& type, EventOutcome outcome) {
  const auto names = stats.types.names();
  const auto found = std::find(names.begin(), names.end(), type);
  if (found == names.end()) return 0;
  return stats.events_by_type[static_cast<std::size_t>(found - names.begin())][static_cast<std::size_t>(outcome)].load();
}

std::uint64_t letters_of(const LaneStats& stats, Stage stage, ErrorCode code) {
  return stats.letters_by_code[static_cast<std::size_t>(stage)][letter_code_index(code)].load();
}

TEST_F(LaneTest, EventsAreCountedByTypeAndOutcomeOnceTheyAreCommitted) {
  append("a|add|k|1");
  append("b|add|k|1");
  append("b|add|k|1");
  append("c|set|k|x");
  append("d|reject|k|x");
  append("e|poison|k|x");
  append("!f|add|k|1");
  start();
  EXPECT_EQ(by_type(h->stats, "add", EventOutcome::folded), 0U) << "nothing is committed yet";
  settle();
  EXPECT_EQ(by_type(h->stats, "add", EventOutcome::folded), 2U);
  EXPECT_EQ(by_type(h->stats, "add", EventOutcome::duplicate), 1U);
  EXPECT_EQ(by_type(h->stats, "set", EventOutcome::folded), 1U);
  EXPECT_EQ(by_type(h->stats, "reject", EventOutcome::letter), 1U);
  EXPECT_EQ(by_type(h->stats, "poison", EventOutcome::letter), 1U);
  EXPECT_EQ(letters_of(h->stats, Stage::project, ErrorCode::rejected), 1U);
  EXPECT_EQ(letters_of(h->stats, Stage::store, ErrorCode::store_rejected), 1U);
  EXPECT_EQ(letters_of(h->stats, Stage::decode, ErrorCode::decode), 1U);
  EXPECT_EQ(h->stats.latency_us.count(), 3U) << "of what was folded, not of letters or duplicates";
  EXPECT_EQ(h->stats.batch_records.sum(), 7U);
}

TEST_F(LaneTest, ABatchThatWaitsForTheStoreIsSeenInTheQueuesAndCountsForNothing) {
  start();
  settle();
  append("a|add|k|1");
  h->lane->step(now);
  EXPECT_EQ(h->stats.committing_records.load(), 1U);
  EXPECT_GT(h->stats.committing_bytes.load(), 0U);
  append("b|add|k|1");
  append("c|add|k|1");
  h->lane->step(now);
  EXPECT_EQ(h->stats.building_records.load(), 2U);
  EXPECT_EQ(h->stats.latency_us.count(), 0U);
  settle();
  EXPECT_EQ(h->stats.committing_records.load(), 0U);
  EXPECT_EQ(h->stats.building_records.load(), 0U);
  EXPECT_EQ(h->stats.processed_ids.load(), 3U);
}

TEST_F(LaneTest, ARestartedLaneKnowsHowOldItsNewestRecordIs) {
  append("a|add|k|1");
  append("b|add|k|1");
  start();
  settle();
  const std::int64_t newest = h->stats.partitions().at(0).newest_record_us;
  EXPECT_NE(newest, INT64_MIN);
  start();  // crash: the anchor is read again, to see that this is the same log (G6)
  settle();
  EXPECT_EQ(h->stats.partitions().at(0).newest_record_us, newest);
}

class LetterLogTest : public ::testing::Test {
 protected:
  LetterLogTest() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out_)));
  }
  ~LetterLogTest() override { spdlog::set_default_logger(before_); }

  static std::vector<Letter> letters(std::size_t count) {
    Letter letter;
    letter.reason = "total_cents: … is not a bigint";
    letter.topic_partition = {"orders", 3};
    return std::vector<Letter>(count, letter);
  }
  [[nodiscard]] std::size_t lines() const {
    const std::string text = out_.str();
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::ostringstream out_;
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(LetterLogTest, AFloodOfLettersIsAFewLinesAndACount) {
  LetterLog log(false);
  Instant now{};
  for (int i = 0; i < 1'000; ++i) log.add(letters(10), now);
  EXPECT_EQ(lines(), LetterLog::kLinesPerMinute);
  log.tick(now + std::chrono::seconds(59));
  EXPECT_EQ(lines(), LetterLog::kLinesPerMinute);
  log.tick(now + std::chrono::seconds(60));
  EXPECT_NE(out_.str().find("9980 more dead letters"), std::string::npos) << out_.str();
  log.add(letters(1), now + std::chrono::seconds(61));
  EXPECT_EQ(lines(), LetterLog::kLinesPerMinute + 2) << "the next minute has lines of its own";
}

TEST_F(LetterLogTest, ARedactedSourcesReasonIsNotWritten) {
  LetterLog log(true);
  log.add(letters(1), {});
  EXPECT_EQ(out_.str().find("total_cents"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("dead letter"), std::string::npos);
}

}  // namespace
}  // namespace foldline::testing
