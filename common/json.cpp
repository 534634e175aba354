#include "common/json.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/time.h"

namespace foldline {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kKeepScratch = 1 << 16;  // elements kept between calls

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;
constexpr std::array<std::uint8_t, 256> kBase64Digits = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(kNoDigit);
  for (std::size_t i = 0; i < kBase64.size(); ++i) out[static_cast<unsigned char>(kBase64[i])] = static_cast<std::uint8_t>(i);
  return out;
}();

// One per thread: the parser's own buffers and the stacks on which lists and maps grow before their size is known.
struct Scratch {
  od::parser parser;
  std::vector<Value> values;
  std::vector<MapEntry> entries;

  void trim() {
    values.clear();
    entries.clear();
    if (values.capacity() > kKeepScratch) values.shrink_to_fit();
    if (entries.capacity() > kKeepScratch) entries.shrink_to_fit();
  }
};

Scratch& scratch() {
  static thread_local Scratch out;
  return out;
}

tl::unexpected<Error> bad_json(simdjson::error_code code) {
  return fail(ErrorCode::decode, fmt::format("not well-formed JSON: {}", simdjson::error_message(code)));
}

class Builder {
 public:
  Builder(Scratch& scratch, Arena& arena) : scratch_(scratch), arena_(arena) {}

  template <class Source>  // od::document or od::value
  Result<Value> build(Source& from, std::size_t depth) {
    if (depth > kMaxJsonDepth) return fail(ErrorCode::limit, fmt::format("JSON is nested deeper than {} levels", kMaxJsonDepth));
    od::json_type type{};
    if (const auto code = from.type().get(type)) return bad_json(code);
    switch (type) {
      case od::json_type::object: return object(from, depth);
      case od::json_type::array: return array(from, depth);
      case od::json_type::string: return string(from);
      case od::json_type::number: return number(from);
      case od::json_type::boolean: {
        bool v = false;
        if (const auto code = from.get_bool().get(v)) return bad_json(code);
        return Value::boolean(v);
      }
      case od::json_type::null: return null(from);
    }
    return bad_json(simdjson::TAPE_ERROR);
  }

 private:
  static std::string_view token_of(od::value& from) { return trim_json(from.raw_json_token()); }
  static std::string_view token_of(od::document& from) {
    std::string_view token;
    if (from.raw_json_token().get(token)) return {};
    return trim_json(token);
  }

  template <class Source>
  Result<Value> null(Source& from) {
    if (token_of(from) != "null") return bad_json(simdjson::N_ATOM_ERROR);
    return Value::null();
  }

  // From the token's own text: the library would round to a double and refuses integers past 64 bits. A value that is not consumed is
  // skipped by the iteration around it.
  template <class Source>
  Result<Value> number(Source& from) {
    const std::string_view token = token_of(from);
    if (const auto whole = parse_int64(token)) return Value::integer(*whole);
    auto decimal = Decimal::parse(token);
    if (!decimal) return fail(ErrorCode::decode, decimal.error().message);
    return Value::decimal(*decimal);
  }

  template <class Source>
  Result<Value> string(Source& from) {
    std::string_view text;
    if (const auto code = from.get_string().get(text)) return bad_json(code);
    return Value::text(arena_.copy(text));
  }

  template <class Source>
  Result<Value> array(Source& from, std::size_t depth) {
    od::array items;
    if (const auto code = from.get_array().get(items)) return bad_json(code);
    const std::size_t base = scratch_.values.size();
    for (auto item : items) {
      od::value element;
      if (const auto code = std::move(item).get(element)) return bad_json(code);
      auto built = build(element, depth + 1);
      if (!built) return built;
      scratch_.values.push_back(*built);
    }
    const std::size_t count = scratch_.values.size() - base;
    auto* out = arena_.array<Value>(count);
    std::copy_n(scratch_.values.begin() + static_cast<std::ptrdiff_t>(base), count, out);
    scratch_.values.resize(base);
    return Value::list({out, count});
  }

  template <class Source>
  Result<Value> object(Source& from, std::size_t depth) {
    od::object fields;
    if (const auto code = from.get_object().get(fields)) return bad_json(code);
    const std::size_t base = scratch_.entries.size();
    for (auto item : fields) {
      od::field field;
      if (const auto code = std::move(item).get(field)) return bad_json(code);
      std::string_view key;
      if (const auto code = field.unescaped_key().get(key)) return bad_json(code);
      key = arena_.copy(key);
      auto built = build(field.value(), depth + 1);
      if (!built) return built;
      scratch_.entries.push_back({key, *built});
    }
    const std::size_t count = scratch_.entries.size() - base;
    auto* out = arena_.array<MapEntry>(count);
    std::copy_n(scratch_.entries.begin() + static_cast<std::ptrdiff_t>(base), count, out);
    scratch_.entries.resize(base);
    return Value::map({out, count});
  }

  Scratch& scratch_;
  Arena& arena_;
};

// Whether the parsed value is all of the text: behind a list or map nothing is left, a scalar's token reaches the end.
bool ends_here(od::document& document, const Value& value, std::string_view text) {
  if (value.is(Kind::list) || value.is(Kind::map)) return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  document.rewind();
  std::string_view token;
  if (document.raw_json_token().get(token)) return false;
  const auto end_of = [](std::string_view bytes) { return bytes.data() + bytes.size(); };
  return end_of(trim_json(token)) == end_of(trim_json(text));
}

}  // namespace

