// The kinds of views that live in Redis: what a row is, which fields are implied, what such a view can't have.
//
//   settle_kind(reader, node, view);    // after the view's keys were read, in any order
//   check_kinds(file, diagnostics);     // kinds against the store, and what to warn of
#pragma once

#include <string_view>

#include "config/diagnostics.h"
#include "config/projection_file.h"
#include "config/reader.h"
#include "config/yaml_node.h"

namespace foldline::config {

// counter, hash, json, sorted_set, set
bool is_redis_kind(std::string_view kind);

// Adds the implied field (`value` of a counter, `score` of a sorted set), gives its name to operations in the short form (`add: 1`), and
// checks name, key, fields and clauses against the kind.
void settle_kind(Reader& reader, const YamlNode& node, ViewSpec& view);

void check_kinds(const ProjectionFile& file, Diagnostics& diagnostics);

}  // namespace foldline::config
