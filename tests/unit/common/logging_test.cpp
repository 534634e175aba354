// A log line is one line, whatever stands in an event; as JSON it is always JSON.
#include "common/logging.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "common/arena.h"
#include "common/json.h"

namespace foldline {
namespace {

class LoggingTest : public ::testing::Test {
 protected:
  LoggingTest() : before_(spdlog::default_logger()) {}
  ~LoggingTest() override { spdlog::set_default_logger(before_); }

  template <class Write>
  std::string written(LogFormat format, Write write) {
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(init_logging({.level = "info", .format = format}));
    write();
    spdlog::default_logger()->flush();
    return ::testing::internal::GetCapturedStderr();
  }
  std::shared_ptr<spdlog::logger> before_;
};

std::string member(const std::string& line, std::string_view name) {
  Arena arena;
  const auto parsed = parse_json(line, arena);
  if (!parsed || parsed->kind() != Kind::map) return "not JSON: " + line;
  for (const auto& entry : parsed->as_map()) {
    if (entry.key == name) return std::string(entry.value.as_text());
  }
  return "absent";
}

TEST_F(LoggingTest, JsonLinesHoldTimeLevelMessageAndFields) {
  const std::string line = written(LogFormat::json, [] {
    const LogScope about({{"topic", "orders"}, {"correlation_id", "7f3a"}, {"event_id", ""}});
    spdlog::warn("store: {}", "away");
  });
  EXPECT_EQ(member(line, "level"), "warn");
  EXPECT_EQ(member(line, "message"), "store: away");
  EXPECT_EQ(member(line, "correlation_id"), "7f3a");
  EXPECT_EQ(member(line, "event_id"), "absent");
  EXPECT_EQ(member(line, "time").size(), std::string("2026-04-03T09:15:00.000000Z").size()) << line;
}

TEST_F(LoggingTest, AnEventCanNotWriteLinesOfItsOwn) {
  const std::string nasty = "x\n2026-04-03T09:15:00.000000Z error all is lost \"]\x01";
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    const std::string text = written(format, [&] {
      const LogScope about({{"correlation_id", nasty}});
      spdlog::info("dead letter: {}", nasty);
    });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

TEST_F(LoggingTest, BytesThatAreNoTextLeaveTheLineJson) {
  const std::string line = written(LogFormat::json, [] {
    const LogScope about({{"event_id", "\xff\xfe"}});
    spdlog::info("bytes \xc3");
  });
  EXPECT_EQ(member(line, "message"), "bytes ?");
}

TEST_F(LoggingTest, LongFieldsAreCutAndScopesEnd) {
  const std::string text = written(LogFormat::text, [] {
    {
      const LogScope about({{"id", std::string(10'000, 'x')}});
      spdlog::info("one");
    }
    spdlog::info("two");
  });
  EXPECT_LT(text.size(), 500U);
  EXPECT_NE(text.find("info  two\n"), std::string::npos) << text;
  EXPECT_NE(text.find("one [id=xxx"), std::string::npos) << text;
}

}  // namespace
}  // namespace foldline
