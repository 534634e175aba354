// What the benchmark's programs share: to give up with a message (a benchmark has nobody to hand an error to), and to take the time.
//
//   if (failed) give_up("reading {}: {}", topic, why);
//   const Stopwatch watch;   ...   watch.seconds();
//
// Not for the product.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>

namespace foldline::bench {

template <class... Arguments>
[[noreturn]] void give_up(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
  fmt::print(stderr, "{}\n", fmt::format(form, std::forward<Arguments>(arguments)...));
  std::exit(1);
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline std::int64_t wall_time_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace foldline::bench
