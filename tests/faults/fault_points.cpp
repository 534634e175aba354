// What happens at a fault point. FOLDLINE_FAULT=NAME:NTH:ACTION, where the NTH time that NAME is reached (from 1)
//   kill   the process dies as by kill -9
//   stop   it freezes as by SIGSTOP, until SIGCONT
//   cut    every TCP connection of the process is shut down, and it goes on
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/fault_point.h"

namespace foldline {

namespace {

constexpr int kMaxSockets = 1024;

struct Fault {
  std::string name;
  int nth = 0;
  std::string action;
};

[[noreturn]] void refuse(const char* text) {
  std::fprintf(stderr, "FOLDLINE_FAULT=%s: want NAME:NTH:ACTION with the action kill, stop or cut\n", text);
  std::_Exit(2);
}

Fault parse(const char* text) {
  if (text == nullptr) return {};
  const std::string_view all(text);
  const auto first = all.find(':');
  const auto last = all.rfind(':');
  Fault out;
  if (first == last) refuse(text);
  out.name = all.substr(0, first);
  out.action = all.substr(last + 1);
  const std::string_view nth = all.substr(first + 1, last - first - 1);
  if (std::from_chars(nth.data(), nth.data() + nth.size(), out.nth).ec != std::errc() || out.nth < 1) refuse(text);
  if (out.action != "kill" && out.action != "stop" && out.action != "cut") refuse(text);
  return out;
}

void cut_connections() {
  for (int descriptor = 3; descriptor < kMaxSockets; ++descriptor) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) shutdown(descriptor, SHUT_RDWR);
  }
}

}  // namespace

void reach_fault_point(std::string_view name) {
  static const Fault fault = parse(std::getenv("FOLDLINE_FAULT"));  // NOLINT(concurrency-mt-unsafe): nobody writes the environment
  static std::atomic<int> times{0};
  if (name != fault.name || ++times != fault.nth) return;
  // For the test that looks whether it was reached; stderr has no buffer.
  std::fprintf(stderr, "fault point %s: %s\n", fault.name.c_str(), fault.action.c_str());
  if (fault.action == "kill") kill(getpid(), SIGKILL);
  if (fault.action == "stop") kill(getpid(), SIGSTOP);
  if (fault.action == "cut") cut_connections();
}

}  // namespace foldline
