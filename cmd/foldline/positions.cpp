#include "cmd/foldline/positions.h"

#include <algorithm>
#include <charconv>

namespace foldline {

namespace {

template <class T>
bool to_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

}  // namespace

tl::expected<std::vector<WrittenPosition>, BadPosition> parse_positions(const std::string& text) {
  std::vector<WrittenPosition> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    at = end + 1;
    const auto bad = [&](std::string part, std::string_view what) { return tl::unexpected(BadPosition{item, std::move(part), what}); };
    const std::size_t last = item.rfind(':');
    const std::size_t first = last == std::string::npos || last == 0 ? std::string::npos : item.rfind(':', last - 1);
    if (first == std::string::npos || first == 0) return bad(item, "position");
    const std::string partition = item.substr(first + 1, last - first - 1);
    const std::string offset = item.substr(last + 1);
    WrittenPosition position;
    position.topic_partition.topic = item.substr(0, first);
    if (!to_number(partition, position.topic_partition.partition)) return bad(partition, "partition");
    if (!to_number(offset, position.offset)) return bad(offset, "offset");
    out.push_back(std::move(position));
  }
  return out;
}

}  // namespace foldline
