// The types of fields and key parts as a file writes them: `bigint`, `numeric(12,2)`, `list(text)`.
//
//   TypeText t = parse_type("numeric(12,2)");
//   if (t.type) use(*t.type); else error(t.message, t.hint);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/type.h"

namespace foldline::config {

struct TypeText {
  std::optional<Type> type;
  bool optional = false;  // optional(T), only where `allow_optional`
  std::string message;    // when there is no type
  std::string hint;
};

TypeText parse_type(std::string_view text, bool allow_optional = false);

// Why a type can't be a part of a key; empty: it can.
std::string_view refused_in_key(const Type& type);

// The names of the types, for the reference: "bool", "numeric(p,s)", "list(T)".
const std::vector<std::string>& type_names();

}  // namespace foldline::config
