// What a running program carries with it: storage, the first error, a budget of steps.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "common/arena.h"
#include "common/error.h"
#include "common/time.h"
#include "common/value.h"

namespace foldline::expr {

inline constexpr std::size_t kMaxSteps = 1'000'000;     // rounds of all loops (map, filter, exists, …) of one eval()
inline constexpr std::size_t kMaxTextBytes = 16 << 20;  // text, list or map that one operation makes

struct Runtime {
  Runtime(Arena& storage, Error& failure) : arena(storage), error(failure) {}

  Arena& arena;
  const Zone* zone = nullptr;  // of the function being called
  std::size_t steps = 0;
  std::size_t position = 0;  // of the operation that failed, in the expression's text
  Error& error;              // the caller's: most evaluations never touch it

  // Always false, so that an operation can `return run.fail(…)`.
  bool fail(std::string message, std::string hint = {}) {
    error.code = ErrorCode::expression;
    error.message = std::move(message);
    error.hint = std::move(hint);
    return false;
  }
};

}  // namespace foldline::expr
