// Text, as CEL's standard library and its strings extension define it
// (https://github.com/google/cel-go/blob/master/ext/README.md#strings). Places in a text count code points.
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "common/expr/functions.h"
#include "common/expr/utf8.h"

namespace foldline::expr {
namespace {

using Arguments = std::span<const Value>;
using K = ExprKind;

constexpr KindSet kText = set_of(K::text);
constexpr KindSet kInteger = set_of(K::integer);

bool give_text(std::string_view text, Runtime& run, Value& out) {
  if (text.size() > kMaxTextBytes) return run.fail(fmt::format("a text of more than {} bytes", kMaxTextBytes));
  out = Value::text(run.arena.copy(text));
  return true;
}

bool starts_with(Arguments a, Runtime&, Value& out) {
  out = Value::boolean(a[0].as_text().starts_with(a[1].as_text()));
  return true;
}

bool ends_with(Arguments a, Runtime&, Value& out) {
  out = Value::boolean(a[0].as_text().ends_with(a[1].as_text()));
  return true;
}

bool contains_text(Arguments a, Runtime&, Value& out) {
  out = Value::boolean(a[0].as_text().find(a[1].as_text()) != std::string_view::npos);
  return true;
}

template <char From, char To, int Shift>
bool shift_ascii(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  char* to = run.arena.array<char>(text.size());
  std::transform(text.begin(), text.end(), to, [](char c) { return c >= From && c <= To ? static_cast<char>(c + Shift) : c; });
  out = Value::text({to, text.size()});
  return true;
}

// Bytes of the blank (Unicode White_Space) at the start of `text`; 0: none.
std::size_t blank_at(std::string_view text) {
  static constexpr std::array<std::string_view, 20> kBlanks{" ",
                                                            "\t",
                                                            "\n",
                                                            "\v",
                                                            "\f",
                                                            "\r",
                                                            "\xC2\x85",
                                                            "\xC2\xA0",
                                                            "\xE1\x9A\x80",
                                                            "\xE2\x80\xA8",
                                                            "\xE2\x80\xA9",
                                                            "\xE2\x80\xAF",
                                                            "\xE2\x81\x9F",
                                                            "\xE3\x80\x80",
                                                            "\xE2\x80\x80",
                                                            "\xE2\x80\x81",
                                                            "\xE2\x80\x82",
                                                            "\xE2\x80\x83",
                                                            "\xE2\x80\x84",
                                                            "\xE2\x80\x85"};
  for (const std::string_view blank : kBlanks) {
    if (text.starts_with(blank)) return blank.size();
  }
  const bool thin = text.size() >= 3 && text.starts_with("\xE2\x80") && text[2] >= '\x86' && text[2] <= '\x8A';
  return thin ? 3 : 0;
}

bool trim(Arguments a, Runtime&, Value& out) {
  std::string_view text = a[0].as_text();
  while (const std::size_t blank = blank_at(text)) text.remove_prefix(blank);
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && is_continuation(text[last])) --last;
    if (blank_at(text.substr(last)) != text.size() - last) break;
    text = text.substr(0, last);
  }
  out = Value::text(text);
  return true;
}

// false: out of range, as CEL has it.
bool place(const Value& index, std::string_view text, Runtime& run, std::size_t& byte) {
  const std::size_t size = count_code_points(text);
  if (index.as_int() < 0 || index.as_int() > static_cast<std::int64_t>(size)) {
    return run.fail(fmt::format("place {} is outside of {} (of {} characters)", index.as_int(), describe(Value::text(text)), size));
  }
  byte = byte_of_code_point(text, static_cast<std::size_t>(index.as_int()));
  return true;
}

bool char_at(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  std::size_t start = 0;
  if (!place(a[1], text, run, start)) return false;
  out = Value::text(text.substr(start, byte_of_code_point(text.substr(start), 1)));
  return true;
}

bool substring(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  std::size_t start = 0;
  std::size_t end = text.size();
  if (!place(a[1], text, run, start) || (a.size() > 2 && !place(a[2], text, run, end))) return false;
  if (end < start) return run.fail(fmt::format("substring({}, {}) ends before it starts", a[1].as_int(), a[2].as_int()));
  out = Value::text(text.substr(start, end - start));
  return true;
}

Value code_point_index(std::string_view text, std::size_t byte) {
  return Value::integer(byte == std::string_view::npos ? -1 : static_cast<std::int64_t>(count_code_points(text.substr(0, byte))));
}

bool index_of(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  std::size_t from = 0;
  if (a.size() > 2 && !place(a[2], text, run, from)) return false;
  out = code_point_index(text, text.find(a[1].as_text(), from));
  return true;
}

bool last_index_of(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  std::size_t from = std::string_view::npos;
  if (a.size() > 2 && !place(a[2], text, run, from)) return false;
  out = code_point_index(text, text.rfind(a[1].as_text(), from));
  return true;
}

