// Event time (G12): microseconds since 1970 in UTC. There is no now() here: the language has none (G13).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace foldline {

// RFC 3339 with any offset; also without one (UTC), with a space for the T, and with up to 9 digits of fraction (cut to µs).
Result<std::int64_t> parse_timestamp_us(std::string_view text);
std::optional<std::int64_t> read_timestamp_us(std::string_view text);  // the same, for who needs no message
// 2026-04-03
Result<std::int64_t> parse_date_days(std::string_view text);
std::string format_timestamp(std::int64_t micros_since_1970);  // 2026-04-03T09:15:00.250000Z; whole seconds without a fraction
std::string format_date(std::int64_t days_since_1970);
void append_timestamp(std::string& out, std::int64_t micros_since_1970);  // the same, without a string of its own
std::int64_t date_of(std::int64_t micros_since_1970);                     // floor to days, UTC

// A day of the proleptic Gregorian calendar.
struct CivilDate {
  std::int64_t year = 1970;
  int month = 1;  // 1..12
  int day = 1;    // 1..31
  bool operator==(const CivilDate&) const = default;
};
std::int64_t days_from_civil(const CivilDate& date);
CivilDate civil_from_days(std::int64_t days_since_1970);

// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z: what RFC 3339 can write (and CEL allows).
inline constexpr std::int64_t kMinTimestampUs = -62'135'596'800'000'000;
inline constexpr std::int64_t kMaxTimestampUs = 253'402'300'799'999'999;

// An interval as ISO 8601 prints it, hours at most: PT26H30M, -PT0.250000S.
std::string format_interval(std::int64_t micros);
// CEL's form (1h30m, -1.5s, 250ms; units h m s ms us ns) or ISO 8601's (P1DT2H; no years and months, whose length varies).
Result<std::int64_t> parse_interval_us(std::string_view text);

// "30s 5m 2h 7d 2w": one number and one unit; microseconds.
Result<std::int64_t> parse_duration_us(std::string_view text);

// A zone of the IANA database (or UTC), read once; offsets by the zone's rules. Thread-safe after load.
class Zone {
 public:
  static Result<Zone> load(std::string_view name);                             // "UTC", "Europe/Berlin"
  [[nodiscard]] std::int64_t offset_us(std::int64_t micros_since_1970) const;  // local = UTC + offset
  [[nodiscard]] std::int64_t date_of(std::int64_t micros_since_1970) const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_ = "UTC";
  struct Table;
  std::shared_ptr<const Table> table_;  // null: UTC
};

}  // namespace foldline
