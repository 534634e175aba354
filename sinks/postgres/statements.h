// The SQL that writes the staged rows of one shape into the view.
//
//   for (const std::string& sql : rows_statements(layout, shape)) connection.prepare(name, sql);   // $1: the shape's number in staging
//
// One INSERT ... SELECT ... ON CONFLICT DO UPDATE a shape: `t` is the stored row, `excluded` the staged one. Everything that decides the
// result (defaults, guards, soft deletes) stands in these expressions, so that the database computes it under the row's lock.
#pragma once

#include <string>
#include <vector>

#include "sinks/postgres/layout.h"
#include "sinks/postgres/shape.h"

namespace foldline::postgres {

// In the order in which they must run: one, or two when missing rows have to be made from their defaults first.
std::vector<std::string> rows_statements(const ViewLayout& layout, const Shape& shape);

}  // namespace foldline::postgres
