#include "tests/unit/engine/plain_fold.h"

#include <algorithm>

#include "common/time.h"

namespace foldline::plain {

std::string print(const Cell& cell, TypeKind type) {
  switch (cell.is) {
    case Cell::Is::null: return "null";
    case Cell::Is::number: return type == TypeKind::timestamptz ? format_timestamp(cell.number) : std::to_string(cell.number);
    case Cell::Is::text: return "'" + cell.text + "'";
    case Cell::Is::list: break;
  }
  std::string out = "[";
  for (const std::string& element : cell.list) out += (out.size() > 1 ? ", '" : "'") + element + "'";
  return out + "]";
}

// Within one event, what merges into a field after its last set (or the row's last delete) is one kind of operation.
bool Table::foldable(const Event& event) {
  std::map<std::pair<std::size_t, std::string>, std::map<std::size_t, Op>> pending;
  for (const Change& change : event.changes) {
    auto& fields = pending[{change.view, change.key}];
    if (change.erase) continue;
    for (const Do& what : change.what) {
      if (what.none || (what.op != Op::set && what.operand.is_null())) continue;
      const auto found = fields.find(what.field);
      if (found == fields.end() || what.op == Op::set) {
        fields[what.field] = what.op;
      } else if (found->second != Op::set && found->second != what.op) {
        return false;
      }
    }
  }
  return true;
}

bool Table::apply(const Event& event) {
  if (!foldable(event)) return false;
  for (const Change& change : event.changes) apply_change(event, change);
  for (const Change& change : event.changes) settle(event, change);
  return true;
}

Row Table::fresh(const ViewSchema& view) const {
  Row row;
  for (const Field& field : view.fields) {
    row.cells.push_back(field.default_value.is(Kind::integer) ? Cell::of(field.default_value.as_int()) : Cell());
  }
  return row;
}

void Table::apply_change(const Event& event, const Change& change) {
  const ViewSchema& view = views_[change.view];
  auto& rows = rows_[change.view];
  const bool guarded = view.guard_deleted >= 0;
  if (change.erase && view.soft_delete < 0) {
    rows.erase(change.key);
    return;
  }
  auto found = rows.find(change.key);
  if (found == rows.end()) found = rows.emplace(change.key, fresh(view)).first;
  Row& row = found->second;
  const std::pair stamp(event.version, event.id);
  const auto newest = [&](int guard) {
    const auto at = row.stamps.find(guard);
    if (at != row.stamps.end() && at->second >= stamp) return;
    row.stamps[guard] = stamp;
    if (guard == view.guard_deleted) row.cells[static_cast<std::size_t>(view.soft_delete)] = Cell::of(event.time_us);
  };
  if (change.erase) {
    if (guarded) {
      newest(view.guard_deleted);
    } else {
      row.cells[static_cast<std::size_t>(view.soft_delete)] = Cell::of(event.time_us);
    }
    return;
  }
  if (view.soft_delete >= 0 && !guarded && !row.cells[static_cast<std::size_t>(view.soft_delete)].is_null()) row = fresh(view);
  if (guarded) newest(view.guard_alive);
  for (const Do& what : change.what) put(event, view, row, what);
}

void Table::put(const Event& event, const ViewSchema& view, Row& row, const Do& what) {
  if (what.none) return;
  Cell& cell = row.cells[what.field];
  const int guard = view.fields[what.field].guard;
  if (what.op == Op::set && guard >= 0) {
    const std::pair stamp(event.version, event.id);
    const auto at = row.stamps.find(guard);
    const bool own = at != row.stamps.end() && at->second == stamp && row.stamped_by[guard] == &event;
    if (at != row.stamps.end() && at->second >= stamp && !own) return;
    row.stamps[guard] = stamp;
    row.stamped_by[guard] = &event;
  }
  if (what.op == Op::set) {
    cell = what.operand;
    return;
  }
  if (what.operand.is_null()) return;
  const Cell& operand = what.operand;
  switch (what.op) {
    case Op::add: cell = Cell::of(cell.number + operand.number); break;
    case Op::min:
    case Op::max: {
      const bool less = operand.is == Cell::Is::number ? operand.number < cell.number : operand.text < cell.text;
      if (cell.is_null() || less == (what.op == Op::min)) cell = operand;
      break;
    }
    case Op::append: {
      const bool there = std::find(cell.list.begin(), cell.list.end(), operand.text) != cell.list.end();
      cell.is = Cell::Is::list;
      if (view.fields[what.field].type.kind != TypeKind::set || !there) cell.list.push_back(operand.text);
      break;
    }
    case Op::remove: std::erase(cell.list, operand.text); break;
    case Op::set: break;
  }
}

// G10: is the row alive, and what of it is older than its last delete?
void Table::settle(const Event& /*event*/, const Change& change) {
  const ViewSchema& view = views_[change.view];
  if (view.guard_deleted < 0) return;
  Row& row = rows_[change.view].at(change.key);
  if (!row.stamps.contains(view.guard_deleted)) return;
  const auto deleted = row.stamps[view.guard_deleted];
  if (!row.stamps.contains(view.guard_alive) || row.stamps[view.guard_alive] <= deleted) return;
  row.cells[static_cast<std::size_t>(view.soft_delete)] = Cell();
  const Row blank = fresh(view);
  for (std::size_t f = 0; f < view.fields.size(); ++f) {
    const int guard = view.fields[f].guard;
    if (guard >= 0 && (!row.stamps.contains(guard) || row.stamps[guard] < deleted)) row.cells[f] = blank.cells[f];
  }
  for (int g = 0; g < view.guard_count; ++g) {
    if (g == view.guard_alive || g == view.guard_deleted) continue;
    if (!row.stamps.contains(g) || row.stamps[g] < deleted) row.stamps[g] = deleted;
  }
}

std::vector<std::string> Table::dump(std::size_t view) const {
  std::vector<std::string> out;
  const ViewSchema& schema = views_[view];
  for (const auto& [key, row] : rows_[view]) {
    std::string line = key + " ";
    const bool remains = schema.guard_deleted >= 0 && !row.cells[static_cast<std::size_t>(schema.soft_delete)].is_null();
    for (std::size_t f = 0; f < row.cells.size(); ++f) {
      if (remains && schema.fields[f].guard >= 0) continue;
      line += schema.fields[f].name + "=" + print(row.cells[f], schema.fields[f].type.kind) + " ";
    }
    out.push_back(line);
  }
  return out;
}

}  // namespace foldline::plain
