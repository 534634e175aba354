#include "common/codec/redaction.h"

#include <algorithm>

#include "common/arena.h"
#include "common/codec/json_plan.h"
#include "common/json.h"
#include "common/value.h"

namespace foldline::codec {
namespace {

constexpr std::string_view kStars = "***";
// Messages cut long values: as much of one is looked for.
constexpr std::size_t kSearchedBytes = 24;

using Node = Redaction::Node;

void remember(const Value& value, std::vector<std::string>& hidden) {
  switch (value.kind()) {
    case Kind::null:
    case Kind::absent:
    case Kind::boolean: return;  // nothing that a message could give away
    case Kind::text: hidden.emplace_back(value.as_text()); return;
    case Kind::list:
      for (const Value& item : value.as_list()) remember(item, hidden);
      return;
    case Kind::map:
      for (const MapEntry& entry : value.as_map()) remember(entry.value, hidden);
      return;
    default: {
      std::string text;
      append_json(text, value);
      hidden.push_back(std::move(text));
    }
  }
}

Value hide(const Value& value, const Node& node, Arena& arena, std::vector<std::string>& hidden);

Value hide_members(const Value& value, const Node& node, Arena& arena, std::vector<std::string>& hidden) {
  const auto from = value.as_map();
  auto* const to = arena.array<MapEntry>(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto child = node.children.find(from[i].key);
    to[i] = {from[i].key, child == node.children.end() ? from[i].value : hide(from[i].value, child->second, arena, hidden)};
  }
  return Value::map({to, from.size()});
}

Value hide_in_text(const Value& value, const Node& node, Arena& arena, std::vector<std::string>& hidden) {
  const auto inner = parse_json(value.as_text(), arena);
  if (!inner) {
    remember(value, hidden);
    return Value::text(kStars);
  }
  std::string text;
  append_json(text, hide(*inner, node, arena, hidden));
  return Value::text(arena.copy(text));
}

Value hide(const Value& value, const Node& node, Arena& arena, std::vector<std::string>& hidden) {
  if (node.hidden) {
    remember(value, hidden);
    return Value::text(kStars);
  }
  const auto embedded = node.children.find(kEmbeddedJson);
  if (value.is(Kind::map)) {
    return hide_members(value, embedded == node.children.end() ? node : embedded->second, arena, hidden);
  }
  if (value.is(Kind::text) && embedded != node.children.end()) return hide_in_text(value, embedded->second, arena, hidden);
  if (!value.is(Kind::list)) return value;
  const auto from = value.as_list();
  auto* const to = arena.array<Value>(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = hide(from[i], node, arena, hidden);
  return Value::list({to, from.size()});
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// Whole words only, so that a hidden 1 does not spoil "byte 17".
void replace_all(std::string& text, std::string_view what) {
  const bool cut = what.size() > kSearchedBytes;
  if (cut) what = what.substr(0, kSearchedBytes);
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    std::size_t end = at + what.size();
    const bool starts = at == 0 || !is_word(text[at - 1]) || !is_word(what.front());
    const bool ends = cut || end == text.size() || !is_word(text[end]) || !is_word(what.back());
    if (!starts || !ends) {
      ++at;
      continue;
    }
    if (cut) end = std::min(text.find('"', end), text.size());
    text.replace(at, end - at, kStars);
    at += kStars.size();
  }
}

// "..." becomes "***"; what JSON's own messages quote stands behind " in ".
void drop_quotes(std::string& text) {
  if (const auto token = text.find(" in "); token != std::string::npos) text.erase(token);
  for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at)) {
    const std::size_t end = std::min(text.find('"', at + 1), text.size());
    text.replace(at + 1, end - at - 1, kStars);
    at += kStars.size() + 2;
    if (at >= text.size()) return;
  }
}

}  // namespace

void Redaction::add(std::span<const std::string> path) {
  Node* at = &root_;
  for (const std::string& key : path) at = &at->children[key];
  at->hidden = true;
}

std::optional<std::string> Redaction::redact(std::string_view value) const {
  Arena arena;
  const auto parsed = parse_json(value, arena);
  if (!parsed) return std::nullopt;
  std::vector<std::string> hidden;
  std::string out;
  append_json(out, hide(*parsed, root_, arena, hidden));
  return out;
}

void Redaction::scrub(Error& error, std::optional<std::string_view> value) const {
  if (empty() || !value) return;
  Arena arena;
  const auto parsed = parse_json(*value, arena);
  for (std::string* text : {&error.message, &error.hint}) {
    if (!parsed) {
      drop_quotes(*text);
      continue;
    }
    std::vector<std::string> hidden;
    hide(*parsed, root_, arena, hidden);
    // Long ones first: one may hold another.
    std::sort(hidden.begin(), hidden.end(), [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
    for (const std::string& what : hidden) {
      if (!what.empty()) replace_all(*text, what);
    }
  }
}

}  // namespace foldline::codec
