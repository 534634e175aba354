// Findings of the compiler. A clause is compiled once for each source, so the same finding comes several times: it is kept once.
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "common/expr/expr.h"
#include "config/diagnostics.h"
#include "config/projection_file.h"

namespace foldline::declarative {

class Problems {
 public:
  explicit Problems(config::Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void error(const config::Location& at, const std::string& message, const std::string& hint = {});
  void warning(const config::Location& at, const std::string& message, const std::string& hint = {});
  // Points into the expression's text.
  void error(const config::ExprText& text, const expr::Problem& problem);

  // Errors only: 0 when everything so far is right.
  [[nodiscard]] std::size_t count() const { return errors_; }

 private:
  bool is_new(const config::Location& at, const std::string& message);

  config::Diagnostics& diagnostics_;
  std::set<std::tuple<std::string, int, int, std::string>> seen_;
  std::size_t errors_ = 0;
};

}  // namespace foldline::declarative
