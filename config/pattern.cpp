#include "config/pattern.h"

#include <algorithm>
#include <vector>

namespace foldline::config {

bool is_pattern(std::string_view name) { return name.find('*') != std::string_view::npos; }

// A name without `*` is a pattern that only it fits, so this is the same question.
bool matches(std::string_view pattern, std::string_view name) {
  // Greedy with one step back, linear in practice: `star` is the last `*` seen, `resume` where its text goes on.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool overlap(std::string_view a, std::string_view b) {
  // fits[i][j]: some name fits both a from i on and b from j on. Filled from the ends.
  std::vector<std::vector<bool>> fits(a.size() + 1, std::vector<bool>(b.size() + 1, false));
  for (std::size_t i = a.size() + 1; i-- > 0;) {
    for (std::size_t j = b.size() + 1; j-- > 0;) {
      if (i == a.size() && j == b.size()) {
        fits[i][j] = true;
      } else if (i < a.size() && a[i] == '*') {
        fits[i][j] = fits[i + 1][j] || (j < b.size() && fits[i][j + 1]);
      } else if (j < b.size() && b[j] == '*') {
        fits[i][j] = fits[i][j + 1] || (i < a.size() && fits[i + 1][j]);
      } else {
        fits[i][j] = i < a.size() && j < b.size() && a[i] == b[j] && fits[i + 1][j + 1];
      }
    }
  }
  return fits[0][0];
}

std::size_t literal_characters(std::string_view pattern) {
  return static_cast<std::size_t>(std::count_if(pattern.begin(), pattern.end(), [](char c) { return c != '*'; }));
}

}  // namespace foldline::config
