// `${VAR}` and `${VAR:-default}` in the strings of a file; `$${` is a literal `${`.
//
//   Expanded e = expand("postgres://${HOST:-localhost}/x", environment);
//   if (e.problems.empty()) use(e.text);
//
// Expansion happens after YAML was read, so a value can never change the file's structure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foldline::config {

using Environment = std::function<std::optional<std::string>(const std::string&)>;

struct ExpandProblem {
  std::size_t offset_bytes = 0;  // in the text as written
  std::string message;           // names the variable, never a value
  std::string hint;
};

struct Expanded {
  std::string text;
  bool from_environment = false;  // some part of it is a variable's value
  std::vector<ExpandProblem> problems;
};

Expanded expand(std::string_view text, const Environment& environment);

Environment process_environment();

}  // namespace foldline::config
