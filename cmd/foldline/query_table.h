// Rows for people and for programs.
//
//   RowPrinter printer(columns, json, out);
//   printer.add(row);  ...  printer.finish();
//
// A table's columns are as wide as the first kRowsToMeasure rows need, so that a long answer begins to appear and is never all in memory.
// Null is an empty cell, an empty text is "". JSON: one object a line; numbers are written with all their digits.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/foldline/query_key.h"

namespace foldline {

inline constexpr std::size_t kRowsToMeasure = 1'000;
inline constexpr std::size_t kMaxCellChars = 120;  // longer cells are cut in a table, and whole in JSON

// Nothing that steers a terminal, or writes its text the other way round: control characters, invisible ones and bytes that are no
// UTF-8 are written \n, \x1b, \u202e.
std::string visible(std::string_view text);

// Times RFC 3339, decimals exact, lists as JSON.
std::string cell_text(const rows::OwnedValue& value, const Type& type);

class RowPrinter {
 public:
  RowPrinter(std::vector<Column> columns, bool json, std::ostream& out);
  void add(const rows::StoredRow& row);
  void finish();

 private:
  void print_json(const rows::StoredRow& row);
  void print_waiting();
  void print_line(const std::vector<std::string>& cells);

  std::vector<Column> columns_;
  bool json_;
  std::ostream& out_;
  std::vector<std::vector<std::string>> waiting_;  // until the widths are known
  std::vector<std::size_t> widths_;                // empty: not known yet
};

}  // namespace foldline
