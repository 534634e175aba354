// `foldline run FILE`: one worker of one projection, until SIGTERM or SIGINT.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/watchdog.h"

namespace CLI {
class App;
}

namespace foldline {

struct RunOptions {
  std::string file;
  std::string shared;                   // --shared
  std::string http = "127.0.0.1:8080";  // --http; "off": none
  std::size_t lanes = 1;
  bool lost_data_earliest = false;   // --on-lost-data earliest
  std::size_t max_record_bytes = 0;  // 0: the lane's default
  std::size_t max_batch_records = 0;
  std::int64_t stuck_after_s = std::chrono::duration_cast<std::chrono::seconds>(kStuckAfter).count();  // --stuck-after
};

// Exit code: 0 after a clean stop; 1 when it can't start, or was told by its store or file to stop for good.
int run_worker(const RunOptions& options);
void add_run(CLI::App& app, int& exit_code);

}  // namespace foldline
