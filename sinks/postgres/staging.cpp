#include "sinks/postgres/staging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "sinks/postgres/binary.h"
#include "sinks/postgres/guarded_delete.h"

namespace foldline::postgres {

namespace {

// Manual, "COPY / File Formats / Binary Format": signature, flags, length of the header's extension.
constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
// A row begins with its number of columns (2 bytes), then `shape` and `n`, each a length (4) and a number (4).
constexpr std::size_t kNumberAt = 2 + 8 + 4;
constexpr std::size_t kKeyAt = 2 + 8 + 8;

tl::unexpected<Error> misfit(const ViewLayout& layout, const std::string& column, const Error& error) {
  return fail(error.code, fmt::format("view {}, column {}: {}", layout.schema.name, column, error.message),
              error.hint.empty() ? "widen the column's type, or let the clause `reject` such values" : error.hint);
}

}  // namespace

Result<void> Stager::stage(const ViewLayout& layout, std::span<FoldedRow* const> rows, StagedView& out) {
  bytes_.clear();
  rows_.clear();
  numbers_.clear();
  shapes_.clear();
  out.layout = &layout;
  out.signatures.clear();
  std::string last;
  std::int32_t number = -1;
  for (const FoldedRow* row : rows) {
    if (auto ok = classify(layout, *row, signature_); !ok) return ok;
    if (number < 0 || signature_ != last) {  // most rows have the shape of the row before
      const auto [found, added] = numbers_.try_emplace(signature_, static_cast<std::int32_t>(out.signatures.size()));
      if (added) {
        out.signatures.push_back(signature_);
        shapes_.push_back(shape_of(layout, signature_));
      }
      number = found->second;
      last = signature_;
    }
    if (auto ok = encode_row(layout, *row, number, shapes_[static_cast<std::size_t>(number)]); !ok) return ok;
    if (bytes_.size() > std::numeric_limits<std::int32_t>::max()) {
      return fail(ErrorCode::store_rejected,
                  fmt::format("view {}: a batch of {} rows needs more than 2 GiB", layout.schema.name, rows.size()));
    }
  }
  write_sorted(out.copy_data);
  return {};
}

Result<void> Stager::encode_row(const ViewLayout& layout, const FoldedRow& row, std::int32_t number, const Shape& shape) {
  const ViewSchema& schema = layout.schema;
  EncodedRow encoded;
  encoded.offset = static_cast<std::uint32_t>(bytes_.size());
  put<std::int16_t>(bytes_, layout.staging_columns);
  put<std::int32_t>(bytes_, 4);
  put<std::int32_t>(bytes_, number);
  put<std::int32_t>(bytes_, 4);
  put<std::int32_t>(bytes_, 0);  // its place in key order, known after sorting
  for (std::size_t i = 0; i < schema.key.size(); ++i) {
    if (row.key[i].is_null() || row.key[i].is_absent()) {
      return misfit(layout, schema.key[i].name, Error{ErrorCode::store_rejected, "a key part is null", "", false});
    }
    if (auto ok = encode_field(bytes_, row.key[i], schema.key[i].type); !ok) return misfit(layout, schema.key[i].name, ok.error());
  }
  encoded.key_size = static_cast<std::uint32_t>(bytes_.size() - encoded.offset - kKeyAt);

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
  std::memcpy(prefix, bytes_.data() + encoded.offset + kKeyAt + 4, prefix_bytes);
  encoded.prefix = get<std::uint64_t>(prefix);
  rows_.push_back(encoded);
  return {};
}

void Stager::write_sorted(std::string& out) {
  const auto key = [this](const EncodedRow& row) { return std::string_view(bytes_).substr(row.offset + kKeyAt, row.key_size); };
  std::sort(rows_.begin(), rows_.end(), [&](const EncodedRow& a, const EncodedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return key(a) < key(b);
  });
  out.clear();
  out.reserve(kCopyHeader.size() + bytes_.size() + 2);
  out.append(kCopyHeader);
  std::int32_t number = 0;
  for (const EncodedRow& row : rows_) {
    const std::int32_t n = to_big_endian(number++);
    std::memcpy(bytes_.data() + row.offset + kNumberAt, &n, sizeof n);
    out.append(bytes_, row.offset, row.size);
  }
  put<std::int16_t>(out, -1);
}

}  // namespace foldline::postgres
