#include "projectors/declarative/type_dispatch.h"

#include <algorithm>
#include <set>

#include "common/hash.h"

namespace foldline::declarative {

bool is_pattern(std::string_view type) { return type.find('*') != std::string_view::npos; }

std::size_t literal_length(std::string_view pattern) {
  return pattern.size() - static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '*'));
}

bool matches(std::string_view pattern, std::string_view type) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < type.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == type[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // let the last star take one more
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool overlap(std::string_view a, std::string_view b) {
  // both[i][j]: the rests a[i..] and b[j..] have a common match.
  std::vector<std::vector<char>> both(a.size() + 1, std::vector<char>(b.size() + 1, 0));
  for (std::size_t i = a.size() + 1; i-- > 0;) {
    for (std::size_t j = b.size() + 1; j-- > 0;) {
      const bool a_ends = i == a.size();
      const bool b_ends = j == b.size();
      char& here = both[i][j];
      if (a_ends && b_ends) here = 1;
      if (!a_ends && a[i] == '*') here = static_cast<char>(both[i + 1][j] != 0 || (!b_ends && both[i][j + 1] != 0));
      if (here == 0 && !b_ends && b[j] == '*') here = static_cast<char>(both[i][j + 1] != 0 || (!a_ends && both[i + 1][j] != 0));
      if (here == 0 && !a_ends && !b_ends && a[i] == b[j] && a[i] != '*') here = both[i + 1][j + 1];
    }
  }
  return both[0][0] != 0;
}

void TypeDispatch::add(Handler handler, std::string_view type_or_pattern) {
  if (is_pattern(type_or_pattern)) {
    patterns_.push_back({handler, std::string(type_or_pattern), literal_length(type_or_pattern)});
  } else {
    exact_.push_back({handler, std::string(type_or_pattern)});
  }
}

void TypeDispatch::finish() {
  std::set<std::string> types;
  for (const Exact& e : exact_) types.insert(e.type);
  std::size_t size = 8;
  while (size < types.size() * 2) size *= 2;
  buckets_.assign(size, {});
  for (const std::string& type : types) {
    std::vector<Handler> handlers;
    for (const Exact& e : exact_) {
      if (e.type == type) handlers.push_back(e.handler);
    }
    // A view that does not name the type may still take it by a pattern.
    std::vector<Handler> by_pattern;
    match(type, by_pattern);
    for (const Handler& h : by_pattern) {
      if (std::none_of(handlers.begin(), handlers.end(), [&](const Handler& e) { return e.view == h.view; })) handlers.push_back(h);
    }
    std::sort(handlers.begin(), handlers.end(), [](const Handler& a, const Handler& b) { return a.view < b.view; });

    const std::uint64_t hash = hash64(type);
    std::size_t at = hash & (size - 1);
    while (buckets_[at].used) at = (at + 1) & (size - 1);
    buckets_[at] = {type, hash, static_cast<std::uint32_t>(handlers_.size()), static_cast<std::uint32_t>(handlers.size()), true};
    handlers_.insert(handlers_.end(), handlers.begin(), handlers.end());
  }
}

TypeDispatch::Match TypeDispatch::exact(std::string_view type) const {
  const std::uint64_t hash = hash64(type);
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t at = hash & mask; buckets_[at].used; at = (at + 1) & mask) {
    const Bucket& bucket = buckets_[at];
    if (bucket.hash == hash && bucket.type == type) return {true, {handlers_.data() + bucket.first, bucket.count}};
  }
  return {};
}

void TypeDispatch::match(std::string_view type, std::vector<Handler>& out) const {
  const std::size_t start = out.size();
  std::vector<std::size_t> best;  // literals of out[start + i]
  for (const Pattern& pattern : patterns_) {
    if (!matches(pattern.text, type)) continue;
    const auto same_view = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
                                        [&](const Handler& h) { return h.view == pattern.handler.view; });
    if (same_view == out.end()) {
      out.push_back(pattern.handler);
      best.push_back(pattern.literals);
      continue;
    }
    std::size_t& literals = best[static_cast<std::size_t>(same_view - out.begin()) - start];
    if (pattern.literals > literals) {
      literals = pattern.literals;
      *same_view = pattern.handler;
    }
  }
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
            [](const Handler& a, const Handler& b) { return a.view < b.view; });
}

}  // namespace foldline::declarative
