#include "projectors/declarative/type_dispatch.h"

#include <algorithm>
#include <set>

#include "common/hash.h"
#include "config/pattern.h"

namespace foldline::declarative {

void TypeDispatch::add(Handler handler, std::string_view type_or_pattern) {
  if (config::is_pattern(type_or_pattern)) {
    patterns_.push_back({handler, std::string(type_or_pattern), config::literal_characters(type_or_pattern)});
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
    if (!config::matches(pattern.text, type)) continue;
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
