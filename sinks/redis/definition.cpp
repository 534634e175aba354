#include "sinks/redis/definition.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/type_text.h"
#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

constexpr std::string_view kNameLine = "{name}:";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string_view redis_type(std::string_view kind) {
  if (kind == "sorted_set") return "zset";
  return kind == "hash" || kind == "set" ? kind : "string";
}

// "{day}:date"; a type that can't be read again (an enum's) is matched as any text.
KeyPart part_of(std::string_view line) {
  const std::size_t close = line.find('}');
  KeyPart out;
  out.name = line.substr(1, close - 1);
  const std::string_view type = close + 2 <= line.size() ? line.substr(close + 2) : std::string_view();
  out.type = config::parse_type(type).type.value_or(Type{});
  return out;
}

}  // namespace

std::string definition_of(const ProjectionId& id, const ViewLayout& layout) {
  std::string out = fmt::format("{}\n{}", id.projection, layout.schema.kind);
  for (const FieldLayout& field : layout.fields) out += fmt::format("\n{}:{}", field.name, field.type.name());
  out += fmt::format("\n{}{}", kNameLine, layout.name.text());
  for (const KeyPart& part : layout.name.parts()) out += fmt::format("\n{{{}}}:{}", part.name, part.type.name());
  return out;
}

// What stands there under another type can't be read any more: 1250 of a numeric(8,2) is 12.50, of a numeric(8,3) 1.250.
Result<void> check_definition(const ViewLayout& layout, const std::string& stored, const std::string& wanted, const std::string& hint) {
  const auto was = lines_of(stored);
  const auto now = lines_of(wanted);
  const std::string& pattern = layout.name.pattern();
  if (was.size() < 2 || was[0] != now[0]) {
    return fail(ErrorCode::config,
                fmt::format("view {}: the keys {} are kept by the projection {}", layout.schema.name, pattern, shown(was[0])),
                fmt::format("give the view another `name`; if that projection is gone: HDEL {} '{}'", kViewsKey, pattern));
  }
  if (was[1] != now[1]) {
    return fail(ErrorCode::config,
                fmt::format("view {}: the keys {} hold a {}, not a {}", layout.schema.name, pattern, shown(was[1]), now[1]), hint);
  }
  for (std::size_t i = 2; i < was.size(); ++i) {
    if (was[i].starts_with('{')) continue;
    const std::string field = was[i].substr(0, was[i].find(':') + 1);
    const auto same = std::find_if(now.begin() + 2, now.end(), [&](const std::string& line) { return line.starts_with(field); });
    if (same == now.end() || *same == was[i]) continue;
    return fail(ErrorCode::config, fmt::format("view {}: a field was {} and is now {}", layout.schema.name, shown(was[i]), *same), hint);
  }
  return {};
}

KeptKeys kept_keys(std::string pattern, std::string_view definition) {
  const auto lines = lines_of(definition);
  KeptKeys out;
  out.pattern = std::move(pattern);
  out.projection = lines[0];
  out.type = redis_type(lines.size() > 1 ? lines[1] : "");
  const auto name = std::find_if(lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with(kNameLine); });
  if (name == lines.end()) return out;
  std::vector<KeyPart> parts;
  std::transform(name + 1, lines.end(), std::back_inserter(parts), part_of);
  if (auto parsed = KeyName::parse(std::string_view(*name).substr(kNameLine.size()), parts, -1)) out.name = std::move(*parsed);
  return out;
}

bool KeptKeys::holds(std::string_view key) const { return name ? name->matches(key) : fits(pattern, key); }

std::string KeptKeys::start() const { return name ? name->start() : pattern.substr(0, pattern.find('*')); }

// Goes back to the last `*` when a letter does not fit: it takes one letter more.
bool fits(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// can[j]: some text fits what was seen of `pattern` and the first j letters of `other`.
bool overlap(std::string_view pattern, std::string_view other) {
  std::vector<bool> can(other.size() + 1, false);
  can[0] = true;
  for (std::size_t j = 0; j < other.size() && other[j] == '*'; ++j) can[j + 1] = true;
  for (const char c : pattern) {
    std::vector<bool> next(other.size() + 1, false);
    next[0] = can[0] && c == '*';
    for (std::size_t j = 0; j < other.size(); ++j) {
      if (c == '*' || other[j] == '*') {
        next[j + 1] = can[j + 1] || next[j];  // the star takes nothing, or the other's letter
      } else {
        next[j + 1] = can[j] && c == other[j];
      }
    }
    can = std::move(next);
  }
  return can[other.size()];
}

std::string scan_pattern(std::string_view start) {
  std::string out;
  for (const char c : start) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '^' || c == '\\') out += '\\';
    out += c;
  }
  return out + "*";
}

}  // namespace foldline::redis
