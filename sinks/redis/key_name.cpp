#include "sinks/redis/key_name.h"

#include <fmt/format.h>

#include "config/key_template.h"
#include "sinks/redis/value_text.h"

namespace foldline::redis {

namespace {

bool has_fixed_length(const Type& type) {
  return type.kind == TypeKind::boolean || type.kind == TypeKind::uuid || type.kind == TypeKind::date || type.kind == TypeKind::timestamptz;
}

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
  for (config::KeyTemplate::Piece& piece : parsed->pieces) {
    out.pieces_.push_back({std::move(piece.literal), piece.part, key[piece.part].type, '\0', false});
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

}  // namespace foldline::redis
