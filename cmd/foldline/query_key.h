// What the words of a `foldline query` command mean: views, columns and key values, by name and type.
//
//   auto view = find_view(projection->views, "fact_orders");           // its index, or an error that says "did you mean"
//   auto key = parse_key(projection->views[*view], {"2026-04-03"});    // a date, because the key's first part is one
//
// All errors have code config, and are slips of the command line.
#pragma once

#include <string>
#include <vector>

#include "common/error.h"
#include "common/view.h"
#include "sinks/rows/stored_row.h"

namespace foldline {

Result<std::size_t> find_view(const std::vector<ViewSchema>& views, const std::string& name);

// The key's first parts; at most as many as it has.
Result<std::vector<rows::OwnedValue>> parse_key(const ViewSchema& view, const std::vector<std::string>& words);

// A column of a row: a key part or a field.
struct Column {
  std::string name;
  Type type;
  bool is_key = false;
  std::size_t index = 0;  // among the key parts, or the fields

  [[nodiscard]] const rows::OwnedValue& of(const rows::StoredRow& row) const { return is_key ? row.key[index] : row.fields[index]; }
};

// Key parts first, then fields.
std::vector<Column> columns_of(const ViewSchema& view);
// Those of these names, in their order; all when there are none.
Result<std::vector<Column>> choose_columns(const ViewSchema& view, const std::vector<std::string>& names);

// "order_id text, customer_id text": for messages.
std::string described(const std::vector<Column>& columns);

}  // namespace foldline
