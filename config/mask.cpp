#include "config/mask.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace foldline::config {
namespace {

constexpr std::size_t kMinBase64Line = 40;  // shorter lines of letters are words and names

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-'; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// `${VAR}` without a default shows a name, not a value.
bool is_plain_variable(std::string_view text) {
  if (text.size() < 4 || text.substr(0, 2) != "${" || text.back() != '}') return false;
  const std::string_view name = text.substr(2, text.size() - 3);
  return std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

void keep(std::vector<Span>& spans, std::string_view line, std::size_t begin, std::size_t end) {
  if (begin < end && !is_plain_variable(line.substr(begin, end - begin))) spans.push_back({begin, end});
}

// scheme://user:PASSWORD@host. The password ends at the last @ before a blank or quote, since passwords may hold an @.
void find_url_passwords(std::string_view line, std::vector<Span>& spans) {
  for (std::size_t at = line.find("//"); at != std::string_view::npos; at = line.find("//", at + 2)) {
    const std::size_t begin = at + 2;
    std::size_t end = begin;
    std::size_t last_at = std::string_view::npos;
    while (end < line.size() && !is_space(line[end]) && line[end] != '"' && line[end] != '\'') {
      if (line[end] == '@') last_at = end;
      ++end;
    }
    const std::size_t colon = line.find(':', begin);
    if (last_at == std::string_view::npos || colon == std::string_view::npos || colon > last_at) continue;
    keep(spans, line, colon + 1, last_at);
  }
}

// The value that starts at `begin`: in quotes up to the closing one; else up to what ends a plain value.
std::size_t value_end(std::string_view line, std::size_t begin) {
  if (begin >= line.size()) return line.size();
  const char quote = line[begin];
  if (quote == '"' || quote == '\'') {
    const std::size_t close = line.find(quote, begin + 1);
    return close == std::string_view::npos ? line.size() : close + 1;
  }
  std::size_t end = begin;
  int braces = 0;
  while (end < line.size()) {
    const char c = line[end];
    if (c == '{') ++braces;
    if (c == '}' && braces-- == 0) break;
    if (braces == 0 && (c == ',' || c == ']' || c == '&' || (is_space(c) && end + 1 < line.size() && line[end + 1] == '#'))) break;
    ++end;
  }
  while (end > begin && is_space(line[end - 1])) --end;
  return end;
}

// password=..., sasl.password: ..., ssl.key.pem: ...
void find_named_secrets(std::string_view line, std::vector<Span>& spans) {
  static constexpr std::array<std::string_view, 8> kNames = {"password", "passwd",      "passphrase", "secret",
                                                             "token",    "jaas.config", "key.pem",    "private_key"};
  const std::string small = lower(line);
  for (const std::string_view name : kNames) {
    for (std::size_t at = small.find(name); at != std::string::npos; at = small.find(name, at + 1)) {
      std::size_t begin = at + name.size();
      while (begin < line.size() && is_word(line[begin])) ++begin;
      if (begin < line.size() && (line[begin] == '"' || line[begin] == '\'')) ++begin;  // a quoted key
      while (begin < line.size() && is_space(line[begin])) ++begin;
      if (begin >= line.size() || (line[begin] != ':' && line[begin] != '=')) continue;
      ++begin;
      while (begin < line.size() && is_space(line[begin])) ++begin;
      std::size_t end = value_end(line, begin);
      const bool quoted = end > begin + 1 && (line[begin] == '"' || line[begin] == '\'') && line[end - 1] == line[begin];
      if (quoted) {
        keep(spans, line, begin + 1, end - 1);
      } else {
        keep(spans, line, begin, end);
      }
    }
  }
}

// A line of a PEM block that lost its place.
void find_base64(std::string_view line, std::vector<Span>& spans) {
  std::size_t begin = 0;
  std::size_t end = line.size();
  while (begin < end && is_space(line[begin])) ++begin;
  while (end > begin && is_space(line[end - 1])) --end;
  if (end - begin < kMinBase64Line) return;
  const std::string_view body = line.substr(begin, end - begin);
  const auto is_base64 = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '='; };
  if (std::all_of(body.begin(), body.end(), is_base64)) spans.push_back({begin, end});
}

}  // namespace

std::vector<Span> secret_spans(std::string_view line) {
  std::vector<Span> spans;
  find_url_passwords(line, spans);
  find_named_secrets(line, spans);
  find_base64(line, spans);
  return spans;
}

std::string without_secrets(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    out += masked(line, secret_spans(line), 0).text;
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20U && c != '\t' && c != '\n') || byte == 0x7FU) c = '?';
  }
  return out;
}

MaskedLine masked(std::string_view line, std::vector<Span> spans, std::size_t caret) {
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  MaskedLine out;
  std::size_t from = 0;  // what is before it has been copied or masked
  const auto copy_up_to = [&](std::size_t end) {
    if (caret >= from && caret < end) out.caret = out.text.size() + (caret - from);
    out.text += line.substr(from, end - from);
    from = end;
  };
  for (const Span& span : spans) {
    const std::size_t begin = std::max(span.begin, from);
    const std::size_t end = std::min(span.end, line.size());
    if (begin >= end) continue;
    copy_up_to(begin);
    if (caret >= begin && caret < end) out.caret = out.text.size();
    out.text += "***";
    from = end;
  }
  if (caret >= line.size()) out.caret = out.text.size() + (line.size() - from) + (caret - line.size());
  copy_up_to(line.size());
  return out;
}

}  // namespace foldline::config
