#include "config/yaml_slips.h"

#include <algorithm>
#include <cctype>

namespace foldline::config {
namespace {

constexpr std::string_view kQuoteIt = "put the whole value in double quotes";

std::string_view line_at(const std::vector<std::string_view>& lines, int line) {
  if (line < 1 || static_cast<std::size_t>(line) > lines.size()) return {};
  return lines[static_cast<std::size_t>(line) - 1];
}

char char_at(std::string_view line, int column) {
  return column >= 1 && static_cast<std::size_t>(column) <= line.size() ? line[static_cast<std::size_t>(column) - 1] : '\0';
}

bool indents_with_tab(std::string_view line) {
  for (const char c : line) {
    if (c == '\t') return true;
    if (c != ' ') return false;
  }
  return false;
}

std::size_t indentation(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

// The last character before `column` that is no blank, and its column.
std::pair<char, int> before(std::string_view line, int column) {
  for (int c = std::min(column - 1, static_cast<int>(line.size())); c >= 1; --c) {
    if (char_at(line, c) != ' ') return {char_at(line, c), c};
  }
  return {'\0', 0};
}

// Column where the value starts that the text before `column` belongs to: behind the nearest `: `, `, `, `{`, `[` or `- `.
int value_start(std::string_view line, int column) {
  for (int c = std::min(column, static_cast<int>(line.size()) + 1) - 1; c >= 1; --c) {
    const char here = char_at(line, c);
    const bool separates = here == '{' || here == '[' || ((here == ':' || here == ',' || here == '-') && char_at(line, c + 1) == ' ');
    if (!separates) continue;
    int start = c + 1;
    while (char_at(line, start) == ' ') ++start;
    if (start < column) return start;
  }
  return column;
}

// Column of the first `: ` before `column`, the one that ends a key; 0: none.
int first_colon(std::string_view line, int column) {
  const std::size_t at = line.find(": ");
  return at == std::string_view::npos || static_cast<int>(at) + 1 >= column ? 0 : static_cast<int>(at) + 1;
}

std::string quoted_example(std::string_view value) {
  while (!value.empty() && (value.back() == ' ' || value.back() == '\r')) value.remove_suffix(1);
  if (value.empty() || value.size() > 60 || value.find('"') != std::string_view::npos) return {};
  return ": \"" + std::string(value) + "\"";
}

YamlProblem starts_with_marker(std::string_view line, int row, int column) {
  const char marker = char_at(line, column);
  std::string meaning;
  if (marker == '!') meaning = "YAML reads a tag where a value starts with `!`, and tags are not part of the language";
  if (marker == '&') meaning = "YAML reads an anchor where a value starts with `&`, and anchors are not part of the language";
  if (marker == '*') meaning = "YAML reads an alias where a value starts with `*`, and aliases are not part of the language";
  if (meaning.empty()) meaning = std::string("YAML keeps `") + marker + "` for itself at the start of a value";
  return {row, column, meaning, "if this is an expression or a pattern, " + std::string(kQuoteIt) + "; else remove the mark"};
}

bool is_marker(char c) { return std::string_view("!&*@`%").find(c) != std::string_view::npos && c != '\0'; }

YamlProblem explain_second_colon(std::string_view line, int row, int column) {
  const int key_colon = first_colon(line, column);
  if (key_colon == 0) {
    return {row, column, "this line has a value of its own, but the line above it has one already",
            "indent this line like the line above, or leave the line above without a value"};
  }
  int start = key_colon + 1;
  while (char_at(line, start) == ' ') ++start;
  const std::string_view value = line.substr(static_cast<std::size_t>(start) - 1);
  if (value.substr(0, static_cast<std::size_t>(std::max(column - start, 0))).find(" ?") != std::string_view::npos) {
    return {row, start, "this expression holds `: ` (as every `a ? b : c` does), which YAML takes for a key",
            std::string(kQuoteIt) + quoted_example(value)};
  }
  return {row, start, "this value holds `: `, which YAML takes for a key", std::string(kQuoteIt) + quoted_example(value)};
}

std::optional<YamlProblem> explain_in_brackets(std::string_view line, int row, int column) {
  const char here = char_at(line, column);
  const int start = value_start(line, column);
  const std::string within = " within `{...}` or `[...]` ends the value for YAML";
  if (here == '?') return YamlProblem{row, column, "a `?`" + within, std::string(kQuoteIt) + ": \"data.?coupon\""};
  if (here == '{' && char_at(line, column - 1) == '$') {
    return YamlProblem{row, column - 1, "a `${`" + within, std::string(kQuoteIt) + ": \"${NAME}\""};
  }
  if (here == '[' || here == '{') {
    return YamlProblem{row, start, std::string("a `") + here + "`" + within, std::string(kQuoteIt)};
  }
  if (here == ':') return YamlProblem{row, start, "a `: `" + within, std::string(kQuoteIt)};
  return std::nullopt;
}

std::optional<YamlProblem> explain_text_after_value(std::string_view line, int row, int column) {
  const auto [last, last_column] = before(line, column);
  if (last == '"' || last == '\'') {
    return YamlProblem{row, value_start(line, last_column), "a value that starts with a quote ends for YAML at the closing quote",
                       "put the whole expression in double quotes: \"'a' + data.b\""};
  }
  if (last == ']' || last == '}') {
    const char opening = last == ']' ? '[' : '{';
    const std::size_t open = line.substr(0, static_cast<std::size_t>(last_column)).find(opening);
    const int at = open == std::string_view::npos ? column : static_cast<int>(open) + 1;
    return YamlProblem{row, at, std::string("a value that starts with `") + opening + "` ends for YAML at its `" + last + "`",
                       std::string(kQuoteIt)};
  }
  return std::nullopt;
}

// Quotations and parentheses of an expression: what is still open at its end. An apostrophe within a word opens nothing.
struct Balance {
  int parentheses = 0;
  bool went_below = false;
  bool open_quote = false;
};

Balance balance_of(std::string_view text) {
  Balance out;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
      continue;
    }
    const bool in_word = i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0;
    if ((c == '\'' || c == '"') && !in_word) quote = c;
    if (c == '(') ++out.parentheses;
    if (c == ')') out.went_below |= --out.parentheses < 0;
  }
  out.open_quote = quote != '\0';
  return out;
}

}  // namespace

