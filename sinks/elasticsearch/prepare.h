// What a worker does to a cluster before it works: looks at who answers, and makes what is missing.
//
//   check_server(cluster, "opensearch");   prepare_system_index(cluster, kIdsIndex, kIdsAlias);   prepare_view(cluster, layout);
//
// Errors that nobody can wait out have code config and are not to be tried again.
#pragma once

#include <string_view>

#include "sinks/elasticsearch/cluster.h"
#include "sinks/elasticsearch/layout.h"

namespace foldline::elasticsearch {

// GET /: OpenSearch 2 and newer, Elasticsearch 7 and 8. Others are refused by name. Answers "opensearch 2.19.6".
Result<std::string> check_server(Cluster& cluster, std::string_view family);

Result<void> prepare_system_index(Cluster& cluster, std::string_view index, std::string_view alias);

// Makes the index with its mapping and aliases, or adds to its mapping what is new; without the read alias if the generation is in the
// making. Refuses what would need the index to be built anew, a name that is taken, and translog.durability async (G26).
Result<void> prepare_view(Cluster& cluster, const ViewLayout& layout, bool building);

// Of the live generation: an error where the read alias stands on another one, which nothing that Foldline knows explains.
Result<void> check_read_alias(Cluster& cluster, const ViewLayout& layout);

}  // namespace foldline::elasticsearch
