// A YAML document as a tree that remembers where everything stands and how it was written. Built from yaml-cpp's events rather than
// its nodes, because those forget quotes, tags, anchors and duplicate keys, which the language has rules about (language, rule 1).
//
//   std::optional<YamlNode> root = parse_yaml(text, "orders.yaml", diagnostics);
//   for (const YamlEntry& e : root->entries) use(e.key.text, e.value);
//
// nullopt: it is no YAML, and `diagnostics` says why. Other slips (a tag, an anchor, a key given twice) are errors too, but the tree
// is answered all the same, with the node marked `bad`, so that the rest of the file can be checked in the same run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"

namespace foldline::config {

struct YamlEntry;

struct YamlNode {
  enum class Kind {
    null,
    scalar,
    list,
    map
  };

  Kind kind = Kind::null;
  std::string text;     // of a scalar, `${VAR}` as written
  bool quoted = false;  // "..." or '...'
  bool block = false;   // | or >
  bool written = true;  // false: a null because nothing stands there
  bool bad = false;     // an error about it has been given already
  Location at;          // of its first character
  Location text_at;     // of its text's first character (behind a quote, in the line after | or >)
  int last_line = 0;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // in file order

  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_null() const { return kind == Kind::null; }
  [[nodiscard]] const YamlEntry* find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

std::optional<YamlNode> parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics);

// The lines of a text, without their ends.
std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace foldline::config
