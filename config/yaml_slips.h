// What YAML calls "end of map flow not found" is mostly an expression that wanted double quotes (language, rule 2). Here yaml-cpp's
// place and message become a sentence about what the author wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_node.h"

namespace foldline::config {

struct YamlProblem {
  int line = 0;
  int column = 0;
  std::string message;
  std::string hint;
};

// Where a `{` or `[` stands that has not been closed yet.
struct OpenBracket {
  char bracket = '{';
  int line = 0;
  int column = 0;
};

// Of the parser's exception at `line`, `column`.
YamlProblem explain_syntax_error(const std::vector<std::string_view>& lines, int line, int column, const std::string& parser_message,
                                 const std::optional<OpenBracket>& open);

// Of a value that starts with `!`, `&` or `*`: YAML reads a tag, an anchor, an alias.
YamlProblem explain_marker(const std::vector<std::string_view>& lines, int line, int column);

// An expression that YAML cut at a comma of {...} or [...]: where it starts. `{x: f(a, b)}` is two keys to YAML.
const YamlNode* find_cut_expression(const YamlNode& flow_collection);

// A plain value that YAML ended at ` #` within a quotation or parentheses.
bool is_cut_by_comment(const std::vector<std::string_view>& lines, const YamlNode& scalar);

}  // namespace foldline::config
