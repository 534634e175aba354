// Which clauses an event type runs: per view the most specific key of `on_event`, exact before patterns, then the pattern with more
// literal characters (language.md, "on_event"). `*` stands for any characters, none included.
//
//   TypeDispatch d;  d.add({view, handler}, "order.*");  d.finish();
//   for (TypeDispatch::Handler h : d.exact("order.placed")) run(h);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foldline::declarative {

// Immutable after finish(): lanes share it.
class TypeDispatch {
 public:
  struct Handler {
    std::uint32_t view = 0;
    std::uint32_t index = 0;  // in the view's on_event
    bool operator==(const Handler&) const = default;
  };
  struct Match {
    bool known = false;                 // some key of the file is exactly this type; else match() must look at the patterns
    std::span<const Handler> handlers;  // in the order of the views
  };

  // The compiler has refused types that stand in two keys of a view, and ties.
  void add(Handler handler, std::string_view type_or_pattern);
  void finish();

  [[nodiscard]] Match exact(std::string_view type) const;
  // For a type that no key names: through the patterns. Appends in the order of the views.
  void match(std::string_view type, std::vector<Handler>& out) const;
  [[nodiscard]] bool has_patterns() const { return !patterns_.empty(); }

 private:
  struct Pattern {
    Handler handler;
    std::string text;
    std::size_t literals = 0;
  };
  struct Exact {
    Handler handler;
    std::string type;
  };
  struct Bucket {
    std::string type;
    std::uint64_t hash = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool used = false;
  };

  std::vector<Exact> exact_;
  std::vector<Pattern> patterns_;
  std::vector<Bucket> buckets_;    // open addressing, a power of two
  std::vector<Handler> handlers_;  // of all buckets
};

}  // namespace foldline::declarative
