#include "common/time.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <limits>

#include "common/decimal.h"  // int128
#include "common/same_text.h"

namespace foldline {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
constexpr std::int64_t kHourUs = 60 * kMinuteUs;
constexpr std::int64_t kDayUs = 24 * kHourUs;

constexpr std::size_t kShownChars = 60;

tl::unexpected<Error> unreadable(std::string_view text, const char* what, const char* hint) {
  std::string shown(text.substr(0, kShownChars));
  if (text.size() > kShownChars) shown += "...";
  return fail(ErrorCode::value, '"' + shown + "\" is not " + what, hint);
}

constexpr const char* kTimestampHint = "RFC 3339, such as 2026-04-03T09:15:00Z or 2026-04-03T09:15:00.250+02:00";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `count` digits at `at`; -1 when one of them is none. The caller has checked the length.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int out = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return -1;
    out = out * 10 + (text[i] - '0');
  }
  return out;
}

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

// The last date that this thread has read: events that follow each other are mostly of one day.
struct LastDate {
  std::array<char, 10> text{'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
  std::int64_t days = 0;
};
thread_local LastDate last_date;

// YYYY-MM-DD at the start of `text` (at least 10 characters long), or false.
bool read_date(std::string_view text, std::int64_t& days) {
  LastDate& last = last_date;
  if (same_text(text.substr(0, last.text.size()), {last.text.data(), last.text.size()})) {
    days = last.days;
    return true;
  }
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  if (year < 1 || text[4] != '-' || text[7] != '-' || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  days = days_from_civil({year, month, day});
  std::copy_n(text.begin(), last.text.size(), last.text.begin());
  last.days = days;
  return true;
}

// .25 → 250,000; moves `at` behind the digits. At most nine; what is finer than a microsecond is cut.
bool read_fraction(std::string_view text, std::size_t& at, std::int64_t& micros) {
  constexpr std::array<std::int64_t, 7> kUnits{kSecondUs, 100'000, 10'000, 1'000, 100, 10, 1};
  const std::size_t first = ++at;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (at - first < kUnits.size() - 1) micros = micros * 10 + (text[at] - '0');
  }
  micros *= kUnits[std::min(at - first, kUnits.size() - 1)];
  return at > first && at - first <= 9;
}

// Z, +02:00, +0200, +02 at the end of `text`, or nothing at all (UTC).
bool read_offset(std::string_view text, std::size_t at, std::int64_t& offset_us) {
  if (at == text.size()) return true;
  if (text[at] == 'Z' || text[at] == 'z') return at + 1 == text.size();
  if (text[at] != '+' && text[at] != '-') return false;
  const std::string_view rest = text.substr(at + 1);
  const bool has_colon = rest.size() == 5 && rest[2] == ':';
  if (rest.size() != 2 && rest.size() != 4 && !has_colon) return false;
  const int hours = digits(rest, 0, 2);
  const int minutes = rest.size() == 2 ? 0 : digits(rest, has_colon ? 3 : 2, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  offset_us = (hours * kHourUs + minutes * kMinuteUs) * (text[at] == '-' ? -1 : 1);
  return true;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Each writes its characters and says where they end.
using TimeText = std::array<char, 40>;  // -290308-12-21T19:59:05.224192Z, and some room

char* put_two(char* to, std::int64_t value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
  return to + 2;
}

char* put_year(char* to, std::int64_t year) {
  if (year >= 0 && year <= 9'999) return put_two(put_two(to, year / 100), year % 100);
  constexpr int kWidth = 5;  // at least, with the sign
  return to + std::snprintf(to, 24, "%0*lld", year < 0 ? kWidth : kWidth - 1, static_cast<long long>(year));
}

char* put_date(char* to, std::int64_t days_since_1970) {
  const CivilDate date = civil_from_days(days_since_1970);
  to = put_year(to, date.year);
  *to++ = '-';
  to = put_two(to, date.month);
  *to++ = '-';
  return put_two(to, date.day);
}

// ".250000", or nothing for a whole second.
char* put_micros(char* to, std::int64_t micros) {
  if (micros == 0) return to;
  *to++ = '.';
  to = put_two(to, micros / 10'000);
  to = put_two(to, micros / 100 % 100);
  return put_two(to, micros % 100);
}

char* put_timestamp(char* to, std::int64_t micros_since_1970) {
  const std::int64_t days = date_of(micros_since_1970);
  const std::int64_t rest = micros_since_1970 % kDayUs;  // the day's start may lie before what 64 bits hold
  const std::int64_t of_day = rest < 0 ? rest + kDayUs : rest;
  to = put_date(to, days);
  *to++ = 'T';
  to = put_two(to, of_day / kHourUs);
  *to++ = ':';
  to = put_two(to, of_day / kMinuteUs % 60);
  *to++ = ':';
  to = put_two(to, of_day / kSecondUs % 60);
  to = put_micros(to, of_day % kSecondUs);
  *to++ = 'Z';
  return to;
}

}  // namespace

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years start in March, so that the leap day comes last.
std::int64_t days_from_civil(const CivilDate& date) {
  const std::int64_t y = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = floor_divide(y, 400);
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

CivilDate civil_from_days(std::int64_t days) {
  const std::int64_t z = days + 719'468;
  const std::int64_t era = floor_divide(z, 146'097);
  const std::int64_t day_of_era = z - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  CivilDate out;
  out.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  out.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
  return out;
}

std::optional<std::int64_t> read_timestamp_us(std::string_view text) {
  constexpr std::size_t kSecondsEnd = 19;  // 2026-04-03T09:15:00
  std::int64_t days = 0;
  if (text.size() < kSecondsEnd || !read_date(text, days)) return std::nullopt;
  const char separator = text[10];
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);  // 60 is a leap second: the next second's start, as in Postgres
  std::size_t at = kSecondsEnd;
  std::int64_t micros = 0;
  std::int64_t offset_us = 0;
  if (separator != 'T' && separator != 't' && separator != ' ') return std::nullopt;
  if (text[13] != ':' || text[16] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return std::nullopt;
  if (at < text.size() && text[at] == '.' && !read_fraction(text, at, micros)) return std::nullopt;
  if (!read_offset(text, at, offset_us)) return std::nullopt;
  return days * kDayUs + hour * kHourUs + minute * kMinuteUs + second * kSecondUs + micros - offset_us;
}

Result<std::int64_t> parse_timestamp_us(std::string_view text) {
  if (const auto time_us = read_timestamp_us(text)) return *time_us;
  return unreadable(text, "a timestamp", kTimestampHint);
}

Result<std::int64_t> parse_date_days(std::string_view text) {
  std::int64_t days = 0;
  if (text.size() != 10 || !read_date(text, days)) return unreadable(text, "a date", "a date is written 2026-04-03");
  return days;
}

void append_timestamp(std::string& out, std::int64_t micros_since_1970) {
  TimeText text;
  out.append(text.data(), put_timestamp(text.data(), micros_since_1970));
}

std::string format_date(std::int64_t days_since_1970) {
  TimeText text;
  return {text.data(), put_date(text.data(), days_since_1970)};
}

std::string format_timestamp(std::int64_t micros_since_1970) {
  std::string out;
  append_timestamp(out, micros_since_1970);
  return out;
}

std::int64_t date_of(std::int64_t micros_since_1970) { return floor_divide(micros_since_1970, kDayUs); }

Result<std::int64_t> parse_duration_us(std::string_view text) {
  constexpr const char* kHint = "one number and one unit, such as 30s, 5m, 2h, 7d or 2w";
  std::int64_t number = 0;
  std::size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (__builtin_mul_overflow(number, std::int64_t{10}, &number) || __builtin_add_overflow(number, text[at] - '0', &number)) {
      return unreadable(text, "a duration: it is too long", kHint);
    }
  }
  const std::string_view unit = text.substr(at);
  std::int64_t unit_us = 0;
  if (unit == "s") unit_us = kSecondUs;
  if (unit == "m") unit_us = kMinuteUs;
  if (unit == "h") unit_us = kHourUs;
  if (unit == "d") unit_us = kDayUs;
  if (unit == "w") unit_us = 7 * kDayUs;
  if (at == 0 || unit_us == 0) return unreadable(text, "a duration", kHint);
  if (__builtin_mul_overflow(number, unit_us, &number)) return unreadable(text, "a duration: it is too long", kHint);
  return number;
}

std::string format_interval(std::int64_t micros) {
  if (micros == 0) return "PT0S";
  std::string out = micros < 0 ? "-PT" : "PT";
  std::uint64_t rest = micros < 0 ? 0 - static_cast<std::uint64_t>(micros) : static_cast<std::uint64_t>(micros);
  const std::uint64_t hours = rest / kHourUs;
  rest %= kHourUs;
  const std::uint64_t minutes = rest / kMinuteUs;
  rest %= kMinuteUs;
  if (hours != 0) out += std::to_string(hours) + 'H';
  if (minutes != 0) out += std::to_string(minutes) + 'M';
  if (rest != 0) {
    out += std::to_string(rest / kSecondUs);
    TimeText micros_text;
    out.append(micros_text.data(), put_micros(micros_text.data(), static_cast<std::int64_t>(rest % kSecondUs)));
    out += 'S';
  }
  return out;
}

namespace {

struct UnitOf {
  std::string_view name;
  std::int64_t nanos;
};

// Adds `number` (digits with an optional fraction) times `unit_ns` to `sum`; false: not a number, or too long.
bool add_part(std::string_view number, std::int64_t unit_ns, int128& sum_ns) {
  std::int64_t whole = 0;
  std::size_t at = 0;
  for (; at < number.size() && is_digit(number[at]); ++at) {
    if (__builtin_mul_overflow(whole, std::int64_t{10}, &whole) || __builtin_add_overflow(whole, number[at] - '0', &whole)) return false;
  }
  sum_ns += static_cast<int128>(whole) * unit_ns;
  if (at == number.size()) return at > 0;
  if (number[at] != '.' || at + 1 == number.size()) return false;
  std::int64_t part_ns = unit_ns;
  for (++at; at < number.size(); ++at) {
    if (!is_digit(number[at])) return false;
    part_ns /= 10;
    sum_ns += part_ns * (number[at] - '0');
  }
  return true;
}

template <std::size_t N>
bool add_parts(std::string_view text, const std::array<UnitOf, N>& units, int128& sum_ns) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t number = text.find_first_not_of("0123456789.");
    if (number == std::string_view::npos || number == 0) return false;
    std::int64_t unit_ns = 0;
    std::size_t unit_size = 0;
    for (const UnitOf& unit : units) {
      if (unit.name.size() > unit_size && text.substr(number).starts_with(unit.name)) {
        unit_ns = unit.nanos;
        unit_size = unit.name.size();
      }
    }
    if (unit_size == 0 || !add_part(text.substr(0, number), unit_ns, sum_ns)) return false;
    text.remove_prefix(number + unit_size);
  }
  return true;
}

bool add_iso_parts(std::string_view text, int128& sum_ns) {
  constexpr std::int64_t kNs = 1000;
  constexpr std::array<UnitOf, 2> kDays{{{"W", 7 * kDayUs * kNs}, {"D", kDayUs * kNs}}};
  constexpr std::array<UnitOf, 3> kTimes{{{"H", kHourUs * kNs}, {"M", kMinuteUs * kNs}, {"S", kSecondUs * kNs}}};
  const std::size_t t = text.find('T');
  if (t == std::string_view::npos) return add_parts(text, kDays, sum_ns);
  if (t != 0 && !add_parts(text.substr(0, t), kDays, sum_ns)) return false;
  return add_parts(text.substr(t + 1), kTimes, sum_ns);
}

}  // namespace

Result<std::int64_t> parse_interval_us(std::string_view text) {
  constexpr std::array<UnitOf, 6> kUnits{
      {{"h", kHourUs * 1000}, {"m", kMinuteUs * 1000}, {"s", kSecondUs * 1000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};
  constexpr const char* kHint = "such as 30m, 1h30m, 250ms or PT1H30M";
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  int128 nanos = 0;
  bool good = false;
  if (rest == "0") {
    good = true;
  } else if (!rest.empty() && rest[0] == 'P') {
    good = add_iso_parts(rest.substr(1), nanos);
  } else {
    good = add_parts(rest, kUnits, nanos);
  }
  if (!good || text.size() > 64) return unreadable(text, "an interval", kHint);
  const int128 micros = nanos / 1000;  // what is finer than a microsecond is cut
  if (micros > std::numeric_limits<std::int64_t>::max()) return unreadable(text, "an interval: it is too long", kHint);
  return static_cast<std::int64_t>(negative ? -micros : micros);
}

}  // namespace foldline
