#include "sinks/redis/key_name.h"

#include <fmt/format.h>

#include <algorithm>

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
  KeyName out;
  std::vector<bool> used(key.size());
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') return wrong(text, "has a `}` without its `{`", "write {part} for a part of the key");
    if (text[i] != '{') {
      literal += text[i];
      continue;
    }
    const std::size_t close = text.find('}', i);
    if (close == std::string_view::npos) return wrong(text, "has a `{` without its `}`", "write {part} for a part of the key");
    const std::string_view name = text.substr(i + 1, close - i - 1);
    const auto found = std::find_if(key.begin(), key.end(), [&](const KeyPart& part) { return part.name == name; });
    if (found == key.end()) return wrong(text, fmt::format("names `{}`, which is no part of the key", name), "use the key's own parts");
    const auto index = static_cast<std::size_t>(found - key.begin());
    if (static_cast<int>(index) == member) {
      return wrong(text, fmt::format("holds `{{{}}}`, which stands inside the key's value", name), fmt::format("leave {{{}}} out", name));
    }
    if (used[index]) return wrong(text, fmt::format("names `{}` twice", name), "once is enough");
    used[index] = true;
    out.pattern_ += literal + "*";
    out.pieces_.push_back({literal, index, found->type, '\0', false});
    literal.clear();
    i = close;
  }
  out.tail_ = literal;
  out.pattern_ += literal;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (used[i] || static_cast<int>(i) == member) continue;
    return wrong(text, fmt::format("lacks the key part `{}`: two rows would share a key", key[i].name),
                 fmt::format("put {{{}}} into it", key[i].name));
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
