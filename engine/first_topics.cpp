#include "engine/first_topics.h"

#include <charconv>

namespace foldline {

// One line a topic: its number of partitions, a blank, its name.
std::string FirstTopics::text(const Counts& counts) {
  std::string out;
  for (const auto& [topic, count] : counts) out += std::to_string(count) + " " + topic + "\n";
  return out;
}

Result<FirstTopics> FirstTopics::parse(const std::string& text) {
  FirstTopics out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const std::size_t blank = line.find(' ');
    int count = 0;
    const bool good = blank != std::string_view::npos &&
                      std::from_chars(line.data(), line.data() + blank, count).ptr == line.data() + blank && blank > 0 && count >= 0;
    if (!good) return fail(ErrorCode::internal, "the store's list of first topics is damaged at: " + std::string(line), "restore it");
    out.counts_[std::string(line.substr(blank + 1))] = count;
    at = end + 1;
  }
  return out;
}

}  // namespace foldline
