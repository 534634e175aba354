#include "config/yaml_node.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "config/limits.h"
#include "config/yaml_slips.h"

namespace foldline::config {
namespace {

struct TooMuch {
  Location at;
  std::string message;
};

// Takes the parser's events and builds the tree. Its stack holds the collections that are still open.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::vector<std::string_view>& lines, const std::string& file, Diagnostics& diagnostics)
      : lines_(lines), file_(file), diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2)
      diagnostics_.error(at(mark), "a file holds one YAML document, and here a second one starts", "give it a file of its own");
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = make(mark, YamlNode::Kind::null, {}, anchor);
    const std::string_view rest = rest_of(node.at);
    node.written = rest.substr(0, 1) == "~" || rest.substr(0, 4) == "null" || rest.substr(0, 4) == "Null" || rest.substr(0, 4) == "NULL";
    put(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    YamlNode node = make(mark, YamlNode::Kind::null, {}, YAML::NullAnchor);
    refuse_marker(node);
    put(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    YamlNode node = make(mark, YamlNode::Kind::scalar, tag, anchor);
    node.text = value;
    const std::string_view rest = rest_of(node.at);
    const char first = rest.empty() ? '\0' : rest.front();
    node.quoted = tag == "!" && (first == '"' || first == '\'');
    node.block = tag == "!" && (first == '|' || first == '>');
    node.text_at = node.at;
    node.last_line = node.at.line + static_cast<int>(std::count(value.begin(), value.end(), '\n'));
    if (node.quoted) check_quotes(node, first);
    if (node.block) place_block(node);
    if (!node.bad && is_cut_by_comment(lines_, node)) {
      diagnostics_.error(node.at, "this value ends at ` #` for YAML, within a quotation or parentheses",
                         "put the whole value in double quotes");
      node.bad = true;
    }
    put(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override {
    open(make(mark, YamlNode::Kind::list, tag, anchor), style == YAML::EmitterStyle::Flow, '[');
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override {
    open(make(mark, YamlNode::Kind::map, tag, anchor), style == YAML::EmitterStyle::Flow, '{');
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  [[nodiscard]] std::optional<OpenBracket> innermost_bracket() const {
    for (auto frame = stack_.rbegin(); frame != stack_.rend(); ++frame) {
      if (frame->flow) return OpenBracket{frame->bracket, frame->node.at.line, frame->node.at.column};
    }
    return std::nullopt;
  }
  [[nodiscard]] int documents() const { return documents_; }
  std::optional<YamlNode> take() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    bool flow = false;
    char bracket = '{';
    std::optional<YamlNode> key;                // of a map: read, its value is still to come
    std::map<std::string, int> keys_seen = {};  // key → line
  };

  [[nodiscard]] Location at(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  [[nodiscard]] std::string_view rest_of(const Location& where) const {
    if (where.line < 1 || static_cast<std::size_t>(where.line) > lines_.size()) return {};
    const std::string_view line = lines_[static_cast<std::size_t>(where.line) - 1];
    const auto column = static_cast<std::size_t>(where.column) - 1;
    return column < line.size() ? line.substr(column) : std::string_view{};
  }

  YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    YamlNode node;
    node.kind = kind;
    node.at = node.text_at = at(mark);
    node.last_line = node.at.line;
    if (++nodes_ > kMaxYamlNodes) throw TooMuch{node.at, "the file has more than " + std::to_string(kMaxYamlNodes) + " values"};
    const bool tagged = !tag.empty() && tag != "?" && tag != "!";
    if (tagged || anchor != YAML::NullAnchor) refuse_marker(node);
    return node;
  }

  void refuse_marker(YamlNode& node) {
    const YamlProblem problem = explain_marker(lines_, node.at.line, node.at.column);
    diagnostics_.error(node.at, problem.message, problem.hint);
    node.bad = true;
  }

  // yaml-cpp takes the end of the file for a closing quote.
  void check_quotes(YamlNode& node, char quote) {
    ++node.text_at.column;
    std::size_t row = static_cast<std::size_t>(node.at.line) - 1;
    std::size_t column = static_cast<std::size_t>(node.at.column);
    for (; row < lines_.size(); ++row, column = 0) {
      const std::string_view line = lines_[row];
      for (; column < line.size(); ++column) {
        if (quote == '"' && line[column] == '\\') {
          ++column;
        } else if (line[column] == quote) {
          if (quote == '"' || column + 1 >= line.size() || line[column + 1] != quote) {
            node.last_line = static_cast<int>(row) + 1;
            return;
          }
          ++column;  // '' is a quote within
        }
      }
    }
    diagnostics_.error(node.at, std::string("this `") + quote + "` is not closed", "close the quotation");
    node.bad = true;
  }

  void place_block(YamlNode& node) {
    for (std::size_t row = static_cast<std::size_t>(node.at.line); row < lines_.size(); ++row) {
      const std::size_t first = lines_[row].find_first_not_of(' ');
      if (first == std::string_view::npos) continue;
      node.text_at.line = static_cast<int>(row) + 1;
      node.text_at.column = static_cast<int>(first) + 1;
      break;
    }
    node.last_line = node.text_at.line + static_cast<int>(std::count(node.text.begin(), node.text.end(), '\n'));
  }

  void open(YamlNode node, bool flow, char bracket) {
    if (stack_.size() >= kMaxYamlDepth) throw TooMuch{node.at, "values are nested more than " + std::to_string(kMaxYamlDepth) + " deep"};
    stack_.push_back(Frame{std::move(node), flow, bracket, std::nullopt});
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (frame.flow) {
      if (const YamlNode* cut = find_cut_expression(frame.node)) {
        diagnostics_.error(cut->at, "a comma within `{...}` or `[...]` ends the value for YAML: this expression is cut in two",
                           "put the whole expression in double quotes");
        frame.node.bad = true;
      }
    }
    put(std::move(frame.node));
  }

  void put(YamlNode node) {
    if (stack_.empty()) {
      if (!root_) root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    frame.node.last_line = std::max(frame.node.last_line, node.last_line);
    if (frame.node.is_list()) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      check_key(frame, node);
      frame.key = std::move(node);
    } else {
      const bool unusable = frame.key->bad;
      if (!unusable) frame.node.entries.push_back(YamlEntry{std::move(*frame.key), std::move(node)});
      frame.key.reset();
    }
  }

  void check_key(Frame& frame, YamlNode& key) {
    if (key.bad) return;
    if (!key.is_scalar()) {
      diagnostics_.error(key.at, "a key must be a text", "write `name: value`");
      key.bad = true;
      return;
    }
    if (key.text == "<<" && !key.quoted) {
      diagnostics_.error(key.at, "merge keys (`<<`) are not part of the language", "write the keys out");
      key.bad = true;
      return;
    }
    const auto [first, is_new] = frame.keys_seen.emplace(key.text, key.at.line);
    if (is_new) return;
    diagnostics_.error(key.at, "the key `" + key.text + "` stands here twice, first in line " + std::to_string(first->second),
                       "keep one of them");
    key.bad = true;
  }

  const std::vector<std::string_view>& lines_;
  const std::string& file_;
  Diagnostics& diagnostics_;
  std::vector<Frame> stack_;
  std::optional<YamlNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// Length of the UTF-8 sequence at `i`, 0 when it is none (RFC 3629: no overlong forms, no surrogates).
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U; };
  const unsigned first = byte(i);
  if (first < 0x80U) return 1;
  const std::size_t length = first >= 0xF0U ? 4 : first >= 0xE0U ? 3 : 2;
  if (first < 0xC2U || first > 0xF4U) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = byte(i + 1);
  const bool overlong = (first == 0xE0U && second < 0xA0U) || (first == 0xF0U && second < 0x90U);
  const bool outside = (first == 0xEDU && second >= 0xA0U) || (first == 0xF4U && second >= 0x90U);
  return overlong || outside ? 0 : length;
}

// yaml-cpp takes a 0x04 for the end of the file and mends broken UTF-8 silently: neither may pass.
bool check_characters(const std::vector<std::string_view>& lines, const std::string& file, Diagnostics& diagnostics) {
  for (std::size_t row = 0; row < lines.size(); ++row) {
    const std::string_view line = lines[row];
    for (std::size_t i = 0; i < line.size();) {
      const auto c = static_cast<unsigned char>(line[i]);
      const std::size_t length = utf8_length(line, i);
      const bool control = (c < 0x20U && c != '\t') || c == 0x7FU;
      if (length == 0 || control) {
        diagnostics.error({file, static_cast<int>(row) + 1, static_cast<int>(i) + 1},
                          control ? "a control character in the file" : "the file is not UTF-8 here",
                          "remove it, or save the file as UTF-8");
        return false;
      }
      i += length;
    }
  }
  return true;
}

std::string joined(const std::vector<std::string_view>& lines) {
  std::string out;
  for (const std::string_view line : lines) (out += line) += '\n';
  return out;
}

}  // namespace

const YamlEntry* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key.text == key) return &entry;
  }
  return nullptr;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

