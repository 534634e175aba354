#include "config/property.h"

#include <algorithm>

#include "common/expr/expr.h"

namespace foldline::config {
namespace {

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

std::string refusal(std::string_view what) { return "`" + std::string(what) + "` is part of the language and not built yet"; }

std::vector<int> match_entries(Reader& reader, const YamlNode& node, const LevelDescription& level) {
  std::vector<int> out;
  std::vector<std::string> built;
  for (const PropertyInfo& info : level.properties) {
    if (info.refused.empty()) built.emplace_back(info.name);
  }
  std::vector<bool> present(level.properties.size(), false);
  for (const YamlEntry& entry : node.entries) {
    const auto found = std::find_if(level.properties.begin(), level.properties.end(),
                                    [&](const PropertyInfo& info) { return info.name == entry.key.text; });
    out.push_back(-1);
    if (found == level.properties.end()) {
      const auto near = expr::did_you_mean(entry.key.text, built);
      reader.error(entry.key.at, "unknown key " + shown(entry.key.text) + " in " + std::string(level.info.name),
                   near ? "did you mean `" + *near + "`?" : "the keys here are " + list_of(built));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - level.properties.begin());
    present[index] = true;
    if (!found->refused.empty()) {
      reader.error(entry.key.at, refusal(found->name), std::string(found->refused));
      continue;
    }
    if (entry.value.bad) continue;
    if (entry.value.is_null() && !entry.value.written) {
      reader.error(entry.key.at, "`" + std::string(found->name) + "` has no value", "give it one, or remove the key");
      continue;
    }
    out.back() = static_cast<int>(index);
  }
  for (std::size_t i = 0; i < level.properties.size(); ++i) {
    const PropertyInfo& info = level.properties[i];
    if (!info.required || present[i]) continue;
    reader.error(node.at, std::string(level.info.name) + " needs the key `" + std::string(info.name) + "`", std::string(info.doc));
  }
  return out;
}

std::optional<std::size_t> read_choice(Reader& reader, const YamlNode& node, std::string_view what, std::span<const Choice> choices) {
  const std::optional<std::string> word = reader.text(node, what);
  if (!word) return std::nullopt;
  std::vector<std::string> built;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].refused.empty()) built.emplace_back(choices[i].word);
    if (choices[i].word != *word) continue;
    if (choices[i].refused.empty()) return i;
    reader.error(node.at, refusal(std::string(what) + ": " + *word), std::string(choices[i].refused));
    return std::nullopt;
  }
  const auto near = expr::did_you_mean(*word, built);
  reader.error(node.at, Reader::shown(node) + " is no value of `" + std::string(what) + "`",
               near ? "did you mean `" + *near + "`?" : "it takes " + list_of(built));
  return std::nullopt;
}

}  // namespace foldline::config