std::string_view trim_json(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

Result<Value> parse_json(std::string_view text, Arena& arena) {
  if (text.size() > kMaxJsonBytes)
    return fail(ErrorCode::limit, fmt::format("JSON of {} bytes is longer than {}", text.size(), kMaxJsonBytes));
  Scratch& own = scratch();
  const std::string_view padded = arena.copy(text, simdjson::SIMDJSON_PADDING);
  od::document document;
  if (const auto code = own.parser.iterate(padded.data(), padded.size(), padded.size() + simdjson::SIMDJSON_PADDING).get(document)) {
    return bad_json(code);
  }
  Builder builder(own, arena);
  auto out = builder.build(document, 0);
  own.trim();
  if (out && !ends_here(document, *out, padded)) return bad_json(simdjson::TRAILING_CONTENT);
  return out;
}

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xF];
    }
  }
}

// Whether any of eight characters does: where a byte of `v - ones` borrows and that of `v` was below 0x80, it was 0, or a lower one was
// (Mycroft's test). A byte that the borrow of a lower one reaches may be wrong, but then the answer is "yes" already.
bool any_needs_escape(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kHigh = 0x80 * kOnes;
  std::uint64_t v;
  std::memcpy(&v, eight, sizeof v);
  const std::uint64_t quote = v ^ '"' * kOnes;
  const std::uint64_t backslash = v ^ '\\' * kOnes;
  return ((((v - 0x20 * kOnes) & ~v) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHigh) != 0;
}

// The first character at or behind `at` that may need an escape: most texts have none.
std::size_t skip_plain(std::string_view text, std::size_t at) {
  while (text.size() - at >= 8 && !any_needs_escape(text.data() + at)) at += 8;
  return at;
}

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void append_double(std::string& out, double v) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v);  // shortest that reads back the same
  static_cast<void>(error);
  out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}

void append_list(std::string& out, std::span<const Value> items) {
  out += '[';
  bool first = true;
  for (const Value& item : items) {
    if (!first) out += ',';
    first = false;
    append_json(out, item);
  }
  out += ']';
}

void append_map(std::string& out, std::span<const MapEntry> entries) {
  out += '{';
  bool first = true;
  for (const MapEntry& entry : entries) {
    if (entry.value.is_absent()) continue;
    if (!first) out += ',';
    first = false;
    append_json_string(out, entry.key);
    out += ':';
    append_json(out, entry.value);
  }
  out += '}';
}

void append_quoted(std::string& out, std::string_view plain) {
  out += '"';
  out += plain;
  out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = skip_plain(text, 0); i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text, from, i - from);
    append_escape(out, text[i]);
    from = i + 1;
    i = skip_plain(text, from) - 1;
  }
  out.append(text, from, text.size() - from);
  out += '"';
}

void append_json(std::string& out, const Value& v) {
  switch (v.kind()) {
    case Kind::absent:
    case Kind::null: out += "null"; return;
    case Kind::boolean: out += v.as_bool() ? "true" : "false"; return;
    case Kind::integer: {
      std::array<char, 24> buffer{};
      const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v.as_int());
      static_cast<void>(error);
      out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
      return;
    }
    case Kind::decimal: out += v.as_decimal().to_string(); return;
    case Kind::floating: append_double(out, v.as_double()); return;
    case Kind::text: append_json_string(out, v.as_text()); return;
    case Kind::bytes: append_quoted(out, base64(v.as_text())); return;
    case Kind::timestamp:
      out += '"';
      append_timestamp(out, v.as_int());
      out += '"';
      return;
    case Kind::date: append_quoted(out, format_date(v.as_int())); return;
    case Kind::interval: append_quoted(out, format_interval(v.as_int())); return;
    case Kind::uuid: append_quoted(out, v.as_uuid().to_string()); return;
    case Kind::json: out += v.as_text(); return;
    case Kind::list: append_list(out, v.as_list()); return;
    case Kind::map: append_map(out, v.as_map()); return;
  }
}

std::string base64(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  std::string out((bytes.size() + 2) / 3 * 4, '=');
  char* to = out.data();
  const auto put = [&](std::uint32_t word, int characters) {
    for (int j = 0; j < characters; ++j) *to++ = kBase64[(word >> (18 - 6 * j)) & 63];
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) put(byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2), 4);
  if (bytes.size() - i == 2) put(byte(i) << 16 | byte(i + 1) << 8, 3);
  if (bytes.size() - i == 1) put(byte(i) << 16, 2);
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out(text.size() / 4 * 3, '\0');
  char* to = out.data();
  // Padding counts as zeros in the last four characters; anywhere else `=` is no digit.
  const std::size_t digits = text.size() - padding;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t k = i; k < i + 4; ++k) {
      const std::uint8_t digit = k < digits ? kBase64Digits[static_cast<unsigned char>(text[k])] : 0;
      if (digit == kNoDigit) return std::nullopt;
      word = word << 6U | digit;
    }
    *to++ = static_cast<char>(word >> 16U);
    *to++ = static_cast<char>(word >> 8U);
    *to++ = static_cast<char>(word);
  }
  out.resize(out.size() - padding);
  return out;
}

}  // namespace foldline
