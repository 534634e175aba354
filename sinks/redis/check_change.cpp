#include "sinks/redis/check_change.h"

#include <fmt/format.h>

#include <string>

namespace foldline::redis {

Result<void> check_change(const ViewLayout& layout, const ViewSchema& view, const Change& change) {
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (!change.key[i].is_null() && !change.key[i].is_absent()) continue;
    return fail(ErrorCode::store_rejected, fmt::format("view {}, key part {}: it is null", view.name, view.key[i].name));
  }
  if (layout.name.most_bytes(change.key) > kMaxKeyBytes) {
    std::string name;
    layout.name.append(name, change.key);
    if (name.size() > kMaxKeyBytes) {
      return fail(ErrorCode::store_rejected, fmt::format("view {}: the key's name has {} bytes", view.name, name.size()),
                  fmt::format("at most {} bytes: use hash() of long texts", kMaxKeyBytes));
    }
  }
  if (layout.kind != KeyKind::sorted_set) return {};
  for (const Assignment& assignment : change.assignments) {
    const Value& value = assignment.value;
    if (!value.is(Kind::integer) || (value.as_int() <= kMaxScore && value.as_int() >= -kMaxScore)) continue;
    return fail(ErrorCode::store_rejected,
                fmt::format("view {}: {} is past 2^53, and a sorted set's scores are exact up to there only", view.name, value.as_int()),
                "keep it in a hash or a counter");
  }
  return {};
}

}  // namespace foldline::redis
