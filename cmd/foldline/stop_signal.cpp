#include "cmd/foldline/stop_signal.h"

#include <csignal>

namespace foldline {

namespace {

std::atomic<bool> g_stop{false};  // set by the signal handler, which may touch nothing else

void on_signal(int /*number*/) { g_stop.store(true); }

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  std::signal(SIGTERM, &on_signal);
  std::signal(SIGINT, &on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  return g_stop;
}

}  // namespace foldline
