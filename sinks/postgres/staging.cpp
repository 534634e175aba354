#include "sinks/postgres/staging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>

#include "common/hash.h"
#include "sinks/postgres/binary.h"
#include "sinks/postgres/guarded_delete.h"

namespace foldline::postgres {

namespace {

// Manual, "COPY / File Formats / Binary Format": signature, flags, length of the header's extension.
constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::int16_t kCopyEnd = -1;
// Looked up so many rows ahead: the memory of recent keys is larger than the nearer caches.
constexpr std::size_t kPrefetched = 12;
// With more shapes than these each batch takes its buffers anew: they would all grow to the size of their largest batch.
constexpr std::size_t kShapesThatKeepBuffers = 8;

// A field's length in 4 bytes and its bytes, as encode_field() writes it.
std::size_t field_size(const char* field) {
  const auto length = get<std::int32_t>(field);
  return sizeof length + (length > 0 ? static_cast<std::size_t>(length) : 0);
}

tl::unexpected<Error> misfit(const ViewLayout& layout, const std::string& column, const Error& error) {
  return fail(error.code, fmt::format("view {}, column {}: {}", layout.schema.name, column, error.message),
              error.hint.empty() ? "widen the column's type, or let the clause `reject` such values" : error.hint);
}

}  // namespace

Result<void> Stager::stage(const ViewLayout& layout, std::span<FoldedRow* const> rows) {
  layout_ = &layout;
  bytes_.clear();
  rows_.clear();
  numbers_.clear();
  shapes_.clear();
  signatures_.clear();
  hashes_.clear();
  for (const FoldedRow* row : rows) {
    const auto number = shape_number(*row);
    if (!number) return fail(number.error());
    if (auto ok = encode_row(*row, *number); !ok) return ok;
    if (bytes_.size() > std::numeric_limits<std::int32_t>::max()) {
      return fail(ErrorCode::store_rejected,
                  fmt::format("view {}: a batch of {} rows needs more than 2 GiB", layout.schema.name, rows.size()));
    }
  }
  sort_by_key();
  return {};
}

Result<void> EncodedBatch::encode(std::span<const ViewLayout> layouts, std::span<const ViewRows> views) {
  stagers_.resize(layouts.size());
  std::vector<bool> seen(layouts.size(), false);
  for (const ViewRows& rows : views) {
    if (rows.rows.empty()) continue;
    if (rows.view >= layouts.size() || seen[rows.view]) {
      return fail(ErrorCode::internal, fmt::format("a batch names view {} of {}, or one twice", rows.view, layouts.size()));
    }
    seen[rows.view] = true;
    if (auto ok = stagers_[rows.view].stage(layouts[rows.view], rows.rows); !ok) return ok;
  }
  return {};
}

Result<std::uint32_t> Stager::shape_number(const FoldedRow& row) {
  if (auto ok = classify(*layout_, row, signature_); !ok) return fail(ok.error());
  if (!rows_.empty() && signatures_[rows_.back().shape] == signature_) return rows_.back().shape;  // most have that of the row before
  const auto [found, added] = numbers_.try_emplace(signature_, static_cast<std::uint32_t>(signatures_.size()));
  if (added) {
    signatures_.push_back(signature_);
    shapes_.push_back(shape_of(*layout_, signature_));
  }
  return found->second;
}

Result<void> Stager::encode_row(const FoldedRow& row, std::uint32_t number) {
  const ViewLayout& layout = *layout_;
  const ViewSchema& schema = layout.schema;
  const Shape& shape = shapes_[number];
  EncodedRow encoded;
  encoded.shape = number;
  encoded.offset = static_cast<std::uint32_t>(bytes_.size());
  for (std::size_t i = 0; i < schema.key.size(); ++i) {
    if (row.key[i].is_null() || row.key[i].is_absent()) {
      return misfit(layout, schema.key[i].name, Error{ErrorCode::store_rejected, "a key part is null", "", false});
    }
    if (encode_plain(bytes_, row.key[i], schema.key[i].type)) continue;
    if (auto ok = encode_field(bytes_, row.key[i], schema.key[i].type); !ok) return misfit(layout, schema.key[i].name, ok.error());
  }
  encoded.key_size = static_cast<std::uint32_t>(bytes_.size() - encoded.offset);

  const bool guarded = layout.guarded_deletes() && shape.kind != RowKind::erase;
  const GuardedRow resolved = guarded ? resolve_guards(layout, row) : GuardedRow{};
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    Value value = Value::null();
    if (static_cast<int>(i) == schema.soft_delete) {
      const bool deleted = shape.soft_deleted && (!guarded || !resolved.alive);
      if (deleted) value = Value::timestamp(row.deleted_at_us);
    } else if (shape.kind != RowKind::erase && shape.cells[i] != CellCode::none) {
      value = row.cells[i].value;
      if (guarded && field.guard >= 0 && resolved.is_cut(row.guards[field.guard])) value = field.default_value;
    }
    if (encode_plain(bytes_, value, field.type)) continue;
    if (auto ok = encode_field(bytes_, value, field.type); !ok) return misfit(layout, field.name, ok.error());
  }
  for (std::size_t g = 0; g < layout.guards.size(); ++g) {
    const GuardStamp stamp = shape.kind == RowKind::erase ? GuardStamp{} : row.guards[g];
    const bool is_group = static_cast<int>(g) != schema.guard_alive && static_cast<int>(g) != schema.guard_deleted;
    if (stamp.empty()) {
      put_null(bytes_);
    } else {
      put_bytes(bytes_, guarded && is_group && resolved.is_cut(stamp) ? resolved.cut : stamp);
    }
  }
  encoded.size = static_cast<std::uint32_t>(bytes_.size() - encoded.offset);

