#include "config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include "config/mask.h"

namespace foldline::config {
namespace {

constexpr std::size_t kMaxQuotedBytes = 160;  // longer lines are cut around the caret

std::string_view line_of(std::string_view text, int line) {
  std::size_t begin = 0;
  for (int i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return {};
    begin = end + 1;
  }
  std::string_view out = text.substr(begin, text.find('\n', begin) - begin);
  if (!out.empty() && out.back() == '\r') out.remove_suffix(1);
  return out;
}

bool is_continuation_byte(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Cuts a long line so that the caret stays in sight, never within a character.
void shorten(MaskedLine& line) {
  if (line.text.size() <= kMaxQuotedBytes) return;
  std::size_t begin = line.caret > kMaxQuotedBytes / 2 ? line.caret - kMaxQuotedBytes / 2 : 0;
  while (begin < line.text.size() && is_continuation_byte(line.text[begin])) ++begin;
  std::size_t end = std::min(line.text.size(), begin + kMaxQuotedBytes);
  while (end < line.text.size() && is_continuation_byte(line.text[end])) ++end;
  std::string out = begin > 0 ? "..." : "";
  line.caret = line.caret - std::min(line.caret, begin) + out.size();
  out += line.text.substr(begin, end - begin);
  if (end < line.text.size()) out += "...";
  line.text = out;
}

// Blanks as wide as the text before the caret: one for each character, tabs kept.
std::string indent_of(std::string_view text, std::size_t caret) {
  std::string out;
  for (std::size_t i = 0; i < caret; ++i) {
    if (i >= text.size()) {
      out += ' ';
    } else if (text[i] == '\t') {
      out += '\t';
    } else if (!is_continuation_byte(text[i])) {
      out += ' ';
    }
  }
  return out;
}

// Lines after the first stand under it.
std::string indented(const std::string& hint) {
  std::string out;
  for (const char c : hint) out += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return out;
}

auto order_of(const Diagnostic& d) {
  // Errors before warnings of the same place.
  return std::tuple(std::string_view(d.at.file), d.at.line, d.at.column, d.severity != Severity::error);
}

}  // namespace

void Diagnostics::error(const Location& at, const std::string& message, const std::string& hint) {
  items_.push_back({Severity::error, at, printable(without_secrets(message)), printable(without_secrets(hint))});
}

void Diagnostics::warning(const Location& at, const std::string& message, const std::string& hint) {
  items_.push_back({Severity::warning, at, printable(without_secrets(message)), printable(without_secrets(hint))});
}

bool Diagnostics::has_errors() const {
  return std::any_of(items_.begin(), items_.end(), [](const Diagnostic& d) { return d.severity == Severity::error; });
}

void Diagnostics::sort() {
  std::stable_sort(items_.begin(), items_.end(), [](const Diagnostic& a, const Diagnostic& b) { return order_of(a) < order_of(b); });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) { return order_of(a) == order_of(b) && a.message == b.message; };
  items_.erase(std::unique(items_.begin(), items_.end(), same), items_.end());
}

void Diagnostics::remember_source(const std::string& file, std::string text) {
  for (auto& [name, old] : sources_) {
    if (name != file) continue;
    old = std::move(text);
    return;
  }
  sources_.emplace_back(file, std::move(text));
}

void Diagnostics::hide(const Location& at, std::size_t size_bytes, int last_line) { hidden_.push_back({at, size_bytes, last_line}); }

std::string Diagnostics::quote(const Location& at) const {
  if (at.line <= 0) return {};
  for (const auto& [name, text] : sources_) {
    if (name != at.file) continue;
    const std::string_view line = line_of(text, at.line);
    if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
    std::vector<Span> spans = secret_spans(line);
    for (const Hidden& h : hidden_) {
      if (h.at.file != at.file || at.line < h.at.line || at.line > h.last_line) continue;
      const auto begin = static_cast<std::size_t>(std::max(h.at.column - 1, 0));
      if (at.line == h.at.line) {
        spans.push_back({begin, begin + h.size_bytes});
      } else {
        spans.push_back({0, line.size()});
      }
    }
    MaskedLine shown = masked(line, std::move(spans), static_cast<std::size_t>(std::max(at.column - 1, 0)));
    shorten(shown);
    std::string out = "  " + printable(shown.text) + "\n";
    if (at.column > 0) out += "  " + indent_of(shown.text, shown.caret) + "^\n";
    return out;
  }
  return {};
}

std::string Diagnostics::to_string() const {
  std::string out;
  for (const Diagnostic& d : items_) {
    out += d.at.file;
    if (d.at.line > 0) out += ":" + std::to_string(d.at.line);
    if (d.at.line > 0 && d.at.column > 0) out += ":" + std::to_string(d.at.column);
    if (!d.at.file.empty()) out += ": ";
    out += d.severity == Severity::error ? "error: " : "warning: ";
    out += d.message + "\n" + quote(d.at);
    if (!d.hint.empty()) out += "  help: " + indented(d.hint) + "\n";
  }
  return out;
}

}  // namespace foldline::config
