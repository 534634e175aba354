// The SQL that writes the rows of one shape into the view.
//
//   for (const std::string& sql : rows_statements(layout, shape, Source::arrays)) connection.prepare(name, sql);   // $1, $2, ...: columns
//
// One INSERT ... SELECT ... ON CONFLICT DO UPDATE a shape: `t` is the stored row, `excluded` the staged one. Everything that decides the
// result (defaults, guards, soft deletes) stands in these expressions, so that the database computes it under the row's lock.
#pragma once

#include <string>
#include <vector>

#include "sinks/postgres/layout.h"
#include "sinks/postgres/shape.h"

namespace foldline::postgres {

// Where a statement finds its rows, in key order (G17).
enum class Source {
  staging,  // in the view's staging table; $1 is the shape's number there
  arrays,   // in its parameters, an array for each of used_columns()
};

// In the order in which they must run: one, or two when missing rows have to be made from their defaults first.
std::vector<std::string> rows_statements(const ViewLayout& layout, const Shape& shape, Source source);

// COPY of rows of one shape into the view's own table. Only where is_plain_insert().
std::string copy_straight(const ViewLayout& layout, const Shape& shape);
// UPDATE of the staged rows of one shape, whose number in staging is `number`; rows that are not in the view yet are passed over. Only
// where is_plain_update(). Plain text, planned for the staging table as it is filled: a tenth of a millisecond for thousands of rows.
std::string update_straight(const ViewLayout& layout, const Shape& shape, std::uint32_t number);

}  // namespace foldline::postgres