bool replace(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  const std::string_view from = a[1].as_text();
  const std::string_view to = a[2].as_text();
  std::int64_t left = a.size() > 3 ? a[3].as_int() : -1;  // negative: all
  std::string made;
  std::size_t at = 0;
  while (left != 0) {
    std::size_t next = text.find(from, at);
    if (next == std::string_view::npos) break;
    made += text.substr(at, next - at);
    made += to;
    if (from.empty()) {  // between all characters, as Go's strings.Replace
      if (next >= text.size()) {
        at = text.size();
        break;
      }
      const std::size_t one = byte_of_code_point(text.substr(next), 1);
      made += text.substr(next, one);
      next += one;
    }
    at = next + from.size();
    if (made.size() > kMaxTextBytes) return run.fail(fmt::format("a text of more than {} bytes", kMaxTextBytes));
    if (left > 0) --left;
  }
  made += text.substr(at);
  return give_text(made, run, out);
}

bool split(Arguments a, Runtime& run, Value& out) {
  std::string_view text = a[0].as_text();
  const std::string_view separator = a[1].as_text();
  const std::int64_t limit = a.size() > 2 ? a[2].as_int() : -1;  // negative: no limit
  std::vector<Value> parts;
  while (limit != 0) {
    const bool last = limit > 0 && static_cast<std::int64_t>(parts.size()) + 1 == limit;
    std::size_t cut = last ? std::string_view::npos : text.find(separator);
    if (separator.empty() && !last) cut = text.empty() ? std::string_view::npos : byte_of_code_point(text, 1);
    if (separator.empty() && cut == text.size()) cut = std::string_view::npos;
    if (cut == std::string_view::npos) {
      if (!separator.empty() || !text.empty()) parts.push_back(Value::text(text));
      break;
    }
    parts.push_back(Value::text(text.substr(0, cut)));
    text.remove_prefix(cut + separator.size());
  }
  auto* to = run.arena.array<Value>(parts.size());
  std::copy(parts.begin(), parts.end(), to);
  out = Value::list({to, parts.size()});
  return true;
}

bool join_texts(Arguments a, Runtime& run, Value& out) {
  const std::string_view separator = a.size() > 1 ? a[1].as_text() : std::string_view();
  std::string made;
  bool first = true;
  for (const Value& item : a[0].as_list()) {
    if (!item.is(Kind::text))
      return run.fail(fmt::format("join() takes a list of texts, not {}", describe(item)), "x.map(i, string(i)).join(',')");
    if (!first) made += separator;
    first = false;
    made += item.as_text();
    if (made.size() > kMaxTextBytes) return run.fail(fmt::format("a text of more than {} bytes", kMaxTextBytes));
  }
  return give_text(made, run, out);
}

bool reverse(Arguments a, Runtime& run, Value& out) {
  const std::string_view text = a[0].as_text();
  char* to = run.arena.array<char>(text.size());
  std::size_t end = text.size();
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    while (i + length < text.size() && is_continuation(text[i + length])) ++length;
    end -= length;
    std::memcpy(to + end, text.data() + i, length);
    i += length;
  }
  out = Value::text({to, text.size()});
  return true;
}

constexpr KindSet kList = set_of(K::list);

constexpr std::array kFunctions{
    Function{"startsWith", true, 2, {kText, kText}, K::boolean, starts_with, "whether the text starts with x"},
    Function{"endsWith", true, 2, {kText, kText}, K::boolean, ends_with, "whether the text ends with x"},
    Function{"contains", true, 2, {kText, kText}, K::boolean, contains_text, "whether x stands in the text"},
    Function{"lowerAscii", true, 1, {kText}, K::text, shift_ascii<'A', 'Z', 'a' - 'A'>, "A to Z become a to z"},
    Function{"upperAscii", true, 1, {kText}, K::text, shift_ascii<'a', 'z', 'A' - 'a'>, "a to z become A to Z"},
    Function{"trim", true, 1, {kText}, K::text, trim, "without blanks at both ends"},
    Function{"charAt", true, 2, {kText, kInteger}, K::text, char_at, "the character at a place, counted from 0"},
    Function{"substring", true, 2, {kText, kInteger}, K::text, substring, "from a place to the end"},
    Function{"substring", true, 3, {kText, kInteger, kInteger}, K::text, substring, "from a place to before another"},
    Function{"indexOf", true, 2, {kText, kText}, K::integer, index_of, "the first place of x, -1: none"},
    Function{"indexOf", true, 3, {kText, kText, kInteger}, K::integer, index_of, "the first place of x from a place on"},
    Function{"lastIndexOf", true, 2, {kText, kText}, K::integer, last_index_of, "the last place of x, -1: none"},
    Function{"lastIndexOf", true, 3, {kText, kText, kInteger}, K::integer, last_index_of, "the last place of x that is not after a place"},
    Function{"replace", true, 3, {kText, kText, kText}, K::text, replace, "every a replaced by b"},
    Function{"replace", true, 4, {kText, kText, kText, kInteger}, K::text, replace, "the first n times a replaced by b"},
    Function{"split", true, 2, {kText, kText}, K::list, split, "the parts between separators", false, false, K::text},
    Function{"split", true, 3, {kText, kText, kInteger}, K::list, split, "at most n parts", false, false, K::text},
    Function{"join", true, 1, {kList}, K::text, join_texts, "a list's texts, one after another"},
    Function{"join", true, 2, {kList, kText}, K::text, join_texts, "a list's texts with a separator between"},
    Function{"reverse", true, 1, {kText}, K::text, reverse, "the characters backwards"},
};

}  // namespace

std::span<const Function> text_functions() { return kFunctions; }

}  // namespace foldline::expr
