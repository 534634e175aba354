// Where a view stands in PostgreSQL: its table, its columns, and the staging table that a connection copies its rows through.
//
//   ViewLayout layout = *make_layout(schema, 0, "public");
//   connection.exec(layout.create_staging);    // once per connection
//
// Immutable after make_layout(); shared by all sinks of a store.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/view.h"
#include "sinks/postgres/sql.h"

namespace foldline::postgres {

struct KeyColumn {
  std::string name;    // quoted
  std::string staged;  // its name in staging: k0, k1, ...
};

struct FieldColumn {
  std::string name;           // quoted
  std::string staged;         // c0, c1, ...
  std::string default_value;  // a constant, or NULL
  std::string zero;           // what `add` starts from when the stored value is null
  std::string collation;      // ` COLLATE "C"` for text, else empty
  // The value that a merge leaves on a row that was missing differs from its operand: the default is neither null nor zero.
  bool merge_needs_default = false;
};

// The stamp of one guard (G10): hidden column `_newest_1`, `_newest_2`, ... and, for deletes, `_newest_alive`, `_newest_deleted`.
struct GuardColumn {
  std::string plain_name;
  std::string name;    // quoted
  std::string staged;  // g0, g1, ...
};

// A column as rows are encoded: key parts, then fields, then guards.
struct EncodedColumn {
  std::string plain_name;
  std::string name;         // quoted
  std::string staged;       // k0, c0, g0, ...
  std::string staged_type;  // without precision: the table's own type rounds or refuses, on every way into it alike
  std::uint32_t type_oid = 0;
  bool is_list = false;
};

struct ViewLayout {
  ViewSchema schema;
  std::uint32_t view = 0;
  TableName table;
  std::vector<KeyColumn> key;
  std::vector<FieldColumn> fields;
  std::vector<GuardColumn> guards;
  std::vector<EncodedColumn> columns;
  std::string staging;         // pg_temp.foldline_stage_0
  std::string create_staging;  // CREATE TEMPORARY TABLE ...
  std::string copy_staging;    // COPY ... FROM STDIN (FORMAT binary)
  std::string key_list;        // "a", "b"
  std::int16_t staging_columns = 0;

  // Arrays of arrays can't be told apart by unnest(): such a view's rows always travel through its staging table.
  [[nodiscard]] bool has_lists() const;
  [[nodiscard]] bool soft_deletes() const { return schema.soft_delete >= 0; }
  // Deletes are decided by stamps, not by the order of arrival.
  [[nodiscard]] bool guarded_deletes() const { return schema.guard_alive >= 0 && schema.guard_deleted >= 0 && soft_deletes(); }
};

// An error (code config) when this store can't keep the view; the message names the view and the field.
Result<ViewLayout> make_layout(const ViewSchema& schema, std::uint32_t view, std::string_view default_schema);

}  // namespace foldline::postgres
