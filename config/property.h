// Properties of the language, declared once: from a level's table come loading, "unknown key" with "did you mean", refusal by name of
// what this build has not, the reference page and the JSON Schema.
//
//   constexpr Property<Store> kStore[] = {{{.name = "url", .shape = Shape::text, .required = true, .doc = "..."}, load_url}, ...};
//   read_level(reader, node, Level<Store>{{"store", "..."}, kStore}, store);
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/reader.h"
#include "config/yaml_node.h"

namespace foldline::config {

// What stands behind a key, as the reference and the schema say it.
enum class Shape {
  text,
  name,  // snake_case
  integer,
  number,
  boolean,
  duration,     // 30s 5m 2h 7d 2w
  expression,   // CEL, or a plain number, boolean or null
  names,        // one or many texts
  expressions,  // name → expression
  texts,        // name → text
  type,         // a type, short or long
  level,        // a map with keys of its own: PropertyInfo::level
  level_map,    // name → level
  level_many,   // one level, or a list of them
  choice,       // one of PropertyInfo::choices
  any,
};

// A word that may stand as a value. `refused`: part of the language, not built yet; what to do instead.
struct Choice {
  std::string_view word;
  std::string_view refused = {};
};

struct PropertyInfo {
  std::string_view name;
  Shape shape = Shape::any;
  bool required = false;
  std::string_view fallback = {};  // the default, in words
  std::string_view bounds = {};
  std::string_view doc = {};
  std::string_view level = {};  // the level (LevelInfo::name) behind the key
  bool or_name = false;         // a bare text is allowed too: a name of the shared file, or the short form
  bool many = false;            // level_map: a list of levels is allowed too
  std::span<const Choice> choices = {};
  std::string_view refused = {};  // not empty: part of the language, not built yet; what to do instead
};

template <class T>
struct Property {
  PropertyInfo info;
  void (*load)(Reader&, const YamlNode& value, T& out) = nullptr;  // not called when refused
};

struct LevelInfo {
  std::string_view name;   // in messages: "a view"
  std::string_view title;  // in the reference
  std::string_view doc = {};
};

template <class T>
struct Level {
  LevelInfo info;
  std::span<const Property<T>> properties;
};

// A level without its loaders, for the reference.
struct LevelDescription {
  LevelInfo info;
  std::vector<PropertyInfo> properties;
};

template <class T>
LevelDescription describe(const Level<T>& level) {
  LevelDescription out{level.info, {}};
  for (const Property<T>& property : level.properties) out.properties.push_back(property.info);
  return out;
}

// Non-template part of read_level(): finds each entry's property, reports what is unknown, refused or missing. Answers for each
// entry the property's index, -1 for one that is not to be loaded.
std::vector<int> match_entries(Reader& reader, const YamlNode& node, const LevelDescription& level);

// False: it is no map (an error has been given) and nothing was loaded.
template <class T>
bool read_level(Reader& reader, const YamlNode& node, const Level<T>& level, T& out) {
  if (!reader.expect_map(node, level.info.name)) return false;
  const std::vector<int> matched = match_entries(reader, node, describe(level));
  for (std::size_t i = 0; i < node.entries.size(); ++i) {
    if (matched[i] < 0) continue;
    const Property<T>& property = level.properties[static_cast<std::size_t>(matched[i])];
    if (property.load != nullptr) property.load(reader, node.entries[i].value, out);
  }
  return true;
}

// "`window` is part of the language and not built yet".
std::string refusal(std::string_view what);

// The index of the choice that `node` holds; nullopt after an error.
std::optional<std::size_t> read_choice(Reader& reader, const YamlNode& node, std::string_view what, std::span<const Choice> choices);

}  // namespace foldline::config
