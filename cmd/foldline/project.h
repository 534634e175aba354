// What several subcommands need of a projection file: loaded, compiled, and its store opened.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/codec/decoder.h"
#include "common/kafka/client.h"
#include "projectors/declarative/compiled.h"
#include "sinks/dead_letter/kafka_letters.h"
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
// the projection matches no pattern. The replay topic has the index behind the file's sources.
int source_of_topic(const config::ProjectionFile& file, const std::string& topic);

// Where `foldline dlq replay` writes letters' events for the worker to read: PROJECTION.replay.
std::string replay_topic(const config::ProjectionFile& file);

// What a letter of a record of this topic may show. Of the replay topic's own letters (damaged records): nothing where any source hides
// something, because nobody knows what they were.
Redactor redactor_of_topic(const Projection& projection, const std::string& topic);

// One decoder per source, and behind them the replay topic's.
std::vector<std::unique_ptr<Decoder>> make_decoders(const Projection& projection);

// The topic whose letters go to this one; nullopt: it is no letter topic of the template. With a fixed name every topic's do: "".
std::optional<std::string> topic_of_letters(const std::string& topic_template, const std::string& letter_topic);

// Prints message and hint; answers the exit code 1.
int complain(std::ostream& err, const Error& error);

}  // namespace foldline
