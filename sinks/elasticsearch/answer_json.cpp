#include "sinks/elasticsearch/answer_json.h"

namespace foldline::elasticsearch {

const Value* find(const Value& map, std::string_view key) {
  if (!map.is(Kind::map)) return nullptr;
  for (const MapEntry& entry : map.as_map()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const Value* find_list(const Value& map, std::string_view key) {
  const Value* value = find(map, key);
  return value != nullptr && value->is(Kind::list) ? value : nullptr;
}

std::string text(const Value& map, std::string_view key) {
  const Value* value = find(map, key);
  return value != nullptr && value->is(Kind::text) ? std::string(value->as_text()) : std::string();
}

std::optional<std::int64_t> integer(const Value& map, std::string_view key) {
  const Value* value = find(map, key);
  if (value == nullptr || !value->is(Kind::integer)) return std::nullopt;
  return value->as_int();
}

const Value* find_hits(const Value& answer) {
  const Value* hits = find(answer, "hits");
  return hits == nullptr ? nullptr : find_list(*hits, "hits");
}

}  // namespace foldline::elasticsearch
