#include "sinks/postgres/check_change.h"

#include <fmt/format.h>

#include "sinks/postgres/binary.h"
#include "sinks/postgres/column_type.h"

namespace foldline::postgres {

namespace {

// What a key part takes in the index, about: texts and numbers as long as they are, the rest at most 16 bytes.
std::size_t key_bytes(const Value& value) {
  const bool has_length = value.is(Kind::text) || value.is(Kind::bytes) || value.is(Kind::json);
  return has_length ? value.as_text().size() : 16;
}

tl::unexpected<Error> refused(const ViewSchema& view, std::string_view column, const Error& error) {
  return fail(error.code, fmt::format("view {}, column {}: {}", view.name, column, error.message), error.hint);
}

}  // namespace

Result<void> check_change(const ViewSchema& view, const Change& change) {
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (change.key[i].is_null() || change.key[i].is_absent()) {
      return refused(view, view.key[i].name, {ErrorCode::store_rejected, "a key part is null", "", false});
    }
    if (!passes_plainly(change.key[i], view.key[i].type)) {
      if (auto ok = check_value(change.key[i], view.key[i].type); !ok) return refused(view, view.key[i].name, ok.error());
    }
    size_bytes += key_bytes(change.key[i]);
  }
  if (size_bytes > kMaxKeyBytes) {
    return fail(ErrorCode::store_rejected, fmt::format("view {}: the key has {} bytes", view.name, size_bytes),
                fmt::format("a key in PostgreSQL takes at most {} bytes: use hash() of long texts", kMaxKeyBytes));
  }
  for (const Assignment& assignment : change.assignments) {
    const Field& field = view.fields[assignment.field];
    if (passes_plainly(assignment.value, field.type)) continue;
    if (auto ok = check_value(assignment.value, field.type); !ok) return refused(view, field.name, ok.error());
  }
  return {};
}

}  // namespace foldline::postgres
