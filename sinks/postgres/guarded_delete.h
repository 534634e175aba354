// Deletes of guarded views (G10): which events count is decided by their stamps alone, never by the order in which they arrive.
//
// A row stores A, the stamp of its newest event that was no delete; D, the stamp of its newest delete; and G, one stamp for each group of
// guarded fields. A batch brings the same, any of them empty. Merged, a row is alive exactly when A > D, or there is no D, and
//
//   cut        = D while the row is alive: what was written before it is gone (G11)
//   group      = the default, with stamp `cut`, when its G < cut; else the value of the greater G
//   deleted_at = null while alive; else the time of the delete with the greatest stamp
//
// What a row holds while it is alive, and whether and when it was deleted, is the same for every order of the same events and every cut
// into batches. The values left on a deleted row are remains: of several deletes only the newest is remembered.
#pragma once

#include <string>
#include <vector>

#include "sinks/postgres/layout.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// `("f", ..., "_newest_1", ..., "deleted_at") = (SELECT ...)`: the merge of the stored row `t` with the staged row `excluded`.
std::string guarded_delete_assignment(const ViewLayout& layout);

// What a batch's row comes to when nothing is stored: the same merge with an empty `t`. Merging this with a stored row gives what merging
// the original would, so it is what gets staged.
struct GuardedRow {
  bool alive = true;
  GuardStamp cut;  // empty: none
  // Whether the fields of a group with this stamp take their defaults.
  [[nodiscard]] bool is_cut(GuardStamp group) const { return !cut.empty() && !group.empty() && group < cut; }
};
GuardedRow resolve_guards(const ViewLayout& layout, const FoldedRow& row);

}  // namespace foldline::postgres
