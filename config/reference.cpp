#include "config/reference.h"

#include <cctype>

#include "common/expr/functions.h"
#include "config/levels.h"
#include "config/type_text.h"

namespace foldline::config {
namespace {

// ---- Markdown

std::string words_of(const PropertyInfo& info) {
  std::string out(info.doc);
  if (!info.choices.empty()) {
    std::string built;
    std::string refused;
    for (const Choice& choice : info.choices) {
      std::string& to = choice.refused.empty() ? built : refused;
      to += (to.empty() ? "`" : ", `") + std::string(choice.word) + "`";
    }
    // Some docs explain their words one by one.
    const bool explained = out.find("`" + std::string(info.choices.front().word) + "`") != std::string::npos;
    if (!explained) out += (out.empty() ? "" : ": ") + built;
    if (!refused.empty()) out += " (not built yet: " + refused + ")";
  }
  if (!info.bounds.empty()) out += " (" + std::string(info.bounds) + ")";
  return out;
}

std::string escaped_cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  return text;
}

std::string table_of(const LevelDescription& level) {
  std::string out = "### " + std::string(level.info.title) + "\n\n";
  if (!level.info.doc.empty()) out += std::string(level.info.doc) + "\n\n";
  std::string rows;
  std::string refused;
  for (const PropertyInfo& info : level.properties) {
    if (!info.refused.empty()) {
      refused += "- `" + std::string(info.name) + "`: " + std::string(info.refused) + "\n";
      continue;
    }
    const std::string fallback = info.required ? "required" : std::string(info.fallback);
    rows += "| `" + std::string(info.name) + "` | " + escaped_cell(words_of(info)) + " | " + escaped_cell(fallback) + " |\n";
  }
  if (!rows.empty()) out += "| key | meaning | default |\n| --- | --- | --- |\n" + rows + "\n";
  if (!refused.empty()) out += "Part of the language and not built yet, so refused by name, with what to do instead:\n\n" + refused + "\n";
  return out;
}

// ---- functions

std::string signature(const expr::Function& function) {
  std::string out = "`";
  std::size_t first = 0;
  if (function.method) out += expr::describe(function.parameters[first++]) + ".";
  out += std::string(function.name) + "(";
  for (std::size_t i = first; i < function.parameter_count; ++i) out += (i == first ? "" : ", ") + expr::describe(function.parameters[i]);
  if (function.zone) out += function.parameter_count == first ? "zone?" : ", zone?";
  return out + ")`";
}

// ---- JSON Schema (https://json-schema.org/draft/2020-12)

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// "a view" → "a_view"
std::string definition_name(std::string_view level) {
  std::string out;
  for (const char c : level) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) out += c;
    if (c == ' ' || c == '.') out += '_';
  }
  return out;
}

std::string reference_to(std::string_view level) { return "{\"$ref\": \"#/$defs/" + definition_name(level) + "\"}"; }

constexpr std::string_view kText = "{\"type\": \"string\"}";
constexpr std::string_view kExpression = "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}";
constexpr std::string_view kDuration = "{\"type\": \"string\", \"pattern\": \"^[0-9]+[smhdw]$|[$]\"}";
constexpr std::string_view kNames =
    "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"minItems\": 1}]}";

std::string map_of(std::string_view of) { return "{\"type\": \"object\", \"additionalProperties\": " + std::string(of) + "}"; }
std::string one_or_many(const std::string& of) {
  return of + ", {\"type\": \"array\", \"minItems\": 1, \"items\": {\"anyOf\": [" + of + "]}}";
}

std::string choices_of(const PropertyInfo& info) {
  std::string words;
  for (const Choice& choice : info.choices) {
    if (choice.refused.empty()) words += (words.empty() ? "" : ", ") + quoted(choice.word);
  }
  return "{\"enum\": [" + words + "]}";
}

// The alternatives that a value may be, for anyOf.
std::string alternatives(const PropertyInfo& info) {
  const std::string text_too = info.or_name ? ", " + std::string(kText) : "";
  switch (info.shape) {
    case Shape::text:
    case Shape::name: return "{\"type\": [\"string\", \"number\"]}";
    case Shape::type: return std::string(kText);
    case Shape::integer: return "{\"type\": \"integer\"}, " + std::string(kText);
    case Shape::number: return "{\"type\": \"number\"}, " + std::string(kText);
    case Shape::boolean: return "{\"type\": \"boolean\"}, " + std::string(kText);
    case Shape::duration: return std::string(kDuration);
    case Shape::expression: return std::string(kExpression);
    case Shape::names: return std::string(kNames);
    case Shape::expressions: return map_of(kExpression) + (info.or_name ? ", " + std::string(kExpression) : "");
    case Shape::texts: return map_of("{\"type\": [\"string\", \"number\", \"boolean\"]}");
    case Shape::level: return reference_to(info.level) + text_too;
    case Shape::level_map: {
      const std::string value = reference_to(info.level) + text_too;
      return map_of("{\"anyOf\": [" + (info.many ? one_or_many(value) : value) + "]}");
    }
    case Shape::level_many: return one_or_many(reference_to(info.level) + text_too);
    case Shape::choice: return choices_of(info) + text_too;
    case Shape::any: return "true";
  }
  return "true";
}

std::string property_schema(const PropertyInfo& info) {
  const std::string words = words_of(info) + (info.fallback.empty() ? "" : ". Default: " + std::string(info.fallback));
  return quoted(info.name) + ": {\"description\": " + quoted(words) + ", \"anyOf\": [" + alternatives(info) + "]}";
}

std::string level_schema(const LevelDescription& level) {
  std::string properties;
  std::string required;
  for (const PropertyInfo& info : level.properties) {
    if (!info.refused.empty()) continue;
    properties += (properties.empty() ? "\n      " : ",\n      ") + property_schema(info);
    if (info.required) required += (required.empty() ? "" : ", ") + quoted(info.name);
  }
  std::string out = "{\"type\": \"object\", \"additionalProperties\": false";
  if (!required.empty()) out += ", \"required\": [" + required + "]";
  return out + ", \"properties\": {" + properties + "}}";
}

}  // namespace

std::vector<LevelDescription> all_levels() {
  std::vector<LevelDescription> out;
  describe_file(out);
  describe_source(out);
  describe_view(out);
  describe_field(out);
  describe_clause(out);
  describe_store(out);
  return out;
}

std::string reference_markdown() {
  std::string out;
  for (const LevelDescription& level : all_levels()) out += table_of(level);
  return out;
}

std::string functions_markdown() {
  std::string out = "| function | answers | meaning |\n| --- | --- | --- |\n";
  for (const auto group : {expr::text_functions(), expr::time_functions(), expr::conversion_functions(), expr::collection_functions()}) {
    for (const expr::Function& function : group) {
      out += "| " + signature(function) + " | " + std::string(expr::to_string(function.result)) + " | " +
             escaped_cell(std::string(function.doc)) + " |\n";
    }
  }
  return out;
}

std::string json_schema() {
  const std::vector<LevelDescription> levels = all_levels();
  std::string definitions;
  for (const LevelDescription& level : levels) {
    definitions += (definitions.empty() ? "\n    " : ",\n    ") + quoted(definition_name(level.info.name)) + ": " + level_schema(level);
  }
  return "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"Foldline projection file\",\n  \"$ref\": "
         "\"#/$defs/" +
         definition_name(levels.front().info.name) + "\",\n  \"$defs\": {" + definitions + "\n  }\n}\n";
}

}  // namespace foldline::config
