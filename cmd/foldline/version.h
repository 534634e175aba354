// `foldline version`: its own version and those of the libraries that matter to a bug report.
#pragma once

namespace CLI {
class App;
}

namespace foldline {

void add_version(CLI::App& app, int& exit_code);

}  // namespace foldline
