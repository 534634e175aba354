// The oracle of the fold: one event at a time, onto plain maps, in the most literal reading of the language. Shares no code with
// engine/fold.cpp, engine/merge.cpp or sinks/memory/stored_row.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/view.h"

namespace foldline::plain {

// null, a whole number (integers, decimals, timestamps), text, or a list of texts.
struct Cell {
  enum class Is {
    null,
    number,
    text,
    list,
  };
  Is is = Is::null;
  std::int64_t number = 0;
  std::string text;
  std::vector<std::string> list;

  static Cell of(std::int64_t v) { return {Is::number, v, {}, {}}; }
  static Cell of(std::string v) { return {Is::text, 0, std::move(v), {}}; }
  static Cell of(std::vector<std::string> v) { return {Is::list, 0, {}, std::move(v)}; }
  [[nodiscard]] bool is_null() const { return is == Is::null; }
};

struct Do {
  std::size_t field = 0;
  Op op = Op::set;
  Cell operand;
  bool none = false;  // CEL's none: leaves the field as it is
};

struct Change {
  std::size_t view = 0;
  std::string key;
  bool erase = false;
  std::vector<Do> what;
};

struct Event {
  std::int64_t version = 0;
  std::string id;
  std::int64_t time_us = 0;
  std::vector<Change> changes;
};

struct Row {
  std::vector<Cell> cells;
  std::map<int, std::pair<std::int64_t, std::string>> stamps;  // by guard
  std::map<int, const Event*> stamped_by;
};

class Table {
 public:
  explicit Table(const std::vector<ViewSchema>& views) : views_(views), rows_(views.size()) {}

  // False: the event is none that can be folded (two different merging operations on one field of a row), nothing changed.
  bool apply(const Event& event);
  // One line a row; of a deleted row of a guarded view only the key and when it was deleted (the rest is remains).
  [[nodiscard]] std::vector<std::string> dump(std::size_t view) const;

 private:
  static bool foldable(const Event& event);
  void apply_change(const Event& event, const Change& change);
  void put(const Event& event, const ViewSchema& view, Row& row, const Do& what);
  void settle(const Event& event, const Change& change);
  Row fresh(const ViewSchema& view) const;

  const std::vector<ViewSchema>& views_;
  std::vector<std::map<std::string, Row>> rows_;
};

std::string print(const Cell& cell, TypeKind type);

}  // namespace foldline::plain
