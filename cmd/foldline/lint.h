// `foldline lint FILE...`: all that is wrong with projection files, with place and remedy, before anything runs. Reads files and the
// environment only; talks to no server.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace foldline {

struct LintOptions {
  std::vector<std::string> files;  // projections, and foldline.yaml files
  std::string shared;              // --shared
  std::string explain_view;        // --explain: print how the order of this view's events is proven; empty: do not
};

// Findings go to `err`, the rest to `out`. Exit code: 0 when no file has an error (warnings are allowed), else 1.
int run_lint(const LintOptions& options, std::ostream& out, std::ostream& err);
void add_lint(CLI::App& app, int& exit_code);

}  // namespace foldline
