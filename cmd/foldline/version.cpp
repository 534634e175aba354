#include "cmd/foldline/version.h"

#include <libpq-fe.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/kafka/client.h"

namespace foldline {

void add_version(CLI::App& app, int& exit_code) {
  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->footer("Example:\n  foldline version");
  version->callback([&exit_code] {
    std::cout << "foldline " << FOLDLINE_VERSION << " (librdkafka " << kafka::version() << ", libpq " << PQlibVersion() / 10000 << ")\n";
    exit_code = 0;
  });
}

}  // namespace foldline
