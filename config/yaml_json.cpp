#include "config/yaml_json.h"

#include "common/decimal.h"
#include "common/json.h"

namespace foldline::config {
namespace {

bool append(Reader& reader, const YamlNode& node, std::string_view what, std::string& out) {
  if (node.bad) return false;
  switch (node.kind) {
    case YamlNode::Kind::null: out += "null"; return true;
    case YamlNode::Kind::scalar: {
      const bool plain = !node.quoted && !node.block;
      if (plain && (node.text == "true" || node.text == "false" || node.text == "null" || is_json_number(node.text))) {
        out += node.text;
        return true;
      }
      const auto text = reader.text(node, what);
      if (!text) return false;
      append_json_string(out, *text);
      return true;
    }
    case YamlNode::Kind::list:
      out += '[';
      for (const YamlNode& item : node.items) {
        if (out.back() != '[') out += ',';
        if (!append(reader, item, what, out)) return false;
      }
      out += ']';
      return true;
    case YamlNode::Kind::map:
      out += '{';
      for (const YamlEntry& entry : node.entries) {
        if (out.back() != '{') out += ',';
        append_json_string(out, entry.key.text);
        out += ':';
        if (!append(reader, entry.value, what, out)) return false;
      }
      out += '}';
      return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> to_json(Reader& reader, const YamlNode& node, std::string_view what) {
  std::string out;
  if (!reader.expect_map(node, "`" + std::string(what) + "`") || !append(reader, node, what, out)) return std::nullopt;
  return out;
}

}  // namespace foldline::config
