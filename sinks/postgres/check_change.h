// Sink::check() for PostgreSQL: whether a change can be held at all, from the schema alone (G28). Asked once an event.
//
//   if (auto ok = check_change(view, change); !ok) become_letter(ok.error());
//
// Reads only its arguments: safe beside a running commit().
#pragma once

#include "common/change.h"
#include "common/error.h"
#include "common/view.h"

namespace foldline::postgres {

// A B-tree entry holds at most 2,704 bytes (PostgreSQL, nbtree: a third of a page); the key's columns must fit with their headers.
inline constexpr std::size_t kMaxKeyBytes = 2'000;

Result<void> check_change(const ViewSchema& view, const Change& change);

}  // namespace foldline::postgres
