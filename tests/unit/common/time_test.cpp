#include "common/time.h"

#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <optional>
#include <random>
#include <string>
#include <thread>

namespace foldline {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;

std::int64_t at(std::string_view text) {
  const auto us = parse_timestamp_us(text);
  EXPECT_TRUE(us.has_value()) << text;
  return us.value_or(-1);
}

TEST(Timestamp, ReadsRfc3339WithAnyOffset) {
  EXPECT_EQ(at("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(at("2026-04-03T09:15:00Z"), 1'775'207'700 * kSecond);
  EXPECT_EQ(at("2026-04-03T11:15:00+02:00"), at("2026-04-03T09:15:00Z"));
  EXPECT_EQ(at("2026-04-03T03:45:00-05:30"), at("2026-04-03T09:15:00Z"));
  EXPECT_EQ(at("2026-04-03t09:15:00z"), at("2026-04-03T09:15:00Z"));
  EXPECT_EQ(at("1969-12-31T23:59:59.999999Z"), -1);
  EXPECT_EQ(at("0001-01-01T00:00:00Z"), kMinTimestampUs);
  EXPECT_EQ(at("9999-12-31T23:59:59.999999Z"), kMaxTimestampUs);
}

TEST(Timestamp, ReadsWhatProducersWriteBesidesRfc3339) {
  EXPECT_EQ(at("2026-04-03T09:15:00"), at("2026-04-03T09:15:00Z"));           // no zone: UTC
  EXPECT_EQ(at("2026-04-03 09:15:00.5"), at("2026-04-03T09:15:00.500000Z"));  // Postgres
  EXPECT_EQ(at("2026-04-03 11:15:00+02"), at("2026-04-03T09:15:00Z"));
  EXPECT_EQ(at("2026-04-03T11:15:00+0200"), at("2026-04-03T09:15:00Z"));
  EXPECT_EQ(at("2026-04-03T09:15:00.123456789Z"), at("2026-04-03T09:15:00.123456Z"));  // cut to µs
  EXPECT_EQ(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));                   // a leap second
}

TEST(Timestamp, RefusesEverythingElse) {
  for (const char* text : {"",
                           "now",
                           "2026-04-03",
                           "2026-04-03T09:15Z",
                           "2026-13-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-04-03T24:00:00Z",
                           "2026-04-03T09:60:00Z",
                           "2026-04-03T09:15:61Z",
                           "2026-04-03T09:15:00.Z",
                           "2026-04-03T09:15:00.1234567890Z",
                           "2026-04-03T09:15:00+25:00",
                           "2026-04-03T09:15:00+02:0",
                           "2026-04-03T09:15:00Zx",
                           "2026-04-03X09:15:00Z",
                           "0000-01-01T00:00:00Z",
                           "2026-04-03T09:15:00 Z",
                           "20260403T091500Z",
                           "+2026-04-03T09:15:00Z",
                           "2026-04-03T09:15:00+",
                           "2026-4-3T09:15:00Z0000"}) {
    EXPECT_FALSE(parse_timestamp_us(text).has_value()) << text;
  }
  EXPECT_EQ(parse_timestamp_us("yesterday").error().message, "\"yesterday\" is not a timestamp");
  EXPECT_NE(parse_timestamp_us("yesterday").error().hint.find("RFC 3339"), std::string::npos);
}

// Any byte in any place, against a reading of its own.
TEST(Timestamp, AnyByteInTheClock) {
  const auto plain = [](std::string_view clock) -> std::optional<std::int64_t> {
    std::array<std::int64_t, 3> parts{};
    for (std::size_t i = 0; i < 8; ++i) {
      if (i % 3 == 2 ? clock[i] != ':' : clock[i] < '0' || clock[i] > '9') return std::nullopt;
      if (i % 3 != 2) parts[i / 3] = parts[i / 3] * 10 + clock[i] - '0';
    }
    if (parts[0] > 23 || parts[1] > 59 || parts[2] > 60) return std::nullopt;
    return (parts[0] * 3'600 + parts[1] * 60 + parts[2]) * kSecond;
  };
  for (const std::string_view whole : {"09:15:42", "00:00:00", "19:59:60", "23:59:59", "20:30:06"}) {
    for (std::size_t place = 0; place < whole.size() * whole.size(); ++place) {  // one byte changed, and one of the others by one bit
      for (int byte = 0; byte < 256; ++byte) {
        std::string clock(whole);
        clock[place / 8] = static_cast<char>(byte);
        if (place % 8 != place / 8) clock[place % 8] = static_cast<char>(clock[place % 8] ^ (1 << byte % 8));
        const auto read = parse_timestamp_us("1970-01-01T" + clock + "Z");
        const auto expected = plain(clock);
        ASSERT_EQ(read.has_value(), expected.has_value()) << ::testing::PrintToString(clock);
        if (expected) {
          ASSERT_EQ(*read, *expected) << clock;
        }
      }
    }
  }
}

// The last day is remembered: neighbours, and what no calendar has, by turns.
TEST(Timestamp, ADayIsNotTakenForTheOneBefore) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(at("2026-02-27T00:00:00Z") + 86'400 * kSecond, at("2026-02-28T00:00:00Z"));
    EXPECT_FALSE(parse_timestamp_us("2026-02-29T00:00:00Z").has_value());
    EXPECT_EQ(at("2026-02-28T00:00:00Z") + 86'400 * kSecond, at("2026-03-01T00:00:00Z"));
    EXPECT_FALSE(parse_timestamp_us("2026-03-01X00:00:00Z").has_value());
  }
  std::thread([] {  // a thread that has read none yet
    EXPECT_FALSE(parse_timestamp_us(std::string(10, '\0') + "T00:00:00Z").has_value());
    EXPECT_EQ(at("1970-01-01T00:00:01Z"), kSecond);
  })
      .join();
}

TEST(Timestamp, PrintsWholeSecondsWithoutFraction) {
  EXPECT_EQ(format_timestamp(at("2026-04-03T09:15:00Z")), "2026-04-03T09:15:00Z");
  EXPECT_EQ(format_timestamp(at("2026-04-03T09:15:00.25Z")), "2026-04-03T09:15:00.250000Z");
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_timestamp(INT64_MIN), "-290308-12-21T19:59:05.224192Z");
  EXPECT_EQ(format_timestamp(INT64_MAX), "294247-01-10T04:00:54.775807Z");
}

TEST(Timestamp, YearsHaveFourDigitsOrMore) {
  EXPECT_EQ(format_date(days_from_civil({0, 1, 1})), "0000-01-01");
  EXPECT_EQ(format_date(days_from_civil({-1, 12, 31})), "-0001-12-31");
  EXPECT_EQ(format_date(days_from_civil({7, 3, 4})), "0007-03-04");
  EXPECT_EQ(format_date(days_from_civil({9'999, 12, 31})), "9999-12-31");
  EXPECT_EQ(format_date(days_from_civil({10'000, 1, 1})), "10000-01-01");
  std::string out = "at ";
  append_timestamp(out, kSecond / 4);
  EXPECT_EQ(out, "at 1970-01-01T00:00:00.250000Z");
}

TEST(Timestamp, AgreesWithTheSystemsCalendar) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::time_t seconds = static_cast<std::time_t>(random() % 315'537'897'600ULL) - 62'135'596'800;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                  parts.tm_min, parts.tm_sec);
    ASSERT_EQ(at(text), seconds * kSecond) << text;
    ASSERT_EQ(format_timestamp(seconds * kSecond), text);
    const std::int64_t micros = static_cast<std::int64_t>(random() % kSecond);
    char with_micros[64];
    std::snprintf(with_micros, sizeof with_micros, "%.19s.%06dZ", text, static_cast<int>(micros));
    ASSERT_EQ(format_timestamp(seconds * kSecond + micros), std::string(micros == 0 ? text : with_micros));
    ASSERT_EQ(format_date(date_of(seconds * kSecond)), std::string(text, 10));
  }
}

TEST(Date, ReadsOneFormOnly) {
  EXPECT_EQ(*parse_date_days("1970-01-02"), 1);
  EXPECT_EQ(*parse_date_days("2024-02-29"), 19'782);
  for (const char* text : {"2026-4-3", "2026-04-03T00:00:00Z", "03.04.2026", "2025-02-29", ""}) EXPECT_FALSE(parse_date_days(text)) << text;
}

TEST(Duration, IsOneNumberAndOneUnit) {
  EXPECT_EQ(*parse_duration_us("30s"), 30 * kSecond);
  EXPECT_EQ(*parse_duration_us("5m"), 300 * kSecond);
  EXPECT_EQ(*parse_duration_us("2h"), 2 * kHour);
  EXPECT_EQ(*parse_duration_us("7d"), 7 * 24 * kHour);
  EXPECT_EQ(*parse_duration_us("2w"), 14 * 24 * kHour);
  for (const char* text : {"", "5", "m", "5 m", "1h30m", "-5m", "5M", "99999999999999999999s", "9223372036854775807w"}) {
    EXPECT_FALSE(parse_duration_us(text)) << text;
  }
}

TEST(Interval, ReadsCelAndIsoForms) {
  EXPECT_EQ(*parse_interval_us("1h30m"), 90 * 60 * kSecond);
  EXPECT_EQ(*parse_interval_us("-1.5s"), -1'500'000);
  EXPECT_EQ(*parse_interval_us("250ms"), 250'000);
  EXPECT_EQ(*parse_interval_us("1m1ms1us1000ns"), 60'001'002);
  EXPECT_EQ(*parse_interval_us("0"), 0);
  EXPECT_EQ(*parse_interval_us("P1DT2H"), 26 * kHour);
  EXPECT_EQ(*parse_interval_us("PT0.25S"), 250'000);
  EXPECT_EQ(*parse_interval_us("-PT1M"), -60 * kSecond);
  for (const char* text : {"", "P", "PT", "1", "1d", "P1Y", "h", "1.h", ".5h.", "--1s", "1h 30m", "9999999999999h"}) {
    EXPECT_FALSE(parse_interval_us(text)) << text;
  }
}

TEST(Interval, PrintsWhatItReads) {
  EXPECT_EQ(format_interval(0), "PT0S");
  EXPECT_EQ(format_interval(26 * kHour + 30 * 60 * kSecond), "PT26H30M");
  EXPECT_EQ(format_interval(-250'000), "-PT0.250000S");
  for (const std::int64_t us : {std::int64_t{1}, std::int64_t{-1}, 90'061'000'001, -kHour, INT64_MAX}) {
    EXPECT_EQ(*parse_interval_us(format_interval(us)), us);
  }
}

TEST(Zone, UtcNeedsNoDatabase) {
  const auto zone = Zone::load("UTC");
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->offset_us(at("2026-07-01T00:00:00Z")), 0);
  EXPECT_EQ(zone->name(), "UTC");
}

TEST(Zone, SummerTimeOfBerlinAlsoAfterTheTablesEnd) {
  const auto zone = Zone::load("Europe/Berlin");
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(zone->offset_us(at("2026-01-15T12:00:00Z")), kHour);
  EXPECT_EQ(zone->offset_us(at("2026-03-29T00:59:59Z")), kHour);
  EXPECT_EQ(zone->offset_us(at("2026-03-29T01:00:00Z")), 2 * kHour);
  EXPECT_EQ(zone->offset_us(at("2026-10-25T00:59:59Z")), 2 * kHour);
  EXPECT_EQ(zone->offset_us(at("2026-10-25T01:00:00Z")), kHour);
  EXPECT_EQ(zone->offset_us(at("2080-07-01T00:00:00Z")), 2 * kHour);  // past 2037: the footer's rule
  EXPECT_EQ(zone->offset_us(at("2080-12-01T00:00:00Z")), kHour);
  EXPECT_EQ(format_date(zone->date_of(at("2026-04-03T22:30:00Z"))), "2026-04-04");
}

// Oracle: the C library reads the same database by code of its own.
TEST(Zone, OffsetsAgreeWithTheCLibrary) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "Africa/Casablanca",
                           "America/Sao_Paulo", "Pacific/Chatham", "America/St_Johns", "Europe/Dublin", "Asia/Tehran"}) {
    const auto zone = Zone::load(name);
    ASSERT_TRUE(zone) << zone.error().message;
    setenv("TZ", name, 1);
    tzset();
    for (int round = 0; round < 2'000; ++round) {
      const std::time_t seconds = static_cast<std::time_t>(random() % 6'000'000'000ULL) - 2'000'000'000;  // 1906 to 2096
      std::tm parts{};
      localtime_r(&seconds, &parts);
      ASSERT_EQ(zone->offset_us(seconds * kSecond), parts.tm_gmtoff * kSecond) << name << " at " << seconds;
    }
  }
  unsetenv("TZ");
  tzset();
}

TEST(Zone, AnUnknownNameIsAnErrorWithAHint) {
  const std::string_view with_nul("UTC\0", 4);
  for (const std::string_view name : {std::string_view("Mars/Olympus"), std::string_view(), std::string_view("../../etc/passwd"),
                                      std::string_view("/etc/passwd"), std::string_view("Europe"), with_nul}) {
    const auto zone = Zone::load(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::config);
    EXPECT_FALSE(zone.error().hint.empty());
  }
}

}  // namespace
}  // namespace foldline
