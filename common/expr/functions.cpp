#include "common/expr/functions.h"

#include <array>
#include <string>
#include <vector>

namespace foldline::expr {
namespace {

std::array<std::span<const Function>, 4> groups() {
  return {text_functions(), time_functions(), conversion_functions(), collection_functions()};
}

struct MissingFunction {
  std::string_view name;
  Missing missing;
};

constexpr Missing kNotBuilt{"is not built yet", ""};
constexpr Missing kNoClock{"is not part of the language",
                           "a projection must give the same result when it runs again: `time` is the event's time"};

constexpr std::array kMissing{
    MissingFunction{"matches", {"is not built yet", "startsWith, endsWith, contains and indexOf search a text"}},
    MissingFunction{"hash", kNotBuilt},
    MissingFunction{"redact", kNotBuilt},
    MissingFunction{"format", {"is not built yet", "texts are joined by +"}},
    MissingFunction{"lookup", kNotBuilt},
    MissingFunction{"optFlatMap", {"is not built yet", "optMap, with an optional result"}},
    MissingFunction{"transformList", kNotBuilt},
    MissingFunction{"transformMap", kNotBuilt},
    MissingFunction{"sortBy", kNotBuilt},
    MissingFunction{"slice", kNotBuilt},
    MissingFunction{"flatten", kNotBuilt},
    MissingFunction{"distinct", kNotBuilt},
    MissingFunction{"type", {"is not built yet", ""}},
    MissingFunction{"uint", {"is not part of the language", "int(x)"}},
    MissingFunction{"now", kNoClock},
    MissingFunction{"today", kNoClock},
    MissingFunction{"random", {"is not part of the language", "a projection must give the same result when it runs again"}},
    MissingFunction{"bigint", {"is a type, not a function", "int(x) makes an integer of 64 bits"}},
    MissingFunction{"numeric", {"is a type, not a function", "decimal(x)"}},
    MissingFunction{"text", {"is a type, not a function", "string(x)"}},
};

}  // namespace

std::vector<const Function*> find_functions(std::string_view name, bool method, std::size_t argument_count) {
  std::vector<const Function*> out;
  for (const auto group : groups()) {
    for (const Function& function : group) {
      if (function.name != name || function.method != method) continue;
      const bool with_zone = function.zone && argument_count == function.parameter_count + 1U;
      if (argument_count == function.parameter_count || with_zone) out.push_back(&function);
    }
  }
  return out;
}

bool is_function(std::string_view name) {
  for (const auto group : groups()) {
    for (const Function& function : group) {
      if (function.name == name) return true;
    }
  }
  return false;
}

std::vector<std::string> function_names() {
  std::vector<std::string> out;
  for (const auto group : groups()) {
    for (const Function& function : group) {
      if (out.empty() || out.back() != function.name) out.emplace_back(function.name);
    }
  }
  return out;
}

const Missing* find_missing(std::string_view name) {
  for (const MissingFunction& function : kMissing) {
    if (function.name == name) return &function.missing;
  }
  return nullptr;
}

}  // namespace foldline::expr
