// Creates a view's table, or brings an existing one up to its definition where that destroys nothing.
//
// Applied: a new field (old rows take its default), a new index, a new comment, another default or fillfactor.
// Refused, each with its reason and remedy: another type or key, a field that somebody dropped from the table or that was left out for a
// while, another grouping of `newest_by`, a table that belongs to another projection, and one that Foldline did not make and that
// is not empty or does not match. A field that left the file keeps its column, and is logged.
#pragma once

#include <pqxx/pqxx>

#include "sinks/postgres/layout.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// Under kPrepareLock, in the caller's transaction, after prepare_system_schema().
Result<void> prepare_view(pqxx::work& transaction, const ProjectionId& id, const ViewLayout& layout);

}  // namespace foldline::postgres
