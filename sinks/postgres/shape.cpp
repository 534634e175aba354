#include "sinks/postgres/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace foldline::postgres {

namespace {

constexpr char kFlag = '\1';
constexpr char kNoFlag = '\0';

Result<CellCode> code_of(const ViewLayout& layout, std::size_t field, const Cell& cell) {
  if (cell.state == CellState::none || cell.value.is_absent()) return CellCode::none;
  if (cell.state == CellState::set) return CellCode::set;
  if (cell.value.is_null()) return CellCode::none;  // adding nothing, comparing with nothing
  switch (cell.op) {
    case Op::add: return CellCode::add;
    case Op::min: return CellCode::min;
    case Op::max: return CellCode::max;
    case Op::set: return CellCode::set;
    case Op::append:
    case Op::remove: break;
  }
  return fail(ErrorCode::internal, fmt::format("view {}, field {}: `{}` is not built for PostgreSQL", layout.schema.name,
                                               layout.schema.fields[field].name, to_string(cell.op)));
}

}  // namespace

Result<void> classify(const ViewLayout& layout, const FoldedRow& row, std::string& signature) {
  signature.clear();
  if (row.base == RowBase::erase) {
    signature += static_cast<char>(RowKind::erase);
    return {};
  }
  signature += static_cast<char>(row.base == RowBase::reset ? RowKind::reset : RowKind::upsert);
  const bool soft_deleted = layout.guarded_deletes() ? !row.guards[layout.schema.guard_deleted].empty() : row.soft_deleted;
  signature += soft_deleted ? kFlag : kNoFlag;
  signature += layout.soft_deletes() && !layout.guarded_deletes() && row.upserted ? kFlag : kNoFlag;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    if (static_cast<int>(i) == layout.schema.soft_delete) {
      signature += static_cast<char>(CellCode::none);
      continue;
    }
    const auto code = code_of(layout, i, row.cells[i]);
    if (!code) return fail(code.error());
    const std::int16_t guard = layout.schema.fields[i].guard;
    if (guard >= 0 && *code != CellCode::none && (row.guards[guard].empty() || *code != CellCode::set)) {
      return fail(ErrorCode::internal,
                  fmt::format("view {}: the guarded field {} came without a stamp, or with an operation that is no set", layout.schema.name,
                              layout.schema.fields[i].name));
    }
    signature += static_cast<char>(*code);
  }
  for (std::size_t g = 0; g < layout.guards.size(); ++g) signature += row.guards[g].empty() ? kNoFlag : kFlag;
  return {};
}

Shape shape_of(const ViewLayout& layout, std::string_view signature) {
  Shape shape;
  shape.kind = static_cast<RowKind>(signature[0]);
  if (shape.kind == RowKind::erase) return shape;
  shape.soft_deleted = signature[1] == kFlag;
  shape.starts_anew = signature[2] == kFlag;
  std::size_t at = 3;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) shape.cells.push_back(static_cast<CellCode>(signature[at++]));
  for (std::size_t g = 0; g < layout.guards.size(); ++g) shape.guards.push_back(signature[at++] == kFlag);
  return shape;
}

std::vector<bool> used_columns(const ViewLayout& layout, const Shape& shape) {
  std::vector<bool> out(layout.key.size(), true);
  out.resize(layout.columns.size(), false);
  if (shape.kind == RowKind::erase) return out;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    const bool is_soft_delete = static_cast<int>(i) == layout.schema.soft_delete;
    out[layout.key.size() + i] = is_soft_delete ? shape.soft_deleted : shape.cells[i] != CellCode::none;
  }
  for (std::size_t g = 0; g < layout.guards.size(); ++g) out[layout.key.size() + layout.fields.size() + g] = shape.guards[g];
  return out;
}

bool needs_seed(const ViewLayout& layout, const Shape& shape) {
  if (shape.kind == RowKind::reset) return false;
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    if (layout.fields[i].merge_needs_default && shape.cells[i] != CellCode::none && shape.cells[i] != CellCode::set) return true;
  }
  return false;
}

bool is_plain_insert(const ViewLayout& layout, const Shape& shape) { return shape.kind == RowKind::upsert && !needs_seed(layout, shape); }

bool is_plain_update(const ViewLayout& layout, const Shape& shape) {
  if (shape.kind != RowKind::upsert || shape.soft_deleted || shape.starts_anew || layout.guarded_deletes()) return false;
  if (std::find(shape.guards.begin(), shape.guards.end(), true) != shape.guards.end()) return false;
  const auto is = [&shape](CellCode code) { return std::count(shape.cells.begin(), shape.cells.end(), code); };
  return is(CellCode::set) > 0 && is(CellCode::set) + is(CellCode::none) == std::ssize(shape.cells);
}

}  // namespace foldline::postgres
