// Which bytes of a line of a projection file look like a secret. Works on the bare line, so that a file that is no YAML at all is
// masked too.
//
//   secret_spans("url: postgres://app:hunter2@db/x")   // one span: hunter2
//   masked(line, spans, caret)                          // url: postgres://app:***@db/x, and the caret where it then belongs
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace foldline::config {

struct Span {
  std::size_t begin = 0;  // bytes from the line's start
  std::size_t end = 0;
};

// Passwords of URLs and connection strings, values of keys that name a secret, lines of base64. A span that is exactly `${VAR}` is
// no secret: it shows only the name.
std::vector<Span> secret_spans(std::string_view line);

struct MaskedLine {
  std::string text;
  std::size_t caret = 0;
};
MaskedLine masked(std::string_view line, std::vector<Span> spans, std::size_t caret);

// Every line of a text masked.
std::string without_secrets(std::string_view text);
// Control characters replaced: what a file holds must not steer the terminal that shows it.
std::string printable(std::string_view text);

}  // namespace foldline::config
