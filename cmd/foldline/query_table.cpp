#include "cmd/foldline/query_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/json.h"

namespace foldline {

namespace {

struct CodePoint {
  std::uint32_t number = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80U) return {first, 1};
  const std::size_t size = first >= 0xF0U ? 4 : first >= 0xE0U ? 3 : 2;
  if (first < 0xC2U || first > 0xF4U || text.size() < size) return {};
  std::uint32_t number = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    number = number << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (size == 3 && number < 0x800U) || (size == 4 && number < 0x10000U);
  const bool surrogate = number >= 0xD800U && number <= 0xDFFFU;
  return overlong || surrogate || number > 0x10FFFFU ? CodePoint{} : CodePoint{number, size};
}

// Controls (C0, DEL, C1), line and paragraph separators, and what changes the direction of the text or can't be seen (Unicode,
// "Bidi_Control" and zero width).
bool steers(std::uint32_t c) {
  return c < 0x20U || (c >= 0x7FU && c <= 0x9FU) || c == 0x61CU || (c >= 0x200BU && c <= 0x200FU) || (c >= 0x2028U && c <= 0x202EU) ||
         (c >= 0x2060U && c <= 0x2069U) || c == 0xFEFFU || (c >= 0xE0000U && c <= 0xE007FU);
}

std::string escaped(std::uint32_t c) {
  switch (c) {
    case '\n': return "\\n";
    case '\t': return "\\t";
    case '\r': return "\\r";
    default: return c < 0x80U ? fmt::format("\\x{:02x}", c) : fmt::format("\\u{:04x}", c);
  }
}

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cut(const std::string& text) {
  if (count_chars(text) <= kMaxCellChars) return text;
  std::size_t bytes = 0;
  for (std::size_t chars = 0; chars < kMaxCellChars; ++chars)
    bytes += std::max<std::size_t>(1, decode(std::string_view(text).substr(bytes)).bytes);
  return text.substr(0, bytes) + "…";
}

bool is_number(const Type& type) {
  return type.kind == TypeKind::int32 || type.kind == TypeKind::bigint || type.kind == TypeKind::numeric || type.kind == TypeKind::floating;
}

// As JSON without the quotes; NaN and infinity, which JSON has no word for, by their names.
std::string plain(const Value& value) {
  if (value.is(Kind::text)) return std::string(value.as_text());
  if (value.is(Kind::floating) && !std::isfinite(value.as_double())) return fmt::format("{}", value.as_double());
  std::string out;
  append_json(out, value);
  const bool quoted = out.size() >= 2 && out.front() == '"' && !value.is(Kind::json);
  return quoted ? out.substr(1, out.size() - 2) : out;
}

// 12.50 of a numeric(8,2), however many digits the store keeps.
Value to_scale(const Value& value, const Type& type) {
  if (!value.is(Kind::decimal) || type.precision == 0) return value;
  const auto scaled = rescale(value.as_decimal(), type.scale);
  return scaled && *scaled == value.as_decimal() ? Value::decimal(*scaled) : value;
}

}  // namespace

std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = decode(text);
    if (c.bytes == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (steers(c.number)) {
      out += escaped(c.number);
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(1, c.bytes));
  }
  return out;
}

std::string cell_text(const rows::OwnedValue& value, const Type& type) {
  if (value.is_null()) return {};
  Arena arena;
  const std::string text = plain(to_scale(value.view(arena), type));
  return text.empty() ? "\"\"" : visible(text);
}

RowPrinter::RowPrinter(std::vector<Column> columns, bool json, std::ostream& out) : columns_(std::move(columns)), json_(json), out_(out) {}

void RowPrinter::add(const rows::StoredRow& row) {
  if (json_) return print_json(row);
  std::vector<std::string> cells;
  for (const Column& column : columns_) cells.push_back(cut(cell_text(column.of(row), column.type)));
  if (!widths_.empty()) return print_line(cells);
  waiting_.push_back(std::move(cells));
  if (waiting_.size() == kRowsToMeasure) print_waiting();
}

void RowPrinter::finish() {
  if (!json_ && widths_.empty() && !waiting_.empty()) print_waiting();
  out_.flush();
}

void RowPrinter::print_json(const rows::StoredRow& row) {
  Arena arena;
  std::string line = "{";
  for (const Column& column : columns_) {
    if (line.size() > 1) line += ',';
    append_json_string(line, column.name);
    line += ':';
    append_json(line, to_scale(column.of(row).view(arena), column.type));
  }
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');  // between the tokens of raw JSON only
  out_ << line << "}\n";
}

void RowPrinter::print_waiting() {
  std::vector<std::string> names;
  for (const Column& column : columns_) {
    names.push_back(column.name);
    widths_.push_back(count_chars(column.name));
  }
  for (const auto& cells : waiting_) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], count_chars(cells[i]));
  }
  print_line(names);
  for (const auto& cells : waiting_) print_line(cells);
  waiting_.clear();
}

void RowPrinter::print_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string blanks(widths_[i] - std::min(widths_[i], count_chars(cells[i])), ' ');
    if (i > 0) line += "  ";
    line += is_number(columns_[i].type) ? blanks + cells[i] : cells[i] + blanks;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out_ << line << '\n';
}

}  // namespace foldline
