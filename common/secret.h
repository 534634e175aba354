// Text that must not be printed: a password, a URL that may hold one. Formatting it gives ***.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace foldline {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  // The only way to the text: grep for `reveal()` to see who uses it.
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret& secret) { return out << (secret.empty() ? "" : "***"); }

}  // namespace foldline