std::optional<YamlNode> parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
  if (text.size() > kMaxFileBytes) {
    diagnostics.error({file, 0, 0}, "the file is longer than " + std::to_string(kMaxFileBytes) + " bytes",
                      "split it into several projections");
    return std::nullopt;
  }
  std::string_view body = text;
  if (body.substr(0, 3) == "\xEF\xBB\xBF") body.remove_prefix(3);
  const std::vector<std::string_view> lines = split_lines(body);
  if (!check_characters(lines, file, diagnostics)) return std::nullopt;

  TreeBuilder builder(lines, file, diagnostics);
  try {
    std::istringstream in(joined(lines));
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder) && builder.documents() < 2) {
    }
  } catch (const TooMuch& limit) {
    diagnostics.error(limit.at, limit.message, "split the file");
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    const YamlProblem problem =
        explain_syntax_error(lines, error.mark.line + 1, error.mark.column + 1, error.msg, builder.innermost_bracket());
    diagnostics.error({file, problem.line, problem.column}, problem.message, problem.hint);
    return std::nullopt;
  }
  std::optional<YamlNode> root = builder.take();
  if (!root || (root->is_null() && !root->written)) {
    diagnostics.error({file, 0, 0}, "the file is empty", "a projection file starts with `projection: NAME`");
    return std::nullopt;
  }
  return root;
}

}  // namespace foldline::config
