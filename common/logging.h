// One place that sets up spdlog: to standard error, one line an event, UTC with microseconds, level, message, and what the line is about.
//
//   init_logging({.level = "info", .format = LogFormat::json});
//   const LogScope about({{"topic", "orders"}, {"correlation_id", event.correlation_id}});   // every line of this thread until it ends
//   spdlog::warn("store: {}", error.message);
//
// text:  2026-04-03T09:15:00.000000Z warn  store: away [topic=orders correlation_id=7f3a]
// json:  {"time":"2026-04-03T09:15:00.000000Z","level":"warn","message":"store: away","topic":"orders","correlation_id":"7f3a"}
//
// Fields may come from events: control characters are escaped, long values are cut, so that nobody writes log lines of his own.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"

namespace foldline {

inline constexpr std::size_t kMaxLogFieldBytes = 256;

enum class LogFormat {
  text,
  json,
};

struct LoggingOptions {
  std::string level = "info";  // trace debug info warn error
  LogFormat format = LogFormat::text;
};

Result<void> init_logging(const LoggingOptions& options);

// A field of every line from now on: of the process, set before there are threads.
void add_log_field(std::string name, std::string value);

// Fields of every line that this thread writes while the scope lives. Empty values are left out. Scopes nest.
class LogScope {
 public:
  LogScope(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  std::size_t before_;
};

}  // namespace foldline
