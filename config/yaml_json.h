// A part of the file that is passed on as JSON, to a store that knows what it means: settings and mappings of an index.
//
//   std::optional<std::string> json = to_json(reader, node, "settings");   // {"analysis":{"analyzer":{...}}}
//
// Plain numbers, true, false and null stay what they are; all else is text, with its variables put in. nullopt: an error was given.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/reader.h"
#include "config/yaml_node.h"

namespace foldline::config {

// `node` has to be a map.
std::optional<std::string> to_json(Reader& reader, const YamlNode& node, std::string_view what);

}  // namespace foldline::config
