// How Foldline's types stand in PostgreSQL (design.md §7, the table of types).
//
//   column_type(Type{TypeKind::numeric, 12, 2})   // "numeric(12,2)", exactly as format_type() prints it
#pragma once

#include <cstdint>
#include <string>

#include "common/type.h"
#include "common/value.h"

namespace foldline::postgres {

// As PostgreSQL's format_type(atttypid, atttypmod) prints it, so that a definition and the catalogue compare as text.
std::string column_type(const Type& type);
// The same without precision: staging takes what the encoder sends, the view's own column judges it.
std::string staging_type(const Type& type);
// pg_type.oid of the type without precision. These numbers are fixed for ever (PostgreSQL, src/include/catalog/pg_type.dat).
std::uint32_t type_oid(const Type& type);
// Whether a column can hold it: lists of lists are not built.
bool is_supported(const Type& type);

// A constant of the type: `'EUR'::text`, `NULL`. For defaults, in DDL and in statements.
std::string literal(const Value& value, const Type& type);
// What an `add` starts from when the stored value is null; empty for types that can't be added to.
std::string zero(const Type& type);
// Text compares as COLLATE "C" does (design.md §7); empty for all other types.
std::string comparison_collation(const Type& type);

}  // namespace foldline::postgres
