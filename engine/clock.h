// Time as the engine sees it, so that every wait has a deadline a test can move.
#pragma once

#include <chrono>

namespace foldline {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace foldline
