// Which fields of a `newest_by` view share a hidden guard column (G10).
//
// A guard holds per field: one topic's newer fields must not block another's older, other fields. Fields that the same clauses always
// set together share one, because their stamps are always the same. A field that a clause may leave as it is (`patch`, an expression
// that may be none) has a guard of its own: else a newer event that did not bring it would block an older one that does.
#pragma once

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "common/view.h"
#include "config/projection_file.h"
#include "projectors/declarative/problems.h"

namespace foldline::declarative {

struct FieldWrites {
  std::set<std::pair<std::size_t, std::size_t>> clauses;  // (key of on_event, clause) that set it
  bool may_be_left = false;                               // by one of them, from some source
};

// `writes`: one for each field. Also checks what a guarded view may hold.
void assign_guards(const config::ViewSpec& view, const std::vector<FieldWrites>& writes, ViewSchema& schema, Problems& problems);

}  // namespace foldline::declarative
