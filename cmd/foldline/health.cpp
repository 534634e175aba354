#include "cmd/foldline/health.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "common/http/client.h"

namespace foldline {

int print_health(const HealthOptions& options, std::ostream& out, std::ostream& err) {
  const auto answer = http_get(options.http, options.path, std::chrono::milliseconds(options.timeout_ms));
  if (!answer) {
    err << "foldline health: " << answer.error().message << "\n  help: " << answer.error().hint << '\n';
    return 1;
  }
  out << answer->body;
  return answer->status == 200 ? 0 : 1;
}

void add_health(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<HealthOptions>();
  CLI::App* health = app.add_subcommand("health", "Ask a running worker whether it is alive, or ready");
  health->footer("Example:\n  foldline health --http 127.0.0.1:8080 --path /readyz");
  health->add_option("--http", options->http, "the worker's --http address; `:8080` is this machine")->capture_default_str();
  health->add_option("--path", options->path, "which probe")->check(CLI::IsMember({"/healthz", "/readyz"}))->capture_default_str();
  health->add_option("--timeout-ms", options->timeout_ms, "how long to wait for the answer")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{60'000}))
      ->capture_default_str();
  health->callback([options, &exit_code] { exit_code = print_health(*options, std::cout, std::cerr); });
}

}  // namespace foldline
