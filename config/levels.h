// The levels of the language: each is a table of properties in the .cpp of the same name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/projection_file.h"
#include "config/property.h"
#include "config/reader.h"
#include "config/yaml_node.h"

namespace foldline::config {

// foldline.yaml: read once, its parts loaded when a projection names them.
struct SharedFile {
  Reader* reader = nullptr;  // of the shared file, for its errors
  std::string path;          // empty: there is none
  std::optional<YamlNode> root;
  // The entry `name` of `section` (stores, sources), nullptr when there is none.
  [[nodiscard]] const YamlNode* find(std::string_view section, std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names(std::string_view section) const;
};

void load_source(Reader& reader, const YamlNode& node, SourceSpec& out);
void load_store(Reader& reader, const YamlNode& node, StoreSpec& out);
void load_redis(Reader& reader, const YamlNode& node, StoreSpec& out);
// The levels behind a store's name, where they have a file of their own.
void load_opensearch(Reader& reader, const YamlNode& node, StoreSpec& out);
void load_elasticsearch(Reader& reader, const YamlNode& node, StoreSpec& out);
void load_kafka(Reader& reader, const YamlNode& node, KafkaSpec& out);
void load_dead_letter(Reader& reader, const YamlNode& node, DeadLetterSpec& out);
void load_views(Reader& reader, const YamlNode& node, std::vector<ViewSpec>& out);
// Once the store is known: kinds that were not written, and options that belong to another kind.
void settle_kinds(Reader& reader, const StoreSpec& store, std::vector<ViewSpec>& views);
void load_on_event(Reader& reader, const YamlNode& node, std::vector<OnEventSpec>& out);
// A type, short or long, with what may stand beside it.
void load_key_part(Reader& reader, const YamlNode& node, KeyPartSpec& out);
void load_field(Reader& reader, const YamlNode& node, FieldSpec& out);

// Loads the projection's own keys; `shared` answers the names it uses. True: sources and views were read without an error, so
// compiling them finds no error that is not there.
bool load_file(Reader& reader, const YamlNode& root, const SharedFile& shared, ProjectionFile& out);
// The shared file's keys; errors in entries that nobody uses are left alone.
void check_shared_file(SharedFile& shared);
// All of them.
void check_shared_entries(SharedFile& shared);
// None of a projection's own keys, and at least one of the shared file's.
bool has_shared_keys_only(const YamlNode& root);

// What one can say without compiling: names that must exist, operations that fit their field, keys of events.
void check_file(const ProjectionFile& file, Diagnostics& diagnostics);

// Every level's table, for the reference and the schema.
void describe_source(std::vector<LevelDescription>& out);
void describe_store(std::vector<LevelDescription>& out);
LevelDescription describe_redis();
void describe_search_store(std::vector<LevelDescription>& out);
void describe_view(std::vector<LevelDescription>& out);
void describe_field(std::vector<LevelDescription>& out);
void describe_clause(std::vector<LevelDescription>& out);
void describe_file(std::vector<LevelDescription>& out);

}  // namespace foldline::config