YamlProblem explain_syntax_error(const std::vector<std::string_view>& lines, int line, int column, const std::string& parser_message,
                                 const std::optional<OpenBracket>& open) {
  const std::string_view text = line_at(lines, line);
  for (const int row : {line, line - 1}) {
    if (!indents_with_tab(line_at(lines, row))) continue;
    const auto tab = static_cast<int>(line_at(lines, row).find('\t')) + 1;
    return {row, tab, "a tab can't indent YAML", "indent with spaces"};
  }
  if (is_marker(char_at(text, column)) && value_start(text, column) == column) return starts_with_marker(text, line, column);
  if (const int start = value_start(text, column);
      is_marker(char_at(text, start)) && parser_message.find("map value") == std::string::npos) {
    return starts_with_marker(text, line, start);
  }
  if (open) {
    // A line that is indented like the one with the bracket, or less, was not meant to stand in it.
    const bool inside = line == open->line || indentation(text) > indentation(line_at(lines, open->line));
    if (inside) {
      if (auto problem = explain_in_brackets(text, line, column)) return *problem;
      if (auto problem = explain_text_after_value(text, line, column)) return *problem;
    }
    const char closing = open->bracket == '{' ? '}' : ']';
    return {open->line, open->column, std::string("this `") + open->bracket + "` is not closed, or a comma is missing in it",
            std::string("look for its `") + closing + "`; an expression that holds one of , ? [ ] { } within it needs double quotes"};
  }
  if (parser_message.find("map value") != std::string::npos) return explain_second_colon(text, line, column);
  if (parser_message.find("block entry") != std::string::npos) {
    return {line, column, "a list's `- ` can't stand in the line of its key", "start the list in the next line, or write [a, b]"};
  }
  if (auto problem = explain_text_after_value(text, line, column)) return *problem;
  if (parser_message.find("end of map") != std::string::npos || parser_message.find("end of seq") != std::string::npos) {
    return {line, column, "the indentation of this line fits none of the lines above it",
            "indent it like the keys or items that it belongs to"};
  }
  return {line, column, "no valid YAML: " + parser_message, "check quotes and indentation around here"};
}

YamlProblem explain_marker(const std::vector<std::string_view>& lines, int line, int column) {
  return starts_with_marker(line_at(lines, line), line, column);
}

const YamlNode* find_cut_expression(const YamlNode& flow_collection) {
  const auto cut = [](const YamlNode& node) {
    if (!node.is_scalar() || node.quoted) return false;
    const Balance balance = balance_of(node.text);
    return balance.parentheses > 0 || balance.open_quote;
  };
  for (std::size_t i = 1; i < flow_collection.entries.size(); ++i) {
    const YamlNode& value = flow_collection.entries[i].value;
    if (value.is_null() && !value.written && cut(flow_collection.entries[i - 1].value)) return &flow_collection.entries[i - 1].value;
  }
  for (std::size_t i = 1; i < flow_collection.items.size(); ++i) {
    const YamlNode& item = flow_collection.items[i];
    if (item.is_scalar() && balance_of(item.text).went_below && cut(flow_collection.items[i - 1])) return &flow_collection.items[i - 1];
  }
  return nullptr;
}

bool is_cut_by_comment(const std::vector<std::string_view>& lines, const YamlNode& scalar) {
  if (!scalar.is_scalar() || scalar.quoted || scalar.block) return false;
  const std::string_view line = line_at(lines, scalar.at.line);
  const auto begin = static_cast<std::size_t>(scalar.at.column) - 1;
  if (begin > line.size() || line.substr(begin, scalar.text.size()) != scalar.text) return false;
  const std::string_view rest = line.substr(begin + scalar.text.size());
  const std::size_t hash = rest.find_first_not_of(' ');
  if (hash == std::string_view::npos || rest[hash] != '#') return false;
  const Balance balance = balance_of(scalar.text);
  return balance.parentheses > 0 || balance.open_quote;
}

}  // namespace foldline::config
