// The command line: one file per subcommand, wired here by name.
#include "cmd/foldline/main.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "cmd/foldline/dlq.h"
#include "cmd/foldline/generate.h"
#include "cmd/foldline/health.h"
#include "cmd/foldline/lint.h"
#include "cmd/foldline/query.h"
#include "cmd/foldline/rebuild.h"
#include "cmd/foldline/run.h"
#include "cmd/foldline/status.h"
#include "cmd/foldline/version.h"
#include "common/logging.h"

namespace foldline {

int run_main(int argc, char** argv) {
  CLI::App app("Foldline keeps read models equal to the fold of the log.", "foldline");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done; 1 it could not be done, and the last lines say why; 2 the command line makes no sense.\n"
      "Examples:\n  foldline lint config/examples/orders-analytics.yaml\n  foldline run config/examples/orders-analytics.yaml");
  LoggingOptions logging;
  app.add_option("--log-level", logging.level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--log-format", [&logging](const std::string& format) { logging.format = format == "json" ? LogFormat::json : LogFormat::text; },
         "`text` for people, `json`: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->default_str("text");
  app.parse_complete_callback([&logging] {
    if (auto ready = init_logging(logging); !ready) std::cerr << ready.error().message << '\n';
  });

  int exit_code = 0;
  add_run(app, exit_code);
  add_lint(app, exit_code);
  add_status(app, exit_code);
  add_query(app, exit_code);
  add_health(app, exit_code);
  add_rebuild(app, exit_code);
  add_dlq(app, exit_code);
  add_generate(app, exit_code);
  add_version(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "foldline: " << error.what() << '\n';
    return 1;
  }
  return exit_code;
}

}  // namespace foldline
