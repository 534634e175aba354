#include "cmd/foldline/dlq_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <tuple>

#include "cmd/foldline/dlq_letters.h"
#include "common/json.h"
#include "common/time.h"
#include "config/mask.h"

namespace foldline {

namespace {

std::string shown(const std::string& text) { return text.empty() ? "-" : config::printable(text); }

// Of a day that stands beside it: 09:15:00.
std::string time_of_day(std::int64_t us) { return format_timestamp(us).substr(11, 8); }

std::array<std::size_t, 3> count_states(std::span<const LetterHead> heads) {
  std::array<std::size_t, 3> out{};
  for (const LetterHead& head : heads) ++out[static_cast<std::size_t>(head.state)];
  return out;
}

void add_text(std::string& out, const char* name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  append_json_string(out, value);
}

// Columns as wide as they need to be, the last one open.
void print_columns(const std::vector<std::vector<std::string>>& lines, std::ostream& out) {
  std::vector<std::size_t> widths(lines.front().size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) text += fmt::format("{:<{}}{}", line[i], widths[i], i + 1 < line.size() ? "  " : "");
    out << text << '\n';
  }
}

}  // namespace

std::vector<LetterGroup> group_letters(const LetterIndex& index, std::span<const LetterHead> heads) {
  using Key = std::tuple<LetterState, std::uint32_t, std::uint32_t, std::uint32_t, std::int64_t>;
  std::map<Key, LetterGroup> groups;
  for (const LetterHead& head : heads) {
    const std::int64_t day = date_of(head.failed_at_us);
    LetterGroup& group = groups[{head.state, head.reason, head.type, head.stage, day}];
    if (group.letters++ == 0) {
      group.state = head.state;
      group.reason = index.name(head.reason);
      group.type = index.name(head.type);
      group.stage = index.name(head.stage);
      group.day = day;
      group.example = index.id_of(head);
    }
    group.oldest_us = std::min(group.oldest_us, head.failed_at_us);
    group.newest_us = std::max(group.newest_us, head.failed_at_us);
  }
  std::vector<LetterGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  std::stable_sort(out.begin(), out.end(), [](const LetterGroup& a, const LetterGroup& b) {
    return std::tie(b.letters, a.reason, a.type, a.day) < std::tie(a.letters, b.reason, b.type, b.day);
  });
  return out;
}

void print_table(std::span<const LetterGroup> groups, std::ostream& out) {
  if (groups.empty()) return;
  std::vector<std::vector<std::string>> lines = {{"LETTERS", "STATE", "STAGE", "TYPE", "DAY", "OLDEST", "NEWEST", "EXAMPLE", "REASON"}};
  for (const LetterGroup& group : groups) {
    lines.push_back({std::to_string(group.letters), std::string(to_string(group.state)), shown(group.stage), shown(group.type),
                     format_date(group.day), time_of_day(group.oldest_us), time_of_day(group.newest_us), shown(group.example),
                     shown(group.reason)});
  }
  print_columns(lines, out);
}

void print_letters(const LetterIndex& index, std::span<const LetterHead> heads, std::ostream& out) {
  if (heads.empty()) return;
  std::vector<std::vector<std::string>> lines = {{"LETTER", "STATE", "RETRIES", "STAGE", "TYPE", "FAILED AT", "REASON"}};
  for (const LetterHead& head : heads) {
    lines.push_back({shown(index.id_of(head)), std::string(to_string(head.state)), std::to_string(head.retry_count),
                     shown(index.name(head.stage)), shown(index.name(head.type)), format_timestamp(head.failed_at_us),
                     shown(index.name(head.reason))});
  }
  print_columns(lines, out);
}

std::string groups_json(const std::string& projection, const LetterIndex& index, std::span<const LetterHead> heads, bool with_letters) {
  const auto states = count_states(heads);
  std::string out = "{\"projection\":";
  append_json_string(out, projection);
  fmt::format_to(std::back_inserter(out), ",\"open\":{},\"replayed\":{},\"discarded\":{},\"groups\":[", states[0], states[1], states[2]);
  bool first = true;
  for (const LetterGroup& group : group_letters(index, heads)) {
    fmt::format_to(std::back_inserter(out), "{}{{\"letters\":{}", first ? "" : ",", group.letters);
    first = false;
    add_text(out, "state", to_string(group.state));
    add_text(out, "stage", group.stage);
    add_text(out, "type", group.type);
    add_text(out, "day", format_date(group.day));
    add_text(out, "oldest", format_timestamp(group.oldest_us));
    add_text(out, "newest", format_timestamp(group.newest_us));
    add_text(out, "reason", group.reason);
    add_text(out, "example", group.example);
    out += '}';
  }
  out += ']';
  if (!with_letters) return out + "}";
  out += ",\"letters\":[";
  first = true;
  for (const LetterHead& head : heads) {
    fmt::format_to(std::back_inserter(out), "{}{{\"retryCount\":{}", first ? "" : ",", head.retry_count);
    first = false;
    add_text(out, "letterId", index.id_of(head));
    add_text(out, "state", to_string(head.state));
    add_text(out, "stage", index.name(head.stage));
    add_text(out, "type", index.name(head.type));
    add_text(out, "failedAt", format_timestamp(head.failed_at_us));
    add_text(out, "reason", index.name(head.reason));
    out += '}';
  }
  return out + "]}";
}

std::string summary_of(std::span<const LetterHead> heads) {
  const auto states = count_states(heads);
  return fmt::format("{}: {} open, {} replayed, {} discarded", counted_letters(heads.size()), states[0], states[1], states[2]);
}

}  // namespace foldline
