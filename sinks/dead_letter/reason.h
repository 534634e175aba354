// What letters are counted by: the error's message without what differs from event to event.
//
//   letter_reason({ErrorCode::value, "total_cents: \"many\" is not a bigint"});   // "total_cents: … is not a bigint"
#pragma once

#include <string>

#include "common/error.h"

namespace foldline {

inline constexpr std::size_t kMaxReasonBytes = 160;

// The reason of a `reject` clause as it stands. Of any other error the message's first kMaxReasonBytes, with … for texts in double
// quotes (not for names: column "x", constraint "y") and N for numbers, so that equal faults have equal reasons.
std::string letter_reason(const Error& error);

}  // namespace foldline
