// Loads files from text, with an environment of the test's own.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/projection_file.h"

namespace foldline::config {

using Variables = std::map<std::string, std::string>;

inline LoadOptions options_with(Variables variables, std::string shared_path = {}) {
  return {std::move(shared_path), [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          }};
}

struct Loaded {
  std::optional<ProjectionFile> file;
  Diagnostics diagnostics;
  std::string output;  // what a user sees
};

inline Loaded load(const std::string& text, const Variables& variables = {{"KAFKA_BROKERS", "broker:9092"}}) {
  Loaded out;
  out.file = load_projection_text(text, "p.yaml", options_with(variables), out.diagnostics);
  out.output = out.diagnostics.to_string();
  return out;
}

// A whole file of which only a part matters. The lines of the parts: source 2, store 3, views from 4.
struct Parts {
  std::string source = "source: {topics: orders, partition_key: data.id, envelope: flat}";
  std::string store = "store: {memory: {}}";
  std::string views = "views: {v: {key: {id: text}, fields: {n: int}, on_event: {a: {set: {n: 1}}}}}";
  std::string rest;
};

inline std::string file_of(const Parts& parts) {
  return "projection: p\n" + parts.source + "\n" + parts.store + "\n" + parts.views + "\n" + parts.rest + "\n";
}

// `lines` stand under the view v, from line 6 on, and are indented by four.
inline std::string file_with_view(const std::string& lines) {
  Parts parts;
  parts.views = "views:\n  v:\n" + lines;
  return file_of(parts);
}

// `clause` is the only clause of the view, in line 8 from column 8 on.
inline std::string file_with_clause(const std::string& clause) {
  return file_with_view("    key: {id: text}\n    fields: {n: bigint, t: text}\n    on_event: {a: " + clause + "}\n");
}

}  // namespace foldline::config
