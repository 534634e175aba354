#include "config/reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/time.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

constexpr std::size_t kMaxShownBytes = 60;

// Columns that Postgres keeps in every table.
constexpr std::array<std::string_view, 6> kSystemColumns = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A JSON number: what YAML, CEL and JSON read alike.
bool is_number(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (!digits()) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

// Where byte `offset` of a scalar's text stands, when that is one line.
Location within(const YamlNode& node, std::size_t offset) {
  Location at = node.text_at;
  if (node.last_line == node.text_at.line) at.column += static_cast<int>(offset);
  return at;
}

}  // namespace

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return node.written ? "null" : "nothing";
    case YamlNode::Kind::scalar: return "a text";
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a map";
  }
  return "nothing";
}

std::string shown(std::string_view text) {
  std::string out = "`" + std::string(text.substr(0, kMaxShownBytes));
  if (text.size() > kMaxShownBytes) out += "...";
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out + "`";
}

std::string Reader::shown(const YamlNode& node) { return config::shown(node.text); }

bool Reader::expect_map(const YamlNode& node, std::string_view what) {
  if (node.bad) return false;
  if (node.is_map()) return true;
  error(node.at, std::string(what) + " is a map of keys, but here stands " + std::string(kind_name(node)),
        "write `key: value` lines, or {key: value}");
  return false;
}

std::optional<std::string> Reader::text(const YamlNode& node, std::string_view what) {
  if (node.bad) return std::nullopt;
  if (!node.is_scalar()) {
    error(node.at, "`" + std::string(what) + "` takes a text, but here stands " + std::string(kind_name(node)));
    return std::nullopt;
  }
  Expanded expanded = expand(node.text, environment_);
  for (const ExpandProblem& problem : expanded.problems) error(within(node, problem.offset_bytes), problem.message, problem.hint);
  if (!expanded.problems.empty()) return std::nullopt;
  return std::move(expanded.text);
}

std::optional<Secret> Reader::secret(const YamlNode& node, std::string_view what, bool whole) {
  if (node.is_scalar() && !node.bad) {
    const bool only_variable =
        node.text.rfind("${", 0) == 0 && node.text.find('}') == node.text.size() - 1 && node.text.find(":-") == std::string::npos;
    const bool known_form = node.text.find("://") != std::string::npos || node.text.find("password=") != std::string::npos;
    if (!only_variable && (whole || !known_form)) diagnostics_.hide(node.text_at, node.text.size(), node.last_line);
  }
  std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  return Secret(std::move(*value));
}

std::optional<std::int64_t> Reader::integer(const YamlNode& node, std::string_view what, std::int64_t least, std::int64_t most) {
  const std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  std::int64_t out = 0;
  const auto [end, failure] = std::from_chars(value->data(), value->data() + value->size(), out);
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  if (failure != std::errc() || end != value->data() + value->size()) {
    error(node.at, shown(node) + " is no whole number, which `" + std::string(what) + "` takes", "write a number from " + range);
    return std::nullopt;
  }
  if (out < least || out > most) {
    error(node.at, "`" + std::string(what) + "` is out of its bounds", "write a number from " + range);
    return std::nullopt;
  }
  return out;
}

std::optional<double> Reader::number(const YamlNode& node, std::string_view what) {
  const std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  double out = 0;
  const auto [end, failure] = std::from_chars(value->data(), value->data() + value->size(), out);
  if (!is_number(*value) || failure != std::errc() || end != value->data() + value->size()) {
    error(node.at, shown(node) + " is no number, which `" + std::string(what) + "` takes");
    return std::nullopt;
  }
  return out;
}

std::optional<bool> Reader::boolean(const YamlNode& node, std::string_view what) {
  const std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  error(node.at, shown(node) + " is neither true nor false, which `" + std::string(what) + "` takes");
  return std::nullopt;
}

std::optional<std::int64_t> Reader::duration_us(const YamlNode& node, std::string_view what) {
  const std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  const Result<std::int64_t> parsed = parse_duration_us(*value);
  if (parsed && *parsed > 0) return *parsed;
  error(node.at, shown(node) + " is no duration, which `" + std::string(what) + "` takes",
        "write one number and one unit: 30s, 5m, 2h, 7d or 2w");
  return std::nullopt;
}

