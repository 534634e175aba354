// Sink::check() for Redis: whether a change can be held at all, from the schema alone.
//
//   if (auto ok = check_change(layout, view, change); !ok) become_letter(ok.error());
//
// Reads only its arguments: safe beside a running commit().
#pragma once

#include "common/change.h"
#include "common/error.h"
#include "sinks/redis/layout.h"

namespace foldline::redis {

Result<void> check_change(const ViewLayout& layout, const ViewSchema& view, const Change& change);

}  // namespace foldline::redis
