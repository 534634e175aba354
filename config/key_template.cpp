#include "config/key_template.h"

#include <algorithm>

namespace foldline::config {

namespace {

tl::unexpected<Error> wrong(std::string_view text, const std::string& what, const std::string& hint) {
  return fail(ErrorCode::config, "the name `" + std::string(text) + "` " + what, hint);
}

}  // namespace

std::string KeyTemplate::pattern() const {
  std::string out;
  for (const Piece& piece : pieces) out += piece.literal + "*";
  return out + tail;
}

Result<KeyTemplate> KeyTemplate::parse(std::string_view text, const std::vector<std::string>& parts, int outside) {
  constexpr std::string_view kPartHint = "write {part} for a part of the key";
  KeyTemplate out;
  std::vector<bool> used(parts.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') return wrong(text, "has a `}` without its `{`", std::string(kPartHint));
    if (text[i] != '{') {
      out.tail += text[i];
      continue;
    }
    const std::size_t close = text.find('}', i);
    if (close == std::string_view::npos) return wrong(text, "has a `{` without its `}`", std::string(kPartHint));
    const std::string name(text.substr(i + 1, close - i - 1));
    const auto found = std::find(parts.begin(), parts.end(), name);
    if (found == parts.end()) return wrong(text, "names `" + name + "`, which is no part of the key", "use the key's own parts");
    const auto index = static_cast<std::size_t>(found - parts.begin());
    if (static_cast<int>(index) == outside) {
      return wrong(text, "holds `{" + name + "}`, which stands inside the key's value", "leave {" + name + "} out");
    }
    if (used[index]) return wrong(text, "names `" + name + "` twice", "once is enough");
    used[index] = true;
    out.pieces.push_back({out.tail, index});
    out.tail.clear();
    i = close;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (used[i] || static_cast<int>(i) == outside) continue;
    return wrong(text, "lacks the key part `" + parts[i] + "`: two rows would share it", "put {" + parts[i] + "} into it");
  }
  return out;
}

}  // namespace foldline::config