std::optional<ExprText> Reader::expression(const YamlNode& node, std::string_view what) {
  if (node.bad) return std::nullopt;
  if (node.is_null() && node.written) return ExprText{"null", true, node.at};
  if (!node.is_scalar()) {
    const bool brackets = node.is_list() || node.is_map();
    error(node.at, "`" + std::string(what) + "` takes an expression, but here stands " + std::string(kind_name(node)),
          brackets ? "an expression that starts with `[` or `{` needs double quotes" : "write `null` for null");
    return std::nullopt;
  }
  std::optional<std::string> value = text(node, what);
  if (!value) return std::nullopt;
  if (value->find_first_not_of(" \t\n") == std::string::npos) {
    error(node.at, "the expression of `" + std::string(what) + "` is empty", "a text constant keeps its own quotes: \"'EUR'\"");
    return std::nullopt;
  }
  const bool literal = !node.quoted && !node.block && (is_number(*value) || *value == "true" || *value == "false");
  return ExprText{std::move(*value), literal, node.text_at};
}

void Reader::one_or_many(const YamlNode& node, std::string_view what, std::size_t most, const std::function<void(const YamlNode&)>& take) {
  if (node.bad) return;
  if (!node.is_list()) {
    take(node);
    return;
  }
  if (node.items.empty()) error(node.at, "`" + std::string(what) + "` is an empty list", "name at least one, or remove the key");
  if (node.items.size() > most) {
    error(node.at, "`" + std::string(what) + "` holds " + std::to_string(node.items.size()) + ", more than " + std::to_string(most));
    return;
  }
  for (const YamlNode& item : node.items) take(item);
}

std::vector<Named> Reader::names(const YamlNode& node, std::string_view what, std::size_t most) {
  std::vector<Named> out;
  one_or_many(node, what, most, [&](const YamlNode& item) {
    std::optional<std::string> name = text(item, what);
    if (!name) return;
    if (name->empty()) {
      error(item.at, "an empty name in `" + std::string(what) + "`");
      return;
    }
    const auto same = std::find_if(out.begin(), out.end(), [&](const Named& other) { return other.name == *name; });
    if (same != out.end()) {
      error(item.at, shown(item) + " stands twice in `" + std::string(what) + "`", "keep one of them");
      return;
    }
    out.push_back({std::move(*name), item.text_at});
  });
  return out;
}

std::vector<NamedExpr> Reader::expressions(const YamlNode& node, std::string_view what) {
  std::vector<NamedExpr> out;
  if (!expect_map(node, "`" + std::string(what) + "`")) return out;
  for (const YamlEntry& entry : node.entries) {
    if (entry.value.is_null() && !entry.value.written) {
      error(entry.key.at, shown(entry.key) + " has no expression", "write `null` for null");
      continue;
    }
    std::optional<ExprText> expr = expression(entry.value, entry.key.text);
    if (expr) out.push_back({entry.key.text, entry.key.text_at, std::move(*expr)});
  }
  return out;
}

bool Reader::check_identifier(const std::string& name, const Location& at, std::string_view what, std::string_view as_written) {
  const std::string quoted = config::shown(as_written.empty() ? std::string_view(name) : as_written);
  const bool shaped = !name.empty() && is_lower(name.front()) &&
                      std::all_of(name.begin(), name.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
  if (!shaped) {
    const bool reserved = name.rfind("_newest", 0) == 0;
    error(at,
          std::string(what) + " " + quoted +
              (reserved ? " starts with `_newest`, which Foldline keeps for itself" : " is no snake_case name"),
          "use a to z, 0 to 9 and _, a letter first");
    return false;
  }
  if (name.size() > kMaxIdentifierBytes) {
    error(at, std::string(what) + " " + quoted + " is longer than " + std::to_string(kMaxIdentifierBytes) + " bytes", "shorten it");
    return false;
  }
  if (name.rfind("foldline", 0) == 0) {
    error(at, std::string(what) + " " + quoted + " starts with `foldline`, which Foldline keeps for itself", "choose another name");
    return false;
  }
  if (std::find(kSystemColumns.begin(), kSystemColumns.end(), name) != kSystemColumns.end()) {
    error(at, std::string(what) + " " + quoted + " is a system column of Postgres", "choose another name");
    return false;
  }
  return true;
}

std::string Reader::doc(const YamlNode& node) {
  std::optional<std::string> value = text(node, "doc");
  if (!value) return {};
  if (value->size() > kMaxDocBytes) {
    error(node.at, "`doc` is longer than " + std::to_string(kMaxDocBytes) + " bytes", "shorten it");
    return {};
  }
  return std::move(*value);
}

}  // namespace foldline::config
