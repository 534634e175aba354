#include "engine/lateness.h"

#include <algorithm>

namespace foldline {

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

// When the row's time starts; a date by its first moment in UTC. INT64_MAX: it says nothing.
std::int64_t starts_at_us(const Value& value) {
  if (value.is(Kind::timestamp)) return value.as_int();
  std::int64_t us = 0;
  if (value.is(Kind::date) && !__builtin_mul_overflow(value.as_int(), kDayUs, &us)) return us;
  return INT64_MAX;
}

}  // namespace

Lateness::Lateness(const std::vector<ViewSchema>& views) {
  for (const ViewSchema& view : views) {
    Expiry& expiry = views_.emplace_back();
    if (view.expire_after_us <= 0) continue;
    expiry.after_us = view.expire_after_us;
    expiry.field = view.field_index(view.expire_from);
    for (std::size_t i = 0; i < view.key.size(); ++i) {
      if (view.key[i].name == view.expire_from) expiry.key_part = static_cast<int>(i);
    }
    any_ = true;
  }
}

bool Lateness::is_late(const Change& change, std::int64_t event_time_us) const {
  const Expiry& expiry = views_[change.view];
  if (expiry.after_us == 0 || change.op == RowOp::erase) return false;
  std::int64_t horizon_us = 0;
  if (__builtin_sub_overflow(event_time_us, expiry.after_us, &horizon_us)) return false;
  if (expiry.key_part >= 0) return starts_at_us(change.key[expiry.key_part]) < horizon_us;
  return std::any_of(change.assignments.begin(), change.assignments.end(), [&](const Assignment& assignment) {
    return assignment.field == expiry.field && assignment.op == Op::set && starts_at_us(assignment.value) < horizon_us;
  });
}

std::size_t Lateness::drop(ChangeList& changes, std::int64_t event_time_us) const {
  return std::erase_if(changes, [&](const Change& change) { return is_late(change, event_time_us); });
}

}  // namespace foldline
