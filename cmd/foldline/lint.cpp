#include "cmd/foldline/lint.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "config/projection_file.h"
#include "config/reference.h"
#include "projectors/declarative/compiled.h"

namespace foldline {

namespace {

struct Findings {
  std::size_t errors = 0;
  std::size_t warnings = 0;
};

Findings print_findings(config::Diagnostics& diagnostics, std::ostream& err) {
  diagnostics.sort();
  err << diagnostics.to_string();
  Findings out;
  for (const config::Diagnostic& d : diagnostics.all()) ++(d.severity == config::Severity::error ? out.errors : out.warnings);
  return out;
}

std::string counted(std::size_t count, const std::string& word) { return std::to_string(count) + " " + word + (count == 1 ? "" : "s"); }

// False: there is no such view.
bool explain(const declarative::CompiledProjection& projection, const std::string& view, std::ostream& out) {
  for (std::size_t i = 0; i < projection.views.size(); ++i) {
    if (projection.views[i].name != view) continue;
    out << projection.order_proofs[i];
    return true;
  }
  return false;
}

}  // namespace

int run_lint(const LintOptions& options, std::ostream& out, std::ostream& err) {
  Findings total;
  bool explained = options.explain_view.empty();
  for (const std::string& path : options.files) {
    config::Diagnostics diagnostics;
    const config::LoadOptions load = {options.shared, {}};
    if (config::is_shared_file(path)) {
      config::lint_shared_file(path, load, diagnostics);
    } else if (const auto file = config::load_for_lint(path, load, diagnostics)) {
      const auto compiled = declarative::compile(*file, diagnostics);
      if (compiled != nullptr && !explained) explained = explain(*compiled, options.explain_view, out);
    }
    const Findings found = print_findings(diagnostics, err);
    total.errors += found.errors;
    total.warnings += found.warnings;
    if (found.errors == 0) out << path << ": ok" << (found.warnings == 0 ? "" : ", " + counted(found.warnings, "warning")) << '\n';
  }
  if (total.errors > 0) {
    err << counted(total.errors, "error") << ", " << counted(total.warnings, "warning") << '\n';
    return 1;
  }
  if (!explained) {
    err << "foldline: no view is called " << options.explain_view << "\n  help: --explain takes the name of a view of the files\n";
    return 1;
  }
  return 0;
}

void add_lint(CLI::App& app, int& exit_code) {
  struct Arguments {
    LintOptions lint;
    bool reference = false;
    bool schema = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* lint = app.add_subcommand("lint", "Check projection files: all errors at once, with line, column and remedy");
  lint->footer(
      "Examples:\n  foldline lint config/examples/*.yaml\n  foldline lint --explain fact_orders config/examples/orders-analytics.yaml\n"
      "  foldline lint --print-schema > projection.schema.json");
  lint->add_option("FILE", arguments->lint.files, "projection files, or foldline.yaml");
  lint->add_option("--shared", arguments->lint.shared,
                   "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  lint->add_option("--explain", arguments->lint.explain_view, "print how the order of this view's events is proven");
  lint->add_flag("--print-reference", arguments->reference, "print every key and function of the language as Markdown");
  lint->add_flag("--print-schema", arguments->schema, "print the JSON Schema of projection files, for editors");
  lint->callback([arguments, &exit_code] {
    if (arguments->reference) std::cout << config::reference_markdown() << "### Functions\n\n" << config::functions_markdown();
    if (arguments->schema) std::cout << config::json_schema();
    if (arguments->reference || arguments->schema) return;
    if (arguments->lint.files.empty()) throw CLI::RequiredError("FILE");
    exit_code = run_lint(arguments->lint, std::cout, std::cerr);
  });
}

}  // namespace foldline