  const std::size_t prefix_bytes = std::min<std::size_t>(sizeof encoded.prefix, encoded.key_size - 4);
  char prefix[sizeof encoded.prefix] = {};
  std::memcpy(prefix, bytes_.data() + encoded.offset + 4, prefix_bytes);
  encoded.prefix = get<std::uint64_t>(prefix);
  rows_.push_back(encoded);
  return {};
}

void Stager::sort_by_key() {
  const auto key = [this](const EncodedRow& row) { return std::string_view(bytes_).substr(row.offset, row.key_size); };
  const auto before = [&](const EncodedRow& a, const EncodedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return key(a) < key(b);
  };
  if (!std::is_sorted(rows_.begin(), rows_.end(), before)) std::sort(rows_.begin(), rows_.end(), before);
}

void Stager::lay_out(StraightPolicy* policy, std::size_t max_array_rows, StagedView& out) {
  out.layout = layout_;
  out.copy_data.clear();
  if (shapes_.size() > kShapesThatKeepBuffers) out.shapes.clear();
  out.shapes.resize(shapes_.size());
  for (StagedShape& shape : out.shapes) shape.clear();
  for (EncodedRow& row : rows_) row.straight = false;
  hashes_.clear();
  if (policy != nullptr) choose_straight(*policy);
  std::size_t plain_rows = 0;
  std::size_t plain_bytes = 0;
  for (const EncodedRow& row : rows_) {
    StagedShape& shape = out.shapes[row.shape];
    ++(row.straight ? shape.copied_rows : shape.rows);
    if (row.straight) shape.copied_bytes += row.size;
    if (row.straight) continue;
    ++plain_rows;
    plain_bytes += row.size;
  }
  const bool staged = layout_->has_lists() || plain_rows > max_array_rows || plain_bytes > kMaxArrayBytes;
  if (staged && plain_rows > 0) write_staging(out.copy_data);
  for (std::uint32_t number = 0; number < shapes_.size(); ++number) {
    StagedShape& shape = out.shapes[number];
    shape.signature = signatures_[number];
    shape.shape = shapes_[number];
    if (shape.copied_rows > 0) write_straight(number, shape);
    if (shape.rows > 0 && !staged) write_arrays(number, shape);
    shape.updates = policy != nullptr && staged && chooses_update(shape, *policy);
  }
}

