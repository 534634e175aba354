// One place that sets up spdlog: to standard error, one line an event, UTC with microseconds, level, message.
//
//   init_logging(LogLevel::info);
//   spdlog::warn("store: {}", error.message);
#pragma once

#include <string>

#include "common/error.h"

namespace foldline {

// `level`: trace debug info warn error.
Result<void> init_logging(const std::string& level);

}  // namespace foldline
