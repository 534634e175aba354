#include "cmd/foldline/dlq_json.h"

#include "common/codec/json_text.h"
#include "common/json.h"
#include "config/mask.h"

namespace foldline {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  const std::size_t found = text.find_first_not_of(kBlanks, at);
  return found == std::string_view::npos ? text.size() : found;
}

}  // namespace

std::string readable(std::string_view bytes) {
  if (codec::is_utf8(bytes) && config::printable(bytes) == bytes) return std::string(bytes);
  return "base64:" + base64(bytes);
}

std::string indented_json(std::string_view text, std::string_view margin) {
  std::string out(margin);
  std::size_t depth = 0;
  const auto new_line = [&] {
    out += '\n';
    out += margin;
    out.append(2 * depth, ' ');
  };
  for (std::size_t at = skip_blanks(text, 0); at < text.size(); at = skip_blanks(text, at + 1)) {
    const char c = text[at];
    if (c == '"') {
      std::size_t end = at + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      out += text.substr(at, end + 1 - at);
      at = end;
    } else if (c == '{' || c == '[') {
      const std::size_t next = skip_blanks(text, at + 1);
      const bool empty = next < text.size() && (text[next] == '}' || text[next] == ']');
      out += c;
      if (empty) {
        out += text[next];
        at = next;
      } else {
        ++depth;
        new_line();
      }
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      new_line();
      out += c;
    } else if (c == ',') {
      out += c;
      new_line();
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace foldline