void Stager::choose_straight(StraightPolicy& policy) {
  std::vector<std::size_t> of_shape(shapes_.size(), 0);
  for (const EncodedRow& row : rows_) ++of_shape[row.shape];
  std::vector<bool> tried(shapes_.size(), false);
  bool any = false;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    tried[i] = of_shape[i] >= policy.min_rows() && is_plain_insert(*layout_, shapes_[i]) &&
               policy.tries(StraightPolicy::Way::copy, layout_->view, signatures_[i]);
    any = any || tried[i];
  }
  if (!any) return;
  hashes_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    hashes_[i] = hash64(std::string_view(bytes_).substr(rows_[i].offset, rows_[i].key_size), layout_->view);
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i + kPrefetched < hashes_.size()) policy.prefetch(hashes_[i + kPrefetched]);
    EncodedRow& row = rows_[i];
    row.straight = tried[row.shape] && !policy.is_recent(hashes_[i]);
    if (tried[row.shape] && !row.straight) --of_shape[row.shape];
  }
  for (EncodedRow& row : rows_) row.straight = row.straight && of_shape[row.shape] >= policy.min_rows();
}

// Where COPY sits out: it has met rows that are there. And beside a COPY, for what was written lately.
bool Stager::chooses_update(const StagedShape& shape, StraightPolicy& policy) const {
  return static_cast<std::size_t>(shape.rows) >= policy.min_rows() && is_plain_update(*layout_, shape.shape) &&
         policy.tries(StraightPolicy::Way::update, layout_->view, shape.signature);
}

void Stager::remember(StraightPolicy& policy) const {
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (i + kPrefetched < hashes_.size()) policy.prefetch(hashes_[i + kPrefetched]);
    policy.remember(hashes_[i]);
  }
}

void Stager::write_straight(std::uint32_t number, StagedShape& out) const {
  const std::vector<bool> used = used_columns(*layout_, shapes_[number]);
  const auto columns = static_cast<std::int16_t>(std::count(used.begin(), used.end(), true));
  const bool all_used = columns == std::ssize(used);
  out.copy_data.reserve(kCopyHeader.size() + out.copied_bytes + 2 * static_cast<std::size_t>(out.copied_rows) + 2);
  out.copy_data.append(kCopyHeader);
  for (const EncodedRow& row : rows_) {
    if (row.shape != number || !row.straight) continue;
    put<std::int16_t>(out.copy_data, columns);
    if (all_used) {
      out.copy_data.append(bytes_, row.offset, row.size);
      continue;
    }
    std::size_t at = row.offset;
    for (std::size_t i = 0; i < used.size(); ++i) {
      const std::size_t size = field_size(bytes_.data() + at);
      if (used[i]) out.copy_data.append(bytes_, at, size);
      at += size;
    }
  }
  put<std::int16_t>(out.copy_data, kCopyEnd);
}

void Stager::write_arrays(std::uint32_t number, StagedShape& out) const {
  const std::vector<bool> used = used_columns(*layout_, shapes_[number]);
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) put_array_header(out.arrays.emplace_back(), layout_->columns[i].type_oid, out.rows);
  }
  for (const EncodedRow& row : rows_) {
    if (row.shape != number || row.straight) continue;
    std::size_t at = row.offset;
    std::size_t array = 0;
    for (const bool is_used : used) {
      const std::size_t size = field_size(bytes_.data() + at);
      if (is_used) out.arrays[array++].append(bytes_, at, size);
      at += size;
    }
  }
}

void Stager::write_staging(std::string& out) const {
  out.reserve(kCopyHeader.size() + bytes_.size() + 10 * rows_.size() + 2);
  out.append(kCopyHeader);
  for (const EncodedRow& row : rows_) {
    if (row.straight) continue;
    put<std::int16_t>(out, layout_->staging_columns);
    put<std::int32_t>(out, 4);
    put<std::int32_t>(out, static_cast<std::int32_t>(row.shape));
    out.append(bytes_, row.offset, row.size);
  }
  put<std::int16_t>(out, kCopyEnd);
}

}  // namespace foldline::postgres
