#include "sinks/redis/key_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/key_template.h"
#include "sinks/redis/slots.h"
#include "sinks/redis/value_text.h"
#include "sinks/rows/key_bytes.h"

namespace foldline::redis {

namespace {

// As value_text.h writes it; 0: of no fixed length.
std::size_t fixed_length(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean: return 1;
    case TypeKind::uuid: return 36;
    case TypeKind::date: return 10;
    case TypeKind::timestamptz: return 27;
    default: return 0;
  }
}

bool has_fixed_length(const Type& type) { return fixed_length(type) != 0; }

bool is_whole(const Type& type) { return type.kind == TypeKind::int32 || type.kind == TypeKind::bigint; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> wrong(std::string_view text, const std::string& what, const std::string& hint) {
  return fail(ErrorCode::config, fmt::format("the key's name `{}` {}", text, what), hint);
}

}  // namespace

Result<KeyName> KeyName::parse(std::string_view text, const std::vector<KeyPart>& key, int member) {
  std::vector<std::string> parts;
  for (const KeyPart& part : key) parts.push_back(part.name);
  auto parsed = config::KeyTemplate::parse(text, parts, member);
  if (!parsed) return fail(parsed.error());
  KeyName out;
  out.pattern_ = parsed->pattern();
  out.tail_ = parsed->tail;
  out.text_ = text;
  out.parts_ = key.size();
  for (config::KeyTemplate::Piece& piece : parsed->pieces) {
    out.pieces_.push_back({std::move(piece.literal), piece.part, key[piece.part].name, key[piece.part].type, '\0', false});
  }
  for (std::size_t i = 0; i + 1 < out.pieces_.size(); ++i) {
    Piece& piece = out.pieces_[i];
    const std::string& next = out.pieces_[i + 1].literal;
    if (has_fixed_length(piece.type)) continue;
    if (next.empty()) {
      return wrong(text, fmt::format("has nothing between `{}` and the part behind it: two rows could share a key", key[piece.part].name),
                   "put a `:` between them");
    }
    if (next.front() == '%' && !is_whole(piece.type)) {  // `%25` would be an escape, or the end of this part and the text 25
      return wrong(text, fmt::format("has a `%` behind `{}`: two rows could share a key", key[piece.part].name), "put a `:` between them");
    }
    piece.ends_with = next.front();
    piece.escaped = !is_whole(piece.type) || is_digit(piece.ends_with);
  }
  return out;
}

void KeyName::append_part(std::string& out, const Piece& piece, const Value& value) {
  if (!piece.escaped) return append_text(out, value, piece.type);
  for (const char c : to_text(value, piece.type)) {
    if (c == piece.ends_with || c == '%') {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
}

void KeyName::append(std::string& out, const Value* key) const {
  const std::size_t start = out.size();
  out += prefix_;
  append_name(out, key);
  if (tags_.empty()) return;
  out.insert(start, tags_[bucket_of_name(std::string_view(out).substr(start), static_cast<std::uint32_t>(tags_.size()))]);
}

std::size_t KeyName::most_bytes(const Value* key) const {
  std::size_t out = prefix_.size() + tail_.size() + (tags_.empty() ? 0 : tags_.back().size());  // the last tag has the longest number
  for (const Piece& piece : pieces_) {
    out += piece.literal.size() + rows::most_key_bytes(key[piece.part]) * (piece.escaped ? rows::kMostOfAnEscape : 1);
  }
  return out;
}

std::uint32_t KeyName::bucket_of(const Value* key) const {
  if (tags_.empty()) return 0;
  std::string name;
  append_name(name, key);
  return bucket_of_name(name, static_cast<std::uint32_t>(tags_.size()));
}

void KeyName::set_buckets(const std::string& projection, std::uint32_t count) {
  tags_.clear();
  for (std::uint32_t bucket = 0; bucket < count; ++bucket) tags_.push_back(bucket_tag(projection, bucket));
  any_tag_ = bucket_tag_pattern(projection);
}

void KeyName::append_name(std::string& out, const Value* key) const {
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    append_part(out, piece, key[piece.part]);
  }
  out += tail_;
}

namespace {

// %3A → `:`; nullopt: a % that append() does not write.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc{} || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

void append_glob(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (std::string_view("*?[]\\^-").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
}

}  // namespace

std::size_t KeyName::length_of(const Piece& piece, std::string_view rest) {
  if (has_fixed_length(piece.type)) return std::min(rest.size(), fixed_length(piece.type));
  const std::size_t sign = is_whole(piece.type) && rest.starts_with('-') ? 1 : 0;  // -1 of `{n}-{x}`
  for (std::size_t i = sign; i < rest.size(); ++i) {
    if (rest[i] == piece.ends_with) return i;
    if (piece.escaped && rest[i] == '%') i += 2;  // %30 of a part that ends with 0
  }
  return std::string_view::npos;
}

std::optional<std::vector<Value>> KeyName::parts_of(std::string_view name, Arena& arena) const {
  std::vector<Value> out(parts_);
  if (!tags_.empty()) {  // the tag that the rest of the name leads to, and no other
    const std::size_t end = name.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view tag = name.substr(0, end + 1);
    name.remove_prefix(end + 1);
    if (tags_[bucket_of_name(name, static_cast<std::uint32_t>(tags_.size()))] != tag) return std::nullopt;
  }
  std::string_view rest = name;
  if (!rest.ends_with(tail_)) return std::nullopt;
  rest.remove_suffix(tail_.size());
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    if (!rest.starts_with(piece.literal)) return std::nullopt;
    rest.remove_prefix(piece.literal.size());
    const std::size_t size = i + 1 < pieces_.size() ? length_of(piece, rest) : rest.size();  // the last part has all that is left
    if (size == std::string_view::npos) return std::nullopt;
    std::optional<std::string> text(rest.substr(0, size));
    if (piece.escaped) text = unescaped(*text);
    if (!text) return std::nullopt;
    const auto value = value_from_text(*text, piece.type, arena);
    if (!value) return std::nullopt;
    out[piece.part] = *value;
    rest.remove_prefix(size);
  }
  std::string written;
  append_name(written, out.data());
  if (!rest.empty() || written != name) return std::nullopt;  // "007" is no whole number of ours
  return out;
}

bool KeyName::matches(std::string_view name) const {
  Arena arena;
  return parts_of(name, arena).has_value();
}

std::string KeyName::glob(std::span<const Value> first) const {
  std::string out = any_tag_;
  for (const Piece& piece : pieces_) {
    append_glob(out, piece.literal);
    if (piece.part >= first.size()) {
      out += '*';
      continue;
    }
    std::string text;
    append_part(text, piece, first[piece.part]);
    append_glob(out, text);
  }
  append_glob(out, tail_);
  return out;
}

std::vector<KeyPart> KeyName::parts() const {
  std::vector<KeyPart> out;
  for (const Piece& piece : pieces_) out.push_back({piece.part_name, piece.type, ""});
  return out;
}

}  // namespace foldline::redis
