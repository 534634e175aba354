// Exact decimal numbers of up to 38 digits: unscaled * 10^-scale. JSON `29.99` is Decimal{2999, 2}, never a double.
//
//   Decimal price = *Decimal::parse("29.99");
//   Decimal total = *add(price, Decimal::from_int(3));     // 32.99
//
// Every operation that would need a 39th digit answers an Error (code `value`), never a rounded result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace foldline {

__extension__ using int128 = __int128;

struct Decimal {
  static constexpr int kMaxDigits = 38;
  static constexpr int kMaxScale = 38;

  int128 unscaled = 0;
  std::int32_t scale = 0;  // 0..kMaxScale

  static Decimal from_int(std::int64_t value) { return {value, 0}; }
  // A JSON number: digits, an optional fraction, an optional exponent; nothing around it. Keeps trailing zeros ("2.50" has scale 2).
  static Result<Decimal> parse(std::string_view text);

  [[nodiscard]] std::string to_string() const;          // plain notation, never an exponent
  [[nodiscard]] bool is_integer() const;                // the fraction is zero
  [[nodiscard]] Result<std::int64_t> to_int64() const;  // an error when it has a fraction or does not fit
  [[nodiscard]] Decimal normalized() const;             // without trailing zeros in the fraction: equal values become identical
};

// Whether `text` is a JSON number of any size.
bool is_json_number(std::string_view text);
// A JSON number without fraction and exponent that fits in 64 bits; nullopt: anything else.
std::optional<std::int64_t> parse_int64(std::string_view text);

Result<Decimal> add(const Decimal& a, const Decimal& b);
Result<Decimal> subtract(const Decimal& a, const Decimal& b);
Result<Decimal> multiply(const Decimal& a, const Decimal& b);
// The quotient, rounded half to even at max(a.scale, b.scale, 6) + 10 digits of fraction, trailing zeros dropped.
Result<Decimal> divide(const Decimal& a, const Decimal& b);
// Rounded half away from zero (as Postgres' round(numeric, n)) to `scale` digits of fraction.
Result<Decimal> rescale(const Decimal& a, std::int32_t scale);
int compare(const Decimal& a, const Decimal& b);  // <0, 0, >0; never fails
inline bool operator==(const Decimal& a, const Decimal& b) { return compare(a, b) == 0; }

}  // namespace foldline
