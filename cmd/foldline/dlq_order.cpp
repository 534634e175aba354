#include "cmd/foldline/dlq_order.h"

#include <algorithm>
#include <set>

#include "config/pattern.h"
#include "projectors/declarative/order_effects.h"

namespace foldline {

namespace {

// Guarded, of one event a row (proof b), or declared to take events as they arrive: late is as good as in place.
bool takes_late_events(const config::ViewSpec& view, const declarative::ViewEffects& effects, const std::string& proof) {
  const bool guarded = view.newest_by.has_value() && effects.unguarded.empty();
  const bool one_event_a_row = proof.find("by (b)") != std::string::npos;
  return guarded || one_event_a_row || view.cross_partition == config::CrossPartition::arrival_order;
}

}  // namespace

std::vector<std::string> late_views(const declarative::CompiledProjection& projection, const LetterIndex& index,
                                    std::span<const LetterHead> heads) {
  std::set<std::string> types;
  for (const LetterHead& head : heads) types.insert(index.name(head.type));
  const auto concerns = [&](const std::string& pattern) {
    return std::any_of(types.begin(), types.end(), [&](const std::string& t) { return t.empty() || config::matches(pattern, t); });
  };
  std::vector<std::string> out;
  for (std::size_t i = 0; i < projection.file.views.size(); ++i) {
    const config::ViewSpec& view = projection.file.views[i];
    const declarative::ViewEffects effects = declarative::effects_of(view);
    if (takes_late_events(view, effects, i < projection.order_proofs.size() ? projection.order_proofs[i] : "")) continue;
    std::string what;
    for (const std::size_t type : effects.sensitive) {
      if (!concerns(effects.types[type].type)) continue;
      what += (what.empty() ? "" : ", ") + effects.types[type].type + ": " + declarative::describe(effects.types[type]);
    }
    if (!what.empty()) out.push_back(view.name + " (" + what + ")");
  }
  return out;
}

}  // namespace foldline
