// `processed_ids: exact` (G16): every ID once, in a unique index, in the transaction of the rows that it changed.
//
//   prepare_exact_ids(transaction);                                    // the table, under the preparing lock
//   commit: ... compare; add IDs, all or fail; rows; ... COMMIT        // transaction.cpp
//   auto known = read_known_ids(connection, id, batch.exact_ids);      // after a failure: which
//
// Another transaction that adds the same ID makes this one wait for its end: what it committed is then known here, what it rolled back is
// free. A crash leaves the IDs of committed batches, with their rows, and no other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <pqxx/pqxx>

#include "common/hash.h"
#include "sinks/postgres/connection.h"
#include "sinks/sink.h"

namespace foldline::postgres {

inline constexpr const char* kExactIdsTable = "foldline.processed_id";

void prepare_exact_ids(pqxx::work& transaction);

// Adds them in the index's order (two workers with the same IDs wait for each other, and do not deadlock). Fails with kCompareFailed when
// one is there already, or stands twice in the batch.
extern const char* const kAddExactIdsSql;
Params exact_ids_params(const ProjectionId& id, std::span<const Hash128> ids);

// Indexes of those that the store holds and of those that stand in `ids` before.
Answer<std::vector<std::uint32_t>> read_known_ids(Connection& connection, const ProjectionId& id, std::span<const Hash128> ids);

}  // namespace foldline::postgres
