#include "sinks/postgres/errors.h"

#include <gmock/gmock.h>

#include "sinks/postgres/connection.h"

namespace foldline::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommitStatus status_of(const std::string& sqlstate, bool rows_at_fault = true) {
  Failure failure;
  failure.sqlstate = sqlstate;
  const Verdict verdict = judge(failure, "writing view v", rows_at_fault);
  EXPECT_EQ(verdict.error.retryable, verdict.status == CommitStatus::retry) << sqlstate;
  EXPECT_FALSE(verdict.error.hint.empty()) << sqlstate;
  return verdict.status;
}

// G19: poison is what the data alone causes.
TEST(PostgresErrors, OnlyDataIsPoison) {
  for (const char* sqlstate : {"22001", "22003", "22P02", "22P05", "22021", "23502", "23505", "23514", "54000", "21000"}) {
    EXPECT_EQ(status_of(sqlstate), CommitStatus::rejected) << sqlstate;
  }
  for (const char* sqlstate : {"",      "08006", "25006", "25P02", "40001", "40P01", "42703", "42P01", "42501", "42804", "53100",
                               "53300", "54001", "54011", "55P03", "57014", "57P01", "58030", "P0001", "XX000", "0A000", "3F000"}) {
    EXPECT_EQ(status_of(sqlstate), CommitStatus::retry) << sqlstate;
  }
}

// A statement of the checkpoints can't be poisoned by rows: letters would not help.
TEST(PostgresErrors, DataErrorOutsideOfTheRowsIsRetried) { EXPECT_EQ(status_of("22003", false), CommitStatus::retry); }

TEST(PostgresErrors, MessageNamesThePlace) {
  Failure failure{"23502", "null value in column", "orders", "total", "", false};
  EXPECT_EQ(judge(failure, "writing view v", true).error.message,
            "writing view v: null value in column (SQLSTATE 23502, table orders, column total)");
}

TEST(PostgresErrors, LoginErrorsThatAPersonMustMendAreNotRetryable) {
  EXPECT_FALSE(connect_error("28P01", "m", "host=h").retryable);
  EXPECT_FALSE(connect_error("28000", "m", "host=h").retryable);
  EXPECT_FALSE(connect_error("3D000", "m", "host=h").retryable);
  EXPECT_TRUE(connect_error("53300", "m", "host=h").retryable);
  EXPECT_TRUE(connect_error("57P03", "m", "host=h").retryable);
  EXPECT_TRUE(connect_error("", "Connection refused", "host=h").retryable);
  EXPECT_TRUE(connect_error("", "session is read-only", "host=h").retryable);
}

TEST(PostgresErrors, TargetNeverShowsThePassword) {
  EXPECT_EQ(describe_target(Secret("postgres://ann:s3cr3t@db1:6543/shop")), "host=db1 port=6543 dbname=shop user=ann");
  EXPECT_THAT(describe_target(Secret("host=db1 password=s3cr3t")), Not(HasSubstr("s3cr3t")));
}

}  // namespace
}  // namespace foldline::postgres
