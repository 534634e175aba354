// Foldline's own tables, in the schema `foldline` of the same database: so that checkpoints and processed IDs commit with the rows.
#pragma once

#include <cstdint>
#include <pqxx/pqxx>

#include "common/error.h"

namespace foldline::postgres {

// The layout of the tables below. A worker refuses a database that a newer one has made.
inline constexpr int kFormat = 1;
// Serialises prepare() over all workers of the database, whatever they keep: "foldline" as a number of its own.
inline constexpr std::int64_t kPrepareLock = 0x666f6c646c696e65;

// Creates what is missing. Under kPrepareLock, in the caller's transaction.
Result<void> prepare_system_schema(pqxx::work& transaction);

}  // namespace foldline::postgres
