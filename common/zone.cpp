// Time zones from the system's IANA database: TZif files (RFC 8536), versions 1 to 4, and the POSIX TZ string in their footer
// (POSIX.1-2017, section 8.3) for times after the last listed change.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "common/time.h"

namespace foldline {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxNameChars = 128;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// When a rule's change happens in a year.
struct RuleDate {
  enum class Form {
    julian_no_leap,
    zero_based,
    month_week_day
  } form = Form::month_week_day;
  int month = 0;
  int week = 0;  // 5: the last
  int day = 0;   // month_week_day: 0 = Sunday; else the day of the year
  std::int64_t seconds = 2 * 3600;

  // Seconds since 1970 of the change in `year`, on the local clock.
  [[nodiscard]] std::int64_t in_year(std::int64_t year) const {
    std::int64_t days = 0;
    if (form == Form::zero_based) {
      days = days_from_civil({year, 1, 1}) + day;
    } else if (form == Form::julian_no_leap) {  // 60 is always 1 March
      const bool leap = days_from_civil({year + 1, 1, 1}) - days_from_civil({year, 1, 1}) == 366;
      days = days_from_civil({year, 1, 1}) + day - 1 + (leap && day >= 60 ? 1 : 0);
    } else {
      const std::int64_t first = days_from_civil({year, month, 1});
      const std::int64_t first_weekday = ((first + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
      days = first + (day - first_weekday + 7) % 7 + (week - 1) * 7;
      const std::int64_t next_month = month == 12 ? days_from_civil({year + 1, 1, 1}) : days_from_civil({year, month + 1, 1});
      while (days >= next_month) days -= 7;
    }
    return days * 86'400 + seconds;
  }
};

// CET-1CEST,M3.5.0,M10.5.0/3
struct Rule {
  bool present = false;
  bool has_summer = false;
  std::int64_t winter_offset_s = 0;
  std::int64_t summer_offset_s = 0;
  RuleDate summer_start;
  RuleDate summer_end;

  [[nodiscard]] std::int64_t offset_s(std::int64_t utc_s) const {
    if (!has_summer) return winter_offset_s;
    const std::int64_t year = civil_from_days(floor_divide(utc_s + winter_offset_s, 86'400)).year;
    const std::int64_t start = summer_start.in_year(year) - winter_offset_s;
    const std::int64_t end = summer_end.in_year(year) - summer_offset_s;
    const bool summer = start < end ? (utc_s >= start && utc_s < end) : (utc_s >= start || utc_s < end);  // north, south
    return summer ? summer_offset_s : winter_offset_s;
  }
};

class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  bool read(Rule& rule) {
    if (!skip_name() || !read_time(rule.winter_offset_s)) return false;
    rule.winter_offset_s = -rule.winter_offset_s;  // POSIX counts west of Greenwich as positive
    rule.summer_offset_s = rule.winter_offset_s + 3600;
    rule.present = true;
    if (at_ == text_.size()) return true;
    rule.has_summer = true;
    if (!skip_name()) return false;
    if (at_ < text_.size() && text_[at_] != ',') {
      if (!read_time(rule.summer_offset_s)) return false;
      rule.summer_offset_s = -rule.summer_offset_s;
    }
    return read_date(rule.summer_start) && read_date(rule.summer_end) && at_ == text_.size();
  }

 private:
  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool skip_name() {
    const std::size_t start = at_;
    if (accept('<')) {
      while (at_ < text_.size() && text_[at_] != '>') ++at_;
      return accept('>');
    }
    while (at_ < text_.size() && ((text_[at_] >= 'A' && text_[at_] <= 'Z') || (text_[at_] >= 'a' && text_[at_] <= 'z'))) ++at_;
    return at_ - start >= 3;
  }

  bool read_int(std::int64_t& out) {
    const std::size_t start = at_;
    out = 0;
    while (at_ < text_.size() && at_ - start < 6 && text_[at_] >= '0' && text_[at_] <= '9') out = out * 10 + (text_[at_++] - '0');
    return at_ > start;
  }

  // [+-]hh[:mm[:ss]]
  bool read_time(std::int64_t& seconds) {
    const bool negative = accept('-');
    if (!negative) accept('+');
    std::int64_t part = 0;
    if (!read_int(part)) return false;
    seconds = part * 3600;
    if (accept(':')) {
      if (!read_int(part)) return false;
      seconds += part * 60;
      if (accept(':')) {
        if (!read_int(part)) return false;
        seconds += part;
      }
    }
    if (negative) seconds = -seconds;
    return true;
  }

  bool read_date(RuleDate& date) {
    std::int64_t number = 0;
    if (!accept(',')) return false;
    if (accept('M')) {
      std::int64_t week = 0;
      std::int64_t day = 0;
      if (!read_int(number) || !accept('.') || !read_int(week) || !accept('.') || !read_int(day)) return false;
      if (number < 1 || number > 12 || week < 1 || week > 5 || day > 6) return false;
      date.month = static_cast<int>(number);
      date.week = static_cast<int>(week);
      date.day = static_cast<int>(day);
    } else {
      date.form = accept('J') ? RuleDate::Form::julian_no_leap : RuleDate::Form::zero_based;
      if (!read_int(number) || number > 365) return false;
      date.day = static_cast<int>(number);
    }
    return !accept('/') || read_time(date.seconds);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

struct Zone::Table {
  std::vector<std::int64_t> changes_s;  // ascending, UTC
  std::vector<std::int64_t> offsets_s;  // from the change of the same index on
  std::int64_t first_offset_s = 0;      // before the first change
  Rule rule;                            // after the last change
};

namespace {

// Reads big-endian numbers and never past the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool good() const { return good_; }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      good_ = false;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  std::int64_t number(std::size_t size) {
    std::uint64_t out = 0;
    const std::string_view from = take(size);
    for (const char c : from) out = out << 8 | static_cast<unsigned char>(c);
    return size == 4 ? static_cast<std::int32_t>(out) : static_cast<std::int64_t>(out);
  }
  std::string_view rest() { return bytes_.substr(at_); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

struct Header {
  char version = 0;
  std::size_t utc_flags = 0, standard_flags = 0, leaps = 0, changes = 0, types = 0, chars = 0;
  [[nodiscard]] std::size_t body_bytes(std::size_t time_size) const {
    return changes * time_size + changes + types * 6 + chars + leaps * (time_size + 4) + standard_flags + utc_flags;
  }
};

bool read_header(Reader& in, Header& header) {
  if (in.take(4) != "TZif") return false;
  const std::string_view version = in.take(1);
  header.version = version.empty() ? '\0' : version[0];
  in.take(15);
  for (std::size_t* count : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.changes, &header.types, &header.chars}) {
    *count = static_cast<std::size_t>(static_cast<std::uint32_t>(in.number(4)));
    if (*count > kMaxFileBytes) return false;
  }
  return in.good();
}

template <class Table>
bool read_body(Reader& in, const Header& header, std::size_t time_size, Table& table) {
  for (std::size_t i = 0; i < header.changes; ++i) table.changes_s.push_back(in.number(time_size));
  const std::string_view indexes = in.take(header.changes);
  std::vector<std::int64_t> type_offsets;
  for (std::size_t i = 0; i < header.types; ++i) {
    type_offsets.push_back(in.number(4));
    in.take(2);
  }
  in.take(header.chars + header.leaps * (time_size + 4) + header.standard_flags + header.utc_flags);
  if (!in.good() || type_offsets.empty() || !std::is_sorted(table.changes_s.begin(), table.changes_s.end())) return false;
  table.first_offset_s = type_offsets[0];
  for (const char index : indexes) {
    if (static_cast<unsigned char>(index) >= type_offsets.size()) return false;
    table.offsets_s.push_back(type_offsets[static_cast<unsigned char>(index)]);
  }
  return true;
}

template <class Table>
bool read_file(std::string_view bytes, Table& table) {
  Reader in(bytes);
  Header header;
  if (!read_header(in, header)) return false;
  if (header.version < '2') return read_body(in, header, 4, table);
  in.take(header.body_bytes(4));  // the same again with 32-bit times, for old readers
  if (!read_header(in, header) || !read_body(in, header, 8, table)) return false;
  std::string_view footer = in.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n') return false;
  footer = footer.substr(1, footer.size() - 2);
  return footer.empty() || RuleReader(footer).read(table.rule);
}

// No way out of the database's folder.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameChars || name.front() == '/' || name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+/").find(c) != std::string_view::npos;
  });
}

constexpr const char* kDatabase = "/usr/share/zoneinfo/";  // TZDIR names another one

}  // namespace

Result<Zone> Zone::load(std::string_view name) {
  Zone zone;
  zone.name_ = std::string(name);
  if (name == "UTC" || name == "Etc/UTC" || name == "Z") return zone;
  const std::string problem = '"' + std::string(name.substr(0, kMaxNameChars)) + "\" is not a time zone";
  const char* hint = "a name of the IANA database, such as UTC or Europe/Berlin";
  if (!is_zone_name(name)) return fail(ErrorCode::config, problem, hint);
  const char* directory = std::getenv("TZDIR");  // NOLINT(concurrency-mt-unsafe): read at load time
  const std::string path = (directory != nullptr ? std::string(directory) + '/' : kDatabase) + zone.name_;
  std::string bytes;
  std::error_code no_file;
  if (std::ifstream file(path, std::ios::binary); file && std::filesystem::is_regular_file(path, no_file))
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  if (bytes.empty())
    return fail(ErrorCode::config, problem + " that this system knows (no file " + path + ")",
                std::string(hint) + "; the database is the package tzdata");
  auto table = std::make_shared<Table>();
  if (bytes.size() > kMaxFileBytes || !read_file(bytes, *table))
    return fail(ErrorCode::config, path + " is not a time zone file (TZif)", hint);
  zone.table_ = std::move(table);
  return zone;
}

std::int64_t Zone::offset_us(std::int64_t micros_since_1970) const {
  if (!table_) return 0;
  const std::int64_t utc_s = floor_divide(micros_since_1970, kSecondUs);
  const auto& changes = table_->changes_s;
  if (table_->rule.present && (changes.empty() || utc_s >= changes.back())) return table_->rule.offset_s(utc_s) * kSecondUs;
  const auto next = std::upper_bound(changes.begin(), changes.end(), utc_s);
  if (next == changes.begin()) return table_->first_offset_s * kSecondUs;
  return table_->offsets_s[static_cast<std::size_t>(next - changes.begin()) - 1] * kSecondUs;
}

std::int64_t Zone::date_of(std::int64_t micros_since_1970) const {
  return foldline::date_of(micros_since_1970 + offset_us(micros_since_1970));
}

}  // namespace foldline
