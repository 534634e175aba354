// All errors of a file at once, each with its place and a remedy.
//
//   Diagnostics d;
//   d.error({"orders.yaml", 3, 5}, "unknown key `feilds`", "did you mean `fields`?");
//   std::cerr << d.to_string();   // orders.yaml:3:5: error: unknown key `feilds` + the line + a caret + the help
//
// Secrets: a quoted line is masked before it is printed (passwords in URLs, values of keys that name a secret, and whatever
// hide() was told); `${VAR}` stays as written. Messages must be made from the text as written, never from its value.
// Threads: one Diagnostics is used by one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace foldline::config {

struct Location {
  std::string file;
  int line = 0;    // from 1; 0: unknown
  int column = 0;  // from 1, in bytes
};

enum class Severity {
  error,
  warning
};

struct Diagnostic {
  Severity severity = Severity::error;
  Location at;
  std::string message;
  std::string hint;  // what to do; may be empty
};

class Diagnostics {
 public:
  // Passwords that a message quotes are masked here too, and control characters replaced.
  void error(const Location& at, const std::string& message, const std::string& hint = {});
  void warning(const Location& at, const std::string& message, const std::string& hint = {});
  [[nodiscard]] bool has_errors() const;
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return items_; }
  void sort();  // by file, line, column; drops exact repeats
  // One per finding:  FILE:LINE:COLUMN: error: MESSAGE\n  the source line\n      ^\n  help: HINT
  [[nodiscard]] std::string to_string() const;
  void remember_source(const std::string& file, std::string text);  // so that to_string() can quote the line
  // Text of a secret that stands in the file itself, from `at` on for `size_bytes`: printed as ***. Past the end of its line
  // (a block of text), the following lines up to `last_line` are hidden whole.
  void hide(const Location& at, std::size_t size_bytes, int last_line);

 private:
  struct Hidden {
    Location at;
    std::size_t size_bytes;
    int last_line;
  };
  [[nodiscard]] std::string quote(const Location& at) const;  // the line and the caret, or nothing

  std::vector<Diagnostic> items_;
  std::vector<std::pair<std::string, std::string>> sources_;
  std::vector<Hidden> hidden_;
};

}  // namespace foldline::config
