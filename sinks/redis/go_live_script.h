// The Lua of going live. Each is one atomic call, bounded by how many names it is given (G21); what the words mean stands in the .cpp.
#pragma once

#include <string_view>

namespace foldline::redis {

extern const std::string_view kBeginSwitchScript;
extern const std::string_view kMoveScript;
extern const std::string_view kNextPhaseScript;
extern const std::string_view kEndSwitchScript;

// The first word of their answers.
inline constexpr std::string_view kDone = "done";
inline constexpr std::string_view kAgain = "again";          // a partition was opened meanwhile: read the places anew
inline constexpr std::string_view kElsewhere = "elsewhere";  // the switch is in another phase, or over: look where it is
inline constexpr std::string_view kNot = "not";              // generation, state: it is not what it must be

// In this order. What a crash leaves is one of them, and the next go_live() begins it anew.
inline constexpr std::string_view kPhaseAway = "away";  // rows that only the old generation has leave their places
inline constexpr std::string_view kPhaseIn = "in";      // the new generation's rows take theirs; an old row there leaves in the same call
inline constexpr std::string_view kPhaseRest = "rest";  // old rows whose new one expired between those two leave

}  // namespace foldline::redis
