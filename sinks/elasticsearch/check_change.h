// Sink::check() for a search store: whether a change can be held at all, from schema and mapping alone (G28). Asked once an event.
//
//   if (auto ok = check_change(layout, view, change); !ok) become_letter(ok.error());
//
// Reads only its arguments: safe beside a running commit().
#pragma once

#include "common/change.h"
#include "common/error.h"
#include "sinks/elasticsearch/layout.h"

namespace foldline::elasticsearch {

Result<void> check_change(const ViewLayout& layout, const ViewSchema& view, const Change& change);

}  // namespace foldline::elasticsearch
