// `foldline health`: asks a worker's own probe, for container images without a shell or curl.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace CLI {
class App;
}

namespace foldline {

struct HealthOptions {
  std::string http = "127.0.0.1:8080";  // --http, as for `run`
  std::string path = "/healthz";        // --path
  std::int64_t timeout_ms = 2'000;
};

// 0: the worker answers 200; 1: it answers something else (printed), or nothing.
int print_health(const HealthOptions& options, std::ostream& out, std::ostream& err);
void add_health(CLI::App& app, int& exit_code);

}  // namespace foldline
