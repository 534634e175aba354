// Which views a late replay may leave otherwise than the event in its place would have: those whose rows depend on the order of events and
// that no `newest_by` guards. A replayed event is applied now, after the later events of its key.
//
//   for (const std::string& view : late_views(*projection, index, heads)) warn(view);
#pragma once

#include <span>
#include <string>
#include <vector>

#include "projectors/declarative/compiled.h"
#include "sinks/dead_letter/letter_index.h"

namespace foldline {

// By name, with what the chosen letters' types do there. A letter whose type is not known may be of any.
std::vector<std::string> late_views(const declarative::CompiledProjection& projection, const LetterIndex& index,
                                    std::span<const LetterHead> heads);

}  // namespace foldline
