// Generations in PostgreSQL: one that is built stands in schemas of its own, `analytics__g2` beside `analytics`, with tables and indexes
// of the same names; going live moves tables from schema to schema, which is a change of the catalogue only.
//
//   go_live(transaction, shared);     // analytics.fact_orders -> analytics__g1, analytics__g2.fact_orders -> analytics
//
// SQL views and functions of others that name a table keep to the table they were made for: they follow the old generation.
#pragma once

#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/sink.h"

namespace foldline::postgres {

// How long go_live() waits for readers of a table; then it says so and may be tried again.
inline constexpr int kGoLiveLockTimeoutMs = 5'000;

std::string generation_schema(std::string_view schema, std::int64_t generation);

// 1 where nothing was prepared yet.
std::int64_t live_generation(pqxx::work& transaction, const std::string& projection);

std::vector<Generation> read_generations(pqxx::work& transaction, const std::string& projection);

// Whether the generation is still what this store was opened for; an error of code superseded if not.
Result<void> check_state(pqxx::work& transaction, const StoreShared& shared);

// All of it in the caller's transaction. Order of locks as in open() and in a commit (G17): generations, checkpoints, tables.
Result<void> go_live(pqxx::work& transaction, const StoreShared& shared);
Result<void> drop_generation(pqxx::work& transaction, const std::string& projection, std::int64_t number);

// What open() runs under its locks: the generation's state, which go_live() changes only after it has these locks itself.
extern const char* const kStateSql;

}  // namespace foldline::postgres
