#include "projectors/declarative/problems.h"

#include <algorithm>

namespace foldline::declarative {

bool Problems::is_new(const config::Location& at, const std::string& message) {
  return seen_.emplace(at.file, at.line, at.column, message).second;
}

void Problems::error(const config::Location& at, const std::string& message, const std::string& hint) {
  ++errors_;
  if (is_new(at, message)) diagnostics_.error(at, message, hint);
}

void Problems::warning(const config::Location& at, const std::string& message, const std::string& hint) {
  if (is_new(at, message)) diagnostics_.warning(at, message, hint);
}

void Problems::error(const config::ExprText& text, const expr::Problem& problem) {
  config::Location at = text.at;
  const std::string_view before = std::string_view(text.text).substr(0, problem.position);
  const auto last_break = before.rfind('\n');
  if (last_break == std::string_view::npos) {
    at.column += static_cast<int>(before.size());
  } else {
    at.line += static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    at.column = 1;  // the file's own indentation is no longer known
  }
  error(at, problem.message, problem.hint);
}

}  // namespace foldline::declarative
