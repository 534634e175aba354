// SIGTERM and SIGINT as a flag that long work looks at; a broken pipe is an error of the write, not the end of the program.
//
//   const std::atomic<bool>& stop = stop_on_signals();   while (!stop) work();
#pragma once

#include <atomic>

namespace foldline {

const std::atomic<bool>& stop_on_signals();

}  // namespace foldline
