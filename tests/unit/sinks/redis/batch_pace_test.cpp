// G21: how many rows a batch may have for its script to take some 5 ms.
#include "sinks/redis/batch_pace.h"

#include <gtest/gtest.h>

namespace foldline::redis {
namespace {

using std::chrono::microseconds;

TEST(RedisBatchPace, BeginsWithWhatAnyRowsCanHave) { EXPECT_EQ(BatchPace().rows(), kMinBatchRows); }

TEST(RedisBatchPace, CheapRowsAreTakenUntilTheScriptTakesFiveMilliseconds) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(pace.rows(), microseconds(static_cast<std::int64_t>(pace.rows()) * 5 / 4));
  EXPECT_EQ(pace.rows(), 4'000U);
}

TEST(RedisBatchPace, DearRowsAreNoFewerThanTheLeast) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(2'000, microseconds(20'000));
  EXPECT_EQ(pace.rows(), kMinBatchRows);
}

TEST(RedisBatchPace, RowsThatCostNothingAreNoMoreThanTheMost) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(8'000, microseconds(1));
  EXPECT_EQ(pace.rows(), kMaxBatchRows);
}

TEST(RedisBatchPace, SmallBatchesAndClocksThatStoodStillTellNothing) {
  BatchPace pace;
  pace.note(499, microseconds(1));
  pace.note(5'000, microseconds(0));
  EXPECT_EQ(pace.rows(), kMinBatchRows);
}

// Another client's script, a fork's page faults, a machine whose processors are all taken: the script waits, its rows cost no more.
TEST(RedisBatchPace, ScriptsThatHadToWaitAreNotWhatRowsCost) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(4'000, microseconds(i % 4 == 0 ? 4'000 : 4'000 + 3'000 * (i % 5)));
  EXPECT_EQ(pace.rows(), 5'000U);
}

TEST(RedisBatchPace, OneQuickScriptIsNotWhatRowsCost) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(4'000, microseconds(i % 8 == 0 ? 1'000 : 5'000));
  EXPECT_EQ(pace.rows(), 4'000U);
}

TEST(RedisBatchPace, RowsThatBecameDearerAreFewerEightScriptsLater) {
  BatchPace pace;
  for (int i = 0; i < 50; ++i) pace.note(4'000, microseconds(4'000));
  for (int i = 0; i < 8; ++i) pace.note(4'000, microseconds(8'000));
  EXPECT_EQ(pace.rows(), 2'500U);
}

}  // namespace
}  // namespace foldline::redis
