// Members of what parse_json() made of a server's answer or of a stored document.
//
//   const Value* hits = find(*parsed, "hits");   std::string number = text(*version, "number");
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/value.h"

namespace foldline::elasticsearch {

// Null: `map` is no map, or has no such member.
const Value* find(const Value& map, std::string_view key);
// Null also where the member is of another kind.
const Value* find_list(const Value& map, std::string_view key);
// Empty where it is missing or no text.
std::string text(const Value& map, std::string_view key);
std::optional<std::int64_t> integer(const Value& map, std::string_view key);
// The hits of a search's answer; null: it is none.
const Value* find_hits(const Value& answer);

}  // namespace foldline::elasticsearch
