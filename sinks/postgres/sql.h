// SQL text: names and constants are always quoted, whatever they hold.
//
//   quote_identifier("user \"x\"")   // "user ""x"""
//   parse_table_name("bronze.events", "public")->quoted()   // "bronze"."events"
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/error.h"

namespace foldline::postgres {

// NAMEDATALEN - 1. PostgreSQL cuts longer names silently, and then two of them may be one.
inline constexpr std::size_t kMaxIdentifierBytes = 63;

std::string quote_identifier(std::string_view name);
// A text constant that means the same under any standard_conforming_strings.
std::string quote_literal(std::string_view text);

struct TableName {
  std::string schema;
  std::string table;

  [[nodiscard]] std::string quoted() const { return quote_identifier(schema) + "." + quote_identifier(table); }
  [[nodiscard]] std::string display() const { return schema + "." + table; }
};

// `table` or `schema.table`. An error (code config) names what is wrong with it.
Result<TableName> parse_table_name(std::string_view store_name, std::string_view default_schema);

// The name of a secondary index: readable, at most 63 bytes, the same for the same table and columns.
std::string index_name(std::string_view table, const std::string& columns, bool unique);

}  // namespace foldline::postgres
