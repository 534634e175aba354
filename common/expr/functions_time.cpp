// Times. A zone is the projection's (G12) unless a last argument names another one; it is a constant, loaded with the file.
#include <fmt/format.h>
#include <array>

#include "common/expr/functions.h"

namespace foldline::expr {
namespace {

using Arguments = std::span<const Value>;
using K = ExprKind;

constexpr KindSet kTimestamp = set_of(K::timestamp);
constexpr KindSet kDay = set_of(K::timestamp, K::date);
constexpr KindSet kInterval = set_of(K::interval);

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kDayMicros = 86'400 * kMicros;

std::int64_t day_of(const Value& v, const Runtime& run) { return v.is(Kind::date) ? v.as_int() : run.zone->date_of(v.as_int()); }

// On the zone's clock.
std::int64_t local_us(const Value& v, const Runtime& run) { return v.as_int() + run.zone->offset_us(v.as_int()); }
std::int64_t of_day_us(const Value& v, const Runtime& run) {
  const std::int64_t local = local_us(v, run);
  return local - foldline::date_of(local) * kDayMicros;
}

int weekday(std::int64_t days) { return static_cast<int>(((days + 4) % 7 + 7) % 7); }  // 0 = Sunday; 1970-01-01 was a Thursday

bool date(Arguments a, Runtime& run, Value& out) {
  out = Value::date(day_of(a[0], run));
  return true;
}

bool month(Arguments a, Runtime& run, Value& out) {
  const CivilDate day = civil_from_days(day_of(a[0], run));
  out = Value::text(run.arena.copy(fmt::format("{:04}-{:02}", day.year, day.month)));
  return true;
}

// ISO 8601: a week belongs to the year of its Thursday.
bool week(Arguments a, Runtime& run, Value& out) {
  const std::int64_t day = day_of(a[0], run);
  const std::int64_t thursday = day - (weekday(day) + 6) % 7 + 3;
  const std::int64_t year = civil_from_days(thursday).year;
  const std::int64_t number = (thursday - days_from_civil({year, 1, 1})) / 7 + 1;
  out = Value::text(run.arena.copy(fmt::format("{:04}-W{:02}", year, number)));
  return true;
}

bool epoch(Arguments a, Runtime& run, Value& out) {
  const std::string_view unit = a[1].as_text();
  Decimal factor;
  if (unit == "s") {
    factor = {kMicros, 0};
  } else if (unit == "ms") {
    factor = {1000, 0};
  } else if (unit == "us") {
    factor = {1, 0};
  } else if (unit == "ns") {
    factor = {1, 3};
  } else {
    return run.fail(fmt::format("{} is no unit of epoch()", describe(a[1])), "'s', 'ms', 'us' or 'ns'");
  }
  const Decimal number = a[0].is(Kind::integer) ? Decimal::from_int(a[0].as_int()) : a[0].as_decimal();
  const auto micros = multiply(number, factor);
  // Finer than a microsecond is cut, towards the past.
  auto whole = micros ? rescale(*micros, 0) : micros;
  if (whole && compare(*whole, *micros) > 0) whole = subtract(*whole, Decimal::from_int(1));
  const auto us = whole ? whole->to_int64() : tl::unexpected<Error>(whole.error());
  if (!us || *us < kMinTimestampUs || *us > kMaxTimestampUs) {
    return run.fail(fmt::format("epoch({}, '{}') is out of range: years are 0001 to 9999", describe(a[0]), unit), "is the unit right?");
  }
  out = Value::timestamp(*us);
  return true;
}

bool duration(Arguments a, Runtime& run, Value& out) {
  const auto us = parse_interval_us(a[0].as_text());
  if (!us) return run.fail(us.error().message, us.error().hint);
  out = Value::interval(*us);
  return true;
}

enum class Part : std::uint8_t {
  year,
  month,
  day_of_month,
  date,
  day_of_week,
  day_of_year
};

template <Part part>
bool calendar(Arguments a, Runtime& run, Value& out) {
  const std::int64_t days = day_of(a[0], run);
  const CivilDate day = civil_from_days(days);
  switch (part) {  // months and days from 0, as CEL has them; getDate from 1
    case Part::year: out = Value::integer(day.year); break;
    case Part::month: out = Value::integer(day.month - 1); break;
    case Part::day_of_month: out = Value::integer(day.day - 1); break;
    case Part::date: out = Value::integer(day.day); break;
    case Part::day_of_week: out = Value::integer(weekday(days)); break;
    case Part::day_of_year: out = Value::integer(days - days_from_civil({day.year, 1, 1})); break;
  }
  return true;
}

template <std::int64_t Unit, std::int64_t Modulus>
bool clock(Arguments a, Runtime& run, Value& out) {
  out = Value::integer(of_day_us(a[0], run) / Unit % Modulus);
  return true;
}

// Of an interval: all of it, in this unit.
template <std::int64_t Unit>
bool total(Arguments a, Runtime&, Value& out) {
  out = Value::integer(a[0].as_int() / Unit);
  return true;
}

bool milliseconds_of(Arguments a, Runtime&, Value& out) {
  out = Value::integer(a[0].as_int() / 1000 % 1000);
  return true;
}

constexpr KindSet kText = set_of(K::text);
constexpr std::int64_t kMinute = 60 * kMicros;
constexpr std::int64_t kHour = 60 * kMinute;

constexpr std::array kFunctions{
    Function{"date", false, 1, {kDay}, K::date, date, "the day of a time: 2026-04-03", true},
    Function{"week", false, 1, {kDay}, K::text, week, "the ISO week: 2026-W14", true},
    Function{"month", false, 1, {kDay}, K::text, month, "the month: 2026-04", true},
    Function{"epoch",
             false,
             2,
             {kExactNumbers, kText},
             K::timestamp,
             epoch,
             "a number of 's', 'ms', 'us' or 'ns' since 1970 as a time",
             false,
             false,
             K::dyn,
             true},
    Function{"duration", false, 1, {kText}, K::interval, duration, "an interval: '1h30m', '250ms'"},
    Function{"getFullYear", true, 1, {kDay}, K::integer, calendar<Part::year>, "the year", true},
    Function{"getMonth", true, 1, {kDay}, K::integer, calendar<Part::month>, "the month, from 0", true},
    Function{"getDate", true, 1, {kDay}, K::integer, calendar<Part::date>, "the day of the month, from 1", true},
    Function{"getDayOfMonth", true, 1, {kDay}, K::integer, calendar<Part::day_of_month>, "the day of the month, from 0", true},
    Function{"getDayOfWeek", true, 1, {kDay}, K::integer, calendar<Part::day_of_week>, "the day of the week, 0 = Sunday", true},
    Function{"getDayOfYear", true, 1, {kDay}, K::integer, calendar<Part::day_of_year>, "the day of the year, from 0", true},
    Function{"getHours", true, 1, {kTimestamp}, K::integer, clock<kHour, 24>, "the hour of a time", true},
    Function{"getHours", true, 1, {kInterval}, K::integer, total<kHour>, "whole hours of an interval"},
    Function{"getMinutes", true, 1, {kTimestamp}, K::integer, clock<kMinute, 60>, "the minute of a time", true},
    Function{"getMinutes", true, 1, {kInterval}, K::integer, total<kMinute>, "whole minutes of an interval"},
    Function{"getSeconds", true, 1, {kTimestamp}, K::integer, clock<kMicros, 60>, "the second of a time", true},
    Function{"getSeconds", true, 1, {kInterval}, K::integer, total<kMicros>, "whole seconds of an interval"},
    Function{"getMilliseconds", true, 1, {kTimestamp}, K::integer, clock<1000, 1000>, "the millisecond of a time", true},
    Function{"getMilliseconds", true, 1, {kInterval}, K::integer, milliseconds_of, "milliseconds past the whole second"},
};

}  // namespace

std::span<const Function> time_functions() { return kFunctions; }

}  // namespace foldline::expr
