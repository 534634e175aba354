// What several subcommands need of a projection file: loaded, compiled, and its store opened.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "common/kafka/client.h"
#include "projectors/declarative/compiled.h"
#include "sinks/sink.h"

namespace foldline {

using Projection = std::shared_ptr<const declarative::CompiledProjection>;

// Prints every finding to `err`; null when there are errors.
Projection load_projection(const std::string& file, const std::string& shared, std::ostream& err);

// The store of the live generation, or, with a number, of one in the making.
Result<std::unique_ptr<Store>> open_projection_store(const declarative::CompiledProjection& projection, std::int64_t building = 0);

kafka::ClientOptions kafka_options(const config::ProjectionFile& file);

// Topic names as the client subscribes to them: a pattern becomes ^regex$.
std::vector<std::string> subscription_of(const config::ProjectionFile& file);

// The source that reads a topic: an exact name first, then the pattern with the most literal characters; -1: none. A dead-letter topic of
// the projection matches no pattern.
int source_of_topic(const config::ProjectionFile& file, const std::string& topic);

}  // namespace foldline
