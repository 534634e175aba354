// `--where`: an expression of the projection language over a row's key parts and fields, run by the worker's own evaluator.
//
//   auto where = RowFilter::compile(*projection, view, {"total_cents > 1000 && currency == \"EUR\""});
//   where->narrow(view, key);                     // currency is the key's next part: the store looks it up
//   Result<bool> shown = where->matches(row);     // an error: it can't be said of this row (null > 1000)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/expr/expr.h"
#include "projectors/declarative/compiled.h"
#include "sinks/rows/stored_row.h"

namespace foldline {

// Not thread-safe.
class RowFilter {
 public:
  // All of `texts` must hold. An error (code config) shows the place in the text, and what the view has.
  static Result<RowFilter> compile(const declarative::CompiledProjection& projection, const ViewSchema& view,
                                   const std::vector<std::string>& texts);

  // Adds to `key` the values of the parts that follow, as long as the expression asks for exactly one: `currency == "EUR" && …`.
  // The rows that are found are asked the whole expression all the same.
  void narrow(const ViewSchema& view, std::vector<rows::OwnedValue>& key) const;

  [[nodiscard]] bool empty() const { return programs_.empty(); }
  Result<bool> matches(const rows::StoredRow& row);

 private:
  // `name == constant`, of a part of the key.
  struct Equality {
    std::size_t part = 0;
    rows::OwnedValue value;
  };
  // Where a slot's value comes from: a column, and for JSON the members below it.
  struct Source {
    bool is_key = false;
    std::size_t index = 0;
    std::vector<std::string> members;
  };
  void collect_equalities(const ViewSchema& view, const expr::AstPtr& ast, const std::string& text, const expr::Scope& constants);
  void find_sources(const ViewSchema& view, const expr::PathSet& paths);

  std::vector<expr::Program> programs_;
  std::vector<Equality> equalities_;
  std::vector<Source> sources_;
  std::unique_ptr<Arena> arena_ = std::make_unique<Arena>();
  std::vector<Value> slots_;
};

}  // namespace foldline
