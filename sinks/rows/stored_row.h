// A stored row with values of its own, and how one folded row changes it: one cell at a time, in the plainest way. What it does is the
// meaning of a FoldedRow (sinks/sink.h). Stores that can't compute (memory, search documents, JSON strings) store its answer; the
// others are tested against it.
//
//   auto after = rows::apply(view, stored ? &*stored : nullptr, folded);   // nullopt: the row goes
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/view.h"
#include "sinks/sink.h"

namespace foldline::rows {

// A Value that owns what it points to.
class OwnedValue {
 public:
  OwnedValue() = default;
  explicit OwnedValue(const Value& value);
  // Lists live in `arena`; all else points into this object.
  [[nodiscard]] Value view(Arena& arena) const;
  [[nodiscard]] const Value& scalar() const { return scalar_; }
  [[nodiscard]] bool is_null() const { return scalar_.is_null() || scalar_.is_absent(); }
  [[nodiscard]] std::string to_string() const;  // whole, for comparing and for people

 private:
  Value scalar_ = Value::null();  // of text, bytes, json and lists only the kind counts
  std::string bytes_;
  std::vector<OwnedValue> elements_;
};

struct StoredRow {
  std::vector<OwnedValue> key;
  std::vector<OwnedValue> fields;
  std::vector<std::string> guards;  // G10
};

// A key as map key: equal exactly when the parts are equal().
std::string encode_key(std::span<const Value> key);

StoredRow new_row(const ViewSchema& view, const Value* key);

// The row after `folded`; nullopt: it goes. `stored` is null when there is none. An error (store_rejected): the result does not fit.
Result<std::optional<StoredRow>> apply(const ViewSchema& view, const StoredRow* stored, const FoldedRow& folded);

}  // namespace foldline::rows
