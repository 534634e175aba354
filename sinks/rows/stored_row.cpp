#include "sinks/rows/stored_row.h"

#include <fmt/format.h>

#include <algorithm>

namespace foldline::rows {

OwnedValue::OwnedValue(const Value& value) : scalar_(value) {
  switch (value.kind()) {
    case Kind::text:
    case Kind::bytes:
    case Kind::json:
      bytes_ = value.as_text();
      scalar_ = Value::text({});
      if (value.is(Kind::bytes)) scalar_ = Value::bytes({});
      if (value.is(Kind::json)) scalar_ = Value::json({});
      break;
    case Kind::list:
      for (const Value& element : value.as_list()) elements_.emplace_back(element);
      scalar_ = Value::list({});
      break;
    default: break;
  }
}

Value OwnedValue::view(Arena& arena) const {
  switch (scalar_.kind()) {
    case Kind::text: return Value::text(bytes_);
    case Kind::bytes: return Value::bytes(bytes_);
    case Kind::json: return Value::json(bytes_);
    case Kind::list: {
      Value* elements = arena.array<Value>(elements_.size());
      for (std::size_t i = 0; i < elements_.size(); ++i) elements[i] = elements_[i].view(arena);
      return Value::list({elements, elements_.size()});
    }
    default: return scalar_;
  }
}

std::string OwnedValue::to_string() const {
  switch (scalar_.kind()) {
    case Kind::text: return fmt::format("'{}'", bytes_);
    case Kind::bytes: return fmt::format("bytes'{}'", bytes_);
    case Kind::json: return bytes_;
    case Kind::decimal: return scalar_.as_decimal().normalized().to_string();
    case Kind::list: {
      std::string out = "[";
      for (const OwnedValue& element : elements_) out += (out.size() > 1 ? ", " : "") + element.to_string();
      return out + "]";
    }
    default: return describe(scalar_);
  }
}

std::string encode_key(std::span<const Value> key) {
  std::string out;
  for (const Value& part : key) {
    const std::string text = OwnedValue(part).to_string();
    out += fmt::format("{}:{}:{}", static_cast<int>(part.kind()), text.size(), text);
  }
  return out;
}

StoredRow new_row(const ViewSchema& view, const Value* key) {
  StoredRow row;
  for (std::size_t i = 0; i < view.key.size(); ++i) row.key.emplace_back(key[i]);
  for (const Field& field : view.fields) row.fields.emplace_back(field.default_value);
  row.guards.resize(static_cast<std::size_t>(view.guard_count));
  return row;
}

namespace {

// Fits the field's type, or what the store says instead.
Result<OwnedValue> fit(const Field& field, const Value& value, Arena& arena) {
  auto converted = convert(value, field.type, arena);
  if (!converted) return fail(ErrorCode::store_rejected, fmt::format("field {}: {}", field.name, converted.error().message));
  return OwnedValue(*converted);
}

Result<Value> added(const Value& a, const Value& b) {
  if (a.is(Kind::floating)) return Value::floating(a.as_double() + b.as_double());
  if (a.is(Kind::interval)) return Value::interval(a.as_int() + b.as_int());
  const auto exact = [](const Value& v) { return v.is(Kind::integer) ? Decimal::from_int(v.as_int()) : v.as_decimal(); };
  return add(exact(a), exact(b)).map([](const Decimal& d) { return Value::decimal(d); });
}

bool less(const Value& a, const Value& b) {
  const auto number = [](const Value& v) { return v.is(Kind::integer) || v.is(Kind::decimal); };
  if (number(a) && number(b)) {
    const auto exact = [](const Value& v) { return v.is(Kind::integer) ? Decimal::from_int(v.as_int()) : v.as_decimal(); };
    return compare(exact(a), exact(b)) < 0;
  }
  if (a.is(Kind::text)) return a.as_text() < b.as_text();
  if (a.is(Kind::floating)) return a.as_double() < b.as_double();
  return a.as_int() < b.as_int();
}

Value appended(const Field& field, const Value& current, std::span<const Value> elements, Arena& arena) {
  std::vector<Value> list;
  if (current.is(Kind::list)) list.assign(current.as_list().begin(), current.as_list().end());
  for (const Value& element : elements) {
    const bool there = std::any_of(list.begin(), list.end(), [&](const Value& v) { return equal(v, element); });
    if (field.type.kind != TypeKind::set || !there) list.push_back(element);
  }
  return deep_copy(Value::list(list), arena);
}

Value removed(const Value& current, std::span<const Value> elements, Arena& arena) {
  if (!current.is(Kind::list)) return current;
  std::vector<Value> list;
  for (const Value& v : current.as_list()) {
    if (std::none_of(elements.begin(), elements.end(), [&](const Value& e) { return equal(v, e); })) list.push_back(v);
  }
  return deep_copy(Value::list(list), arena);
}

Result<void> apply_cell(const Field& field, const Cell& cell, OwnedValue& stored) {
  Arena arena;
  if (cell.state == CellState::none) return {};
  Result<Value> after = cell.value;
  if (cell.state == CellState::merge) {
    const Value current = stored.view(arena);
    switch (cell.op) {
      case Op::append: after = appended(field, current, cell.value.as_list(), arena); break;
      case Op::remove: after = removed(current, cell.value.as_list(), arena); break;
      case Op::add:
        if (!stored.is_null()) after = added(current, cell.value);
        break;
      case Op::min:
        if (!stored.is_null() && less(current, cell.value)) after = current;
        break;
      case Op::max:
        if (!stored.is_null() && less(cell.value, current)) after = current;
        break;
      case Op::set: break;
    }
    if (!after) return fail(ErrorCode::store_rejected, fmt::format("field {}: {}", field.name, after.error().message));
  }
  auto fitting = fit(field, *after, arena);
  if (!fitting) return fail(fitting.error());
  stored = *fitting;
  return {};
}

// G10: the newest writer of each group; then the row is alive or not, by the newest of each kind.
void resolve_deletes(const ViewSchema& view, const FoldedRow& folded, StoredRow& row) {
  std::string& alive = row.guards[static_cast<std::size_t>(view.guard_alive)];
  std::string& deleted = row.guards[static_cast<std::size_t>(view.guard_deleted)];
  OwnedValue& deleted_at = row.fields[static_cast<std::size_t>(view.soft_delete)];
  const GuardStamp batch_alive = folded.guards[view.guard_alive];
  const GuardStamp batch_deleted = folded.guards[view.guard_deleted];
  if (batch_alive > alive) alive = batch_alive;
  if (batch_deleted > deleted) {
    deleted = batch_deleted;
    deleted_at = OwnedValue(Value::timestamp(folded.deleted_at_us));
  }
  if (alive <= deleted) return;
  deleted_at = OwnedValue(Value::null());
  for (std::size_t f = 0; f < view.fields.size(); ++f) {
    const int g = view.fields[f].guard;
    if (g >= 0 && row.guards[static_cast<std::size_t>(g)] < deleted) row.fields[f] = OwnedValue(view.fields[f].default_value);
  }
  for (int g = 0; g < view.guard_count; ++g) {
    std::string& stamp = row.guards[static_cast<std::size_t>(g)];
    if (g != view.guard_alive && g != view.guard_deleted && stamp < deleted) stamp = deleted;
  }
}

}  // namespace

Result<std::optional<StoredRow>> apply(const ViewSchema& view, const StoredRow* stored, const FoldedRow& folded) {
  if (folded.base == RowBase::erase) return std::optional<StoredRow>();
  const bool guarded_deletes = view.guard_deleted >= 0;
  StoredRow row = stored != nullptr && folded.base == RowBase::keep ? *stored : new_row(view, folded.key);
  if (view.soft_delete >= 0 && !guarded_deletes && folded.upserted && !row.fields[static_cast<std::size_t>(view.soft_delete)].is_null()) {
    row = new_row(view, folded.key);
  }
  std::vector<bool> newer(static_cast<std::size_t>(view.guard_count));
  for (std::size_t g = 0; g < newer.size(); ++g) newer[g] = folded.guards[g] > row.guards[g];
  for (std::size_t f = 0; f < view.fields.size(); ++f) {
    const int g = view.fields[f].guard;
    if (g >= 0 && folded.cells[f].state == CellState::set && !newer[static_cast<std::size_t>(g)]) continue;
    if (auto r = apply_cell(view.fields[f], folded.cells[f], row.fields[f]); !r) return fail(r.error());
  }
  for (std::size_t g = 0; g < newer.size(); ++g) {
    const bool of_deletes = static_cast<int>(g) == view.guard_alive || static_cast<int>(g) == view.guard_deleted;
    if (!of_deletes && newer[g]) row.guards[g] = folded.guards[g];
  }
  if (guarded_deletes) {
    resolve_deletes(view, folded, row);
  } else if (folded.soft_deleted) {
    row.fields[static_cast<std::size_t>(view.soft_delete)] = OwnedValue(Value::timestamp(folded.deleted_at_us));
  }
  return std::optional<StoredRow>(std::move(row));
}

}  // namespace foldline::rows
