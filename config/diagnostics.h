// All errors of a file at once, each with its place and a remedy.
#pragma once

#include <string>
#include <vector>

namespace foldline::config {

struct Location {
  std::string file;
  int line = 0;    // from 1; 0: unknown
  int column = 0;  // from 1
};

enum class Severity { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  Location at;
  std::string message;
  std::string hint;  // what to do; may be empty
};

class Diagnostics {
 public:
  void error(const Location& at, std::string message, std::string hint = {});
  void warning(const Location& at, std::string message, std::string hint = {});
  [[nodiscard]] bool has_errors() const;
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return items_; }
  void sort();  // by file, line, column
  // One per finding:  FILE:LINE:COLUMN: error: MESSAGE\n  the source line\n      ^\n  help: HINT
  [[nodiscard]] std::string to_string() const;
  void remember_source(const std::string& file, std::string text);  // so that to_string() can quote the line

 private:
  std::vector<Diagnostic> items_;
  std::vector<std::pair<std::string, std::string>> sources_;
};

}  // namespace foldline::config
