// Reads scalars, names, lists and expressions from a tree, and says what is wrong with them. One Reader a file.
//
// Every function that answers an optional has reported an error when the answer is empty, except for nodes that are `bad`: those
// were reported already. Messages show text as written in the file, so that a variable's value never reaches them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/projection_file.h"
#include "config/yaml_node.h"

namespace foldline::config {

class Reader {
 public:
  Reader(Diagnostics& diagnostics, Environment environment) : diagnostics_(diagnostics), environment_(std::move(environment)) {}

  void error(const Location& at, const std::string& message, const std::string& hint = {}) { diagnostics_.error(at, message, hint); }
  void warning(const Location& at, const std::string& message, const std::string& hint = {}) { diagnostics_.warning(at, message, hint); }
  [[nodiscard]] Diagnostics& diagnostics() { return diagnostics_; }
  [[nodiscard]] const Environment& environment() const { return environment_; }

  bool expect_map(const YamlNode& node, std::string_view what);
  // A scalar's text with its variables put in.
  std::optional<std::string> text(const YamlNode& node, std::string_view what);
  // The same, and what literal text of it stands in the file is hidden from quoted lines: all of it, or, unless `whole`, only the
  // password where it is the address of a server.
  std::optional<Secret> secret(const YamlNode& node, std::string_view what, bool whole);
  std::optional<std::int64_t> integer(const YamlNode& node, std::string_view what, std::int64_t least, std::int64_t most);
  std::optional<double> number(const YamlNode& node, std::string_view what);
  std::optional<bool> boolean(const YamlNode& node, std::string_view what);
  std::optional<std::int64_t> duration_us(const YamlNode& node, std::string_view what);
  std::optional<ExprText> expression(const YamlNode& node, std::string_view what);
  // One text or a list of them; empty after an error.
  std::vector<Named> names(const YamlNode& node, std::string_view what, std::size_t most);
  // name → expression, in file order.
  std::vector<NamedExpr> expressions(const YamlNode& node, std::string_view what);
  // Calls `take` for each item of a list, or for `node` itself when it is none.
  void one_or_many(const YamlNode& node, std::string_view what, std::size_t most, const std::function<void(const YamlNode&)>& take);
  // snake_case, at most kMaxIdentifierBytes, not one of Foldline's or the store's own names. `as_written`: what messages show, when
  // the name may come from a variable.
  bool check_identifier(const std::string& name, const Location& at, std::string_view what, std::string_view as_written = {});
  // Text for people.
  std::string doc(const YamlNode& node);

  // The text of a scalar as it may be shown, in backticks: as written, cut when long.
  static std::string shown(const YamlNode& node);

 private:
  Diagnostics& diagnostics_;
  Environment environment_;
};

// What a node is, for "expected a map, found ...".
std::string_view kind_name(const YamlNode& node);
// "`x`", cut when long.
std::string shown(std::string_view text);

}  // namespace foldline::config
