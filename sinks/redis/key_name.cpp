#include "sinks/redis/key_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/key_template.h"
#include "sinks/redis/value_text.h"

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

// Whether append_text() could have written it: what is read from it is written the same way again.
bool is_text_of(std::string_view text, const Type& type) {
  switch (type.kind) {
    case TypeKind::text:
    case TypeKind::keyword: return true;
    default: break;
  }
  Arena arena;
  const auto value = value_from_text(text, type, arena);
  return value && !value->is_null() && to_text(*value, type) == text;
}

// Every `%` begins one of the two that append() writes.
bool is_escaped(std::string_view text, char ends_with) {
  const std::string other = fmt::format("%{:02X}", static_cast<unsigned char>(ends_with));
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (!text.substr(at).starts_with("%25") && !text.substr(at).starts_with(other)) return false;
  }
  return text.find(ends_with) == std::string_view::npos;
}

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
    piece.ends_with = next.front();
    piece.escaped = !is_whole(piece.type) || is_digit(piece.ends_with);
  }
  return out;
}

void KeyName::append(std::string& out, const Value* key) const {
  out += prefix_;
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    if (!piece.escaped) {
      append_text(out, key[piece.part], piece.type);
      continue;
    }
    for (const char c : to_text(key[piece.part], piece.type)) {
      if (c == piece.ends_with || c == '%') {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
    }
  }
  out += tail_;
}

bool KeyName::matches(std::string_view name) const {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    if (!name.starts_with(piece.literal)) return false;
    name.remove_prefix(piece.literal.size());
    const bool last = i + 1 == pieces_.size();
    std::size_t size = last ? name.size() - std::min(name.size(), tail_.size()) : fixed_length(piece.type);
    if (size == 0 && !last) size = name.find(piece.ends_with, is_whole(piece.type) && name.starts_with('-') ? 1 : 0);  // its sign
    if (size > name.size() || !is_text_of(name.substr(0, size), piece.type)) return false;
    if (piece.escaped && !is_escaped(name.substr(0, size), piece.ends_with)) return false;
    name.remove_prefix(size);
  }
  return name == tail_;
}

std::vector<KeyPart> KeyName::parts() const {
  std::vector<KeyPart> out;
  for (const Piece& piece : pieces_) out.push_back({piece.part_name, piece.type, ""});
  return out;
}

std::string KeyName::template_text() const {
  std::string out;
  for (const Piece& piece : pieces_) out += piece.literal + "{" + piece.part_name + "}";
  return out + tail_;
}

}  // namespace foldline::redis
