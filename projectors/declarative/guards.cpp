#include "projectors/declarative/guards.h"

#include <map>

namespace foldline::declarative {
namespace {

constexpr std::uint8_t kMerges = op_bit(Op::add) | op_bit(Op::min) | op_bit(Op::max) | op_bit(Op::append) | op_bit(Op::remove);

const config::ClauseSpec* first_delete(const config::ViewSpec& view) {
  for (const config::OnEventSpec& on_event : view.on_event) {
    for (const config::ClauseSpec& clause : on_event.clauses) {
      if (clause.erase) return &clause;
    }
  }
  return nullptr;
}

}  // namespace

void assign_guards(const config::ViewSpec& view, const std::vector<FieldWrites>& writes, ViewSchema& schema, Problems& problems) {
  if (!view.newest_by) return;
  std::int16_t next = 0;
  std::map<std::set<std::pair<std::size_t, std::size_t>>, std::int16_t> groups;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    Field& field = schema.fields[i];
    if ((field.ops & op_bit(Op::set)) == 0) continue;
    if ((field.ops & kMerges) != 0) {
      const config::Location& at = i < view.fields.size() ? view.fields[i].at : view.at;
      problems.error(at, field.name + " is guarded by newest_by and also added to, or kept as min or max",
                     "a sum has no newest value: keep two fields, one for each");
      continue;
    }
    if (writes[i].may_be_left) {
      field.guard = next++;
      continue;
    }
    const auto [group, is_new] = groups.try_emplace(writes[i].clauses, next);
    if (is_new) ++next;
    field.guard = group->second;
  }
  if (const config::ClauseSpec* erase = first_delete(view)) {
    if (!view.soft_delete) {
      problems.error(erase->at, "a guarded view (newest_by) deletes softly: without the row nobody could tell that an older event is older",
                     "name a field: soft_delete: deleted_at");
    }
    schema.guard_alive = next++;
    schema.guard_deleted = next++;
  }
  schema.guard_count = next;
}

}  // namespace foldline::declarative
