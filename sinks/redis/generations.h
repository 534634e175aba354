// Generations in Redis (docs/decisions/0062-redis-generations.md). The hash `foldline:{PROJECTION}:generations` says which there are and
// what they are; it is compared in the same scripts that take ownership and that move rows (G1).
//
//   building ──go_live()──▶ switching ──▶ live        the rows move from foldline:{P:gN:b0}:row:NAME to NAME
//   live ─────────────────▶ retiring ──▶ retired      and those of the old one from NAME to foldline:{P:gOLD:b0}:row:NAME
//   building | retired ──drop──▶ dropping ──▶ dropped
//
// A projection that was kept before there were generations has no such hash: its one generation is number 1.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/redis/connection.h"
#include "sinks/redis/definition.h"
#include "sinks/redis/sink.h"

namespace foldline::redis {

using GenerationStates = std::map<std::int64_t, GenerationState>;

// One command, its answer. A refusal is an error, `doing` its first words.
Result<Reply> ask_one(Connection& connection, const Request& request, std::string_view doing);

// Empty where nothing was prepared yet.
Result<GenerationStates> read_generations(Connection& connection, const std::string& projection);
// The one whose rows readers see: the live one; while another goes live, that one.
std::int64_t live_number(const GenerationStates& states);

// For prepare(): which generation the store keeps, that it may, and what it is: building, switching or live. `shared.id.generation` 0
// becomes the live one's number. Errors: retryable for a worker while a generation goes live; superseded when it is no longer what the
// store was opened for.
Result<GenerationState> bind_generation(Connection& connection, StoreShared& shared);

// The places of a generation's checkpoints ("3:orders.events").
Result<std::vector<std::string>> places_of(Connection& connection, const SystemKeys& keys);

// Every view that some projection keeps among the live keys.
Result<std::vector<KeptKeys>> read_kept_keys(Connection& connection, const std::string& hash);

// Before a generation is built, and again before it goes live: which keys are the projection's can only be told by their names. Errors
// (code config): a name that says nothing, or one that another projection's keys may have, too.
Result<void> check_names_tell(Connection& connection, const StoreShared& shared);

// In bounded steps. Crash: the generation is `dropping`, nobody folds into it any more, and another call goes on.
Result<void> drop_generation(Connection& connection, const StoreShared& shared, std::int64_t number);

}  // namespace foldline::redis
