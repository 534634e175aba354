// The shape of a folded row: which of its columns are set, added to, ... . Rows of one shape are written by one statement, so a batch of
// 10,000 rows is usually one statement a view.
//
//   std::string signature;   classify(layout, row, signature);   // equal signatures, equal statements
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/layout.h"
#include "sinks/sink.h"

namespace foldline::postgres {

enum class RowKind : char {
  upsert,  // apply the cells to the row as it is, or to a new one
  reset,   // start from the defaults, whatever is stored (G11)
  erase,   // delete
};

enum class CellCode : char {
  none,
  set,
  add,
  min,
  max
};

struct Shape {
  RowKind kind = RowKind::upsert;
  bool soft_deleted = false;    // fills the soft_delete field
  bool starts_anew = false;     // a stored row that was soft-deleted takes its defaults before the cells apply (G11)
  std::vector<CellCode> cells;  // one a field; none for the soft_delete field, which has its own rules
  std::vector<bool> guards;     // which stamps this batch holds
};

// Writes the row's signature: kind, soft_deleted, starts_anew, a code a field, a flag a guard; one byte each.
// An error (code internal) for what the fold must never make: an operation that is not built, a guarded cell without its stamp.
Result<void> classify(const ViewLayout& layout, const FoldedRow& row, std::string& signature);
// Which of the layout's columns hold something in rows of this shape: those that their statement reads.
std::vector<bool> used_columns(const ViewLayout& layout, const Shape& shape);
// Whether such a row, where its key is missing, becomes exactly what its columns hold and the table's defaults for the rest. Only such rows
// may be copied into the table as they are.
bool is_plain_insert(const ViewLayout& layout, const Shape& shape);
// Whether such a row, where its key is there, only takes what its columns hold, whatever is stored: then UPDATE does what the upsert does,
// and doing both is the same as doing one.
bool is_plain_update(const ViewLayout& layout, const Shape& shape);
// A new row needs default and operand merged (FieldColumn::merge_needs_default), which takes a statement of its own.
bool needs_seed(const ViewLayout& layout, const Shape& shape);
Shape shape_of(const ViewLayout& layout, std::string_view signature);

}  // namespace foldline::postgres
