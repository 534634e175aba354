// Rows that expired go with the commits (language.md, `expire`): the row goes at `from` + `after`, by event time, never by now (G12, G13).
//
// The horizon is the greatest event time in the projection's checkpoints, so it is durable, only rises, and is the same after any crash:
// what is expired below it is deleted sooner or later, in small batches, by whichever lane commits.
#pragma once

#include <cstdint>
#include <string>

#include "sinks/postgres/connection.h"
#include "sinks/postgres/layout.h"
#include "sinks/sink.h"

namespace foldline::postgres {

inline constexpr std::int64_t kExpireBatchRows = 500;            // so that a commit stays short
inline constexpr std::chrono::milliseconds kExpireEvery{1'000};  // unless the last batch was full

inline bool expires(const ViewSchema& schema) { return schema.expire_after_us > 0 && !schema.expire_from.empty(); }

// $1 projection, $2 generation.
std::string expire_sql(const ViewLayout& layout);
Params expire_params(const ProjectionId& id);

}  // namespace foldline::postgres
