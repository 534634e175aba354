// Random JSON for tests, from a seed that the test prints.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace foldline {

class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) : random_(seed) {}

  std::string value(int depth) {
    if (depth == 0) return scalar();
    switch (below(4)) {
      case 0: return object(depth);
      case 1: return array(depth);
      default: return scalar();
    }
  }

  // Names from few letters, so that the paths of a test meet them, and meet them twice.
  std::string object(int depth) {
    std::string out = "{" + space();
    const int count = below(6);
    for (int i = 0; i < count; ++i) {
      if (i > 0) out += "," + space();
      out += "\"" + key() + "\"" + space() + ":" + space() + value(depth - 1) + space();
    }
    return out + "}";
  }

  // A path that its objects may have.
  std::vector<std::string> path() {
    static const char* const kPathKeys[] = {"a", "b", "c", "d", "ab", "\"", "é", ""};
    std::vector<std::string> keys;
    const int length = below(4);
    for (int i = 0; i < length; ++i) keys.emplace_back(kPathKeys[below(8)]);
    return keys;
  }

  int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }

 private:
  std::string key() {
    static const char* const kKeys[] = {"a", "b", "c", "d", "ab", "\\u0061", "a\\u0062", "\\\"", "é", ""};
    return kKeys[below(10)];
  }
  std::string space() {
    static const char* const kSpaces[] = {"", "", "", " ", "\n", "\t ", "  \r\n"};
    return kSpaces[below(7)];
  }
  std::string array(int depth) {
    std::string out = "[" + space();
    const int count = below(5);
    for (int i = 0; i < count; ++i) out += (i > 0 ? "," + space() : "") + value(depth - 1) + space();
    return out + "]";
  }
  std::string text() {
    static const char* const kParts[] = {"x", "hello world",    "\\n", "\\\"", "\\\\", "\\u00e9", "é",  "€",
                                         "😀", "\\ud83d\\ude00", "{",   "]",    ",",    ":",       "\\/"};
    std::string out = "\"";
    const int count = below(5);
    for (int i = 0; i < count; ++i) out += kParts[below(15)];
    return out + "\"";
  }
  std::string scalar() {
    switch (below(7)) {
      case 0: return "true";
      case 1: return "false";
      case 2: return "null";
      case 3: return std::to_string(static_cast<std::int64_t>(random_()) >> below(64));
      case 4: return std::to_string(below(1000)) + "." + std::to_string(below(1000));
      default: return text();
    }
  }

  std::mt19937_64 random_;
};

}  // namespace foldline
