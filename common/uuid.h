// A UUID as 16 bytes, in the order they are printed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foldline {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  static Uuid random();                                     // version 4, from the system's randomness
  static std::optional<Uuid> parse(std::string_view text);  // 8-4-4-4-12 hex digits, any case
  [[nodiscard]] std::string to_string() const;              // lower case
  [[nodiscard]] bool is_nil() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;
};

}  // namespace foldline
