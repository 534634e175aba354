// What the operating system knows of this process, from /proc (man 5 proc). What can't be read is 0.
//
//   const ProcessStats now = process_stats();     // now.resident_bytes
#pragma once

namespace foldline {

struct ProcessStats {
  double resident_bytes = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // Unix time
  double open_fds = 0;
  double max_fds = 0;
};

ProcessStats process_stats();

}  // namespace foldline
