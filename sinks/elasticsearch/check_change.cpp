#include "sinks/elasticsearch/check_change.h"

#include <fmt/format.h>

#include "sinks/elasticsearch/document.h"

namespace foldline::elasticsearch {

namespace {

tl::unexpected<Error> refused(const ViewSchema& view, std::string_view field, const Error& error) {
  return fail(error.code, fmt::format("view {}, field {}: {}", view.name, field, error.message), error.hint);
}

}  // namespace

Result<void> check_change(const ViewLayout& layout, const ViewSchema& view, const Change& change) {
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (change.key[i].is_null() || change.key[i].is_absent()) {
      return refused(view, view.key[i].name, {ErrorCode::store_rejected, "a key part is null", "", false});
    }
    if (auto ok = check_value(change.key[i], view.key[i].type, layout.key[i].mapping_type); !ok) {
      return refused(view, view.key[i].name, ok.error());
    }
  }
  const std::span<const Value> key(change.key, view.key.size());
  if (most_document_id_bytes(key) > kMaxIdBytes) {
    const std::string id = document_id(key);
    if (id.size() > kMaxIdBytes) {
      return fail(ErrorCode::store_rejected, fmt::format("view {}: the key has {} bytes", view.name, id.size()),
                  fmt::format("an _id takes at most {} bytes: use hash() of long texts", kMaxIdBytes));
    }
  }
  for (const Assignment& assignment : change.assignments) {
    const Field& field = view.fields[assignment.field];
    if (auto ok = check_value(assignment.value, field.type, layout.fields[assignment.field].mapping_type); !ok) {
      return refused(view, field.name, ok.error());
    }
  }
  return {};
}

}  // namespace foldline::elasticsearch
