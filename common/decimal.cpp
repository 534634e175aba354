#include "common/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace foldline {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr std::size_t kPowers = Decimal::kMaxDigits + 1;

constexpr std::array<uint128, kPowers> make_powers() {
  std::array<uint128, kPowers> out{};
  out[0] = 1;
  for (std::size_t i = 1; i < kPowers; ++i) out[i] = out[i - 1] * 10;
  return out;
}

constexpr std::array<uint128, kPowers> kPow10 = make_powers();
constexpr uint128 kLimit = kPow10[Decimal::kMaxDigits];  // the first magnitude that needs a 39th digit

uint128 power(std::int32_t digits) { return kPow10[static_cast<std::size_t>(digits)]; }
uint128 magnitude(int128 v) { return v < 0 ? uint128{0} - static_cast<uint128>(v) : static_cast<uint128>(v); }
int128 with_sign(uint128 v, bool negative) { return negative ? -static_cast<int128>(v) : static_cast<int128>(v); }

tl::unexpected<Error> overflow(std::string what) {
  return fail(ErrorCode::value, std::move(what) + " needs more than 38 digits", "round(x, n) keeps fewer digits of fraction");
}

tl::unexpected<Error> not_a_number(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown(text.substr(0, kShown));
  if (text.size() > kShown) shown += "...";
  return fail(ErrorCode::value, '"' + shown + "\" is not a number");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The parts of a JSON number (RFC 8259, section 6).
struct Parts {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;
};

constexpr std::int64_t kMaxExponent = 100'000;  // past every number that fits; keeps the arithmetic below from overflowing

bool split(std::string_view text, Parts& parts) {
  std::size_t i = 0;
  if (i < text.size() && text[i] == '-') {
    parts.negative = true;
    ++i;
  }
  const std::size_t whole = i;
  while (i < text.size() && is_digit(text[i])) ++i;
  parts.whole = text.substr(whole, i - whole);
  if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole[0] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    const std::size_t fraction = ++i;
    while (i < text.size() && is_digit(text[i])) ++i;
    parts.fraction = text.substr(fraction, i - fraction);
    if (parts.fraction.empty()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    bool minus = false;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) minus = text[i++] == '-';
    if (i >= text.size()) return false;
    for (; i < text.size() && is_digit(text[i]); ++i) parts.exponent = std::min(parts.exponent * 10 + (text[i] - '0'), kMaxExponent);
    if (minus) parts.exponent = -parts.exponent;
    if (!is_digit(text[i - 1])) return false;
  }
  return i == text.size();
}

// Trailing zeros of the fraction, as many as must go for the number to fit.
Result<Decimal> fit(const Parts& parts, std::string_view text) {
  std::string digits(parts.whole);
  digits += parts.fraction;
  std::int64_t scale = static_cast<std::int64_t>(parts.fraction.size()) - parts.exponent;
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal{0, static_cast<std::int32_t>(std::clamp<std::int64_t>(scale, 0, Decimal::kMaxScale))};
  digits.erase(0, first);
  while (scale > 0 && (scale > Decimal::kMaxScale || digits.size() > Decimal::kMaxDigits) && digits.back() == '0') {
    digits.pop_back();
    --scale;
  }
  const std::int64_t zeros = scale < 0 ? -scale : 0;
  if (scale > Decimal::kMaxScale || static_cast<std::int64_t>(digits.size()) + zeros > Decimal::kMaxDigits) {
    return overflow(std::string(text.substr(0, 60)));
  }
  uint128 unscaled = 0;
  for (const char c : digits) unscaled = unscaled * 10 + static_cast<unsigned>(c - '0');
  unscaled *= power(static_cast<std::int32_t>(zeros));
  return Decimal{with_sign(unscaled, parts.negative), static_cast<std::int32_t>(std::max<std::int64_t>(scale, 0))};
}

// A product of two 38-digit numbers: 256 bits as four words, least significant first.
using Wide = std::array<std::uint64_t, 4>;

Wide wide_product(uint128 a, uint128 b) {
  const std::array<std::uint64_t, 2> x{static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(a >> 64)};
  const std::array<std::uint64_t, 2> y{static_cast<std::uint64_t>(b), static_cast<std::uint64_t>(b >> 64)};
  Wide out{};
  for (std::size_t i = 0; i < 2; ++i) {
    uint128 carry = 0;
    for (std::size_t j = 0; j < 2; ++j) {
      carry += static_cast<uint128>(x[i]) * y[j] + out[i + j];
      out[i + j] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
    out[i + 2] = static_cast<std::uint64_t>(carry);
  }
  return out;
}

std::uint64_t divide_by_ten(Wide& v) {
  uint128 rest = 0;
  for (std::size_t i = v.size(); i-- > 0;) {
    rest = (rest << 64) | v[i];
    v[i] = static_cast<std::uint64_t>(rest / 10);
    rest %= 10;
  }
  return static_cast<std::uint64_t>(rest);
}

bool fits(const Wide& v) { return v[2] == 0 && v[3] == 0 && ((static_cast<uint128>(v[1]) << 64) | v[0]) < kLimit; }

// The exact sum, or false. Magnitudes stay below 3e38, which 128 bits hold: a summand of more than 2e38 can't lead to a sum that fits.
bool try_add(const Decimal& a, const Decimal& b, Decimal& out) {
  std::int32_t scale = std::max(a.scale, b.scale);
  uint128 x = magnitude(a.unscaled);
  uint128 y = magnitude(b.unscaled);
  const uint128 factor_x = power(scale - a.scale);
  const uint128 factor_y = power(scale - b.scale);
  if (x > 2 * kLimit / factor_x || y > 2 * kLimit / factor_y) return false;
  x *= factor_x;
  y *= factor_y;
  const bool same_sign = (a.unscaled < 0) == (b.unscaled < 0);
  uint128 sum = same_sign ? x + y : (x >= y ? x - y : y - x);
  const bool negative = (same_sign || x >= y) ? a.unscaled < 0 : b.unscaled < 0;
  for (; sum >= kLimit && scale > 0 && sum % 10 == 0; --scale) sum /= 10;  // 5….5 + 5….5: the 39th digit is a zero that says nothing
  if (sum >= kLimit) return false;
  out = {with_sign(sum, negative), scale};
  return true;
}

bool is_small(int128 v) { return v >= std::numeric_limits<std::int64_t>::min() && v <= std::numeric_limits<std::int64_t>::max(); }

}  // namespace

bool is_json_number(std::string_view text) {
  Parts parts;
  return split(text, parts);
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() > first + 1 && text[first] == '0') return std::nullopt;  // 007 is no JSON number
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

Result<Decimal> Decimal::parse(std::string_view text) {
  Parts parts;
  if (!split(text, parts)) return not_a_number(text);
  const std::size_t digits = parts.whole.size() + parts.fraction.size();
  if (digits > 18 || parts.exponent != 0) return fit(parts, text);
  std::int64_t unscaled = 0;  // prices and counts: all in 64 bits
  for (const char c : parts.whole) unscaled = unscaled * 10 + (c - '0');
  for (const char c : parts.fraction) unscaled = unscaled * 10 + (c - '0');
  return Decimal{parts.negative ? -unscaled : unscaled, static_cast<std::int32_t>(parts.fraction.size())};
}

std::string Decimal::to_string() const {
  std::array<char, kMaxDigits + 4> buffer{};  // digits, a point, a leading zero, a sign
  std::size_t at = buffer.size();
  uint128 rest = magnitude(unscaled);
  std::int32_t written = 0;
  while (rest != 0 || written <= scale) {
    if (written == scale && scale > 0) buffer[--at] = '.';
    buffer[--at] = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    ++written;
  }
  if (unscaled < 0) buffer[--at] = '-';
  return {buffer.data() + at, buffer.size() - at};
}

bool Decimal::is_integer() const {
  if (scale == 0) return true;
  if (is_small(unscaled) && scale <= 18) return static_cast<std::int64_t>(unscaled) % static_cast<std::int64_t>(power(scale)) == 0;
  return magnitude(unscaled) % power(scale) == 0;
}

Result<std::int64_t> Decimal::to_int64() const {
  if (scale == 0 && is_small(unscaled)) return static_cast<std::int64_t>(unscaled);
  if (!is_integer()) return fail(ErrorCode::value, to_string() + " has a fraction", "round(x, 0) rounds it first");
  const int128 whole = unscaled / static_cast<int128>(power(scale));
  if (!is_small(whole)) return fail(ErrorCode::value, to_string() + " does not fit in 64 bits", "use a numeric field");
  return static_cast<std::int64_t>(whole);
}

Decimal Decimal::normalized() const {
  Decimal out = *this;
  if (out.unscaled == 0) return {0, 0};
  if (is_small(out.unscaled)) {
    auto small = static_cast<std::int64_t>(out.unscaled);
    for (; out.scale > 0 && small % 10 == 0; --out.scale) small /= 10;
    out.unscaled = small;
    return out;
  }
  for (; out.scale > 0 && out.unscaled % 10 == 0; --out.scale) out.unscaled /= 10;
  return out;
}

Result<Decimal> add(const Decimal& a, const Decimal& b) {
  Decimal out;
  if (try_add(a, b, out)) return out;
  if (try_add(a.normalized(), b.normalized(), out)) return out;
  return overflow(a.to_string() + " + " + b.to_string());
}

Result<Decimal> subtract(const Decimal& a, const Decimal& b) {
  const Decimal minus_b{-b.unscaled, b.scale};
  Decimal out;
  if (try_add(a, minus_b, out)) return out;
  if (try_add(a.normalized(), minus_b.normalized(), out)) return out;
  return overflow(a.to_string() + " - " + b.to_string());
}

Result<Decimal> multiply(const Decimal& a, const Decimal& b) {
  std::int32_t scale = a.scale + b.scale;
  int128 small = 0;
  if (scale <= Decimal::kMaxScale && !__builtin_mul_overflow(a.unscaled, b.unscaled, &small) && magnitude(small) < kLimit) {
    return Decimal{small, scale};
  }
  Wide product = wide_product(magnitude(a.unscaled), magnitude(b.unscaled));
  while (scale > 0 && (scale > Decimal::kMaxScale || !fits(product))) {
    if (divide_by_ten(product) != 0) return overflow(a.to_string() + " * " + b.to_string());
    --scale;
  }
  if (!fits(product)) return overflow(a.to_string() + " * " + b.to_string());
  const uint128 unscaled = (static_cast<uint128>(product[1]) << 64) | product[0];
  return Decimal{with_sign(unscaled, (a.unscaled < 0) != (b.unscaled < 0)), scale};
}

Result<Decimal> divide(const Decimal& a, const Decimal& b) {
  if (b.unscaled == 0) return fail(ErrorCode::value, "division of " + a.to_string() + " by zero");
  const std::int32_t scale = std::min(std::max({a.scale, b.scale, 6}) + 10, Decimal::kMaxScale);
  const uint128 divisor = magnitude(b.unscaled);
  uint128 quotient = magnitude(a.unscaled) / divisor;
  uint128 rest = magnitude(a.unscaled) % divisor;
  // quotient and rest stand for a.unscaled / b.unscaled at scale a.scale - b.scale: add digits until the scale is reached.
  std::int32_t at = a.scale - b.scale;
  while (at < scale && (rest != 0 || at < 0)) {
    unsigned digit = 0;
    uint128 sum = 0;
    for (int i = 0; i < 10; ++i) {  // rest * 10 would need more than 128 bits
      sum += rest;
      if (sum >= divisor) {
        sum -= divisor;
        ++digit;
      }
    }
    if (quotient > (kLimit - 1 - digit) / 10) return overflow(a.to_string() + " / " + b.to_string());
    quotient = quotient * 10 + digit;
    rest = sum;
    ++at;
  }
  const uint128 other_half = divisor - rest;  // rest against half the divisor, without doubling it past 128 bits
  if (rest != 0 && (rest > other_half || (rest == other_half && quotient % 2 == 1))) ++quotient;
  if (quotient >= kLimit) return overflow(a.to_string() + " / " + b.to_string());
  return Decimal{with_sign(quotient, (a.unscaled < 0) != (b.unscaled < 0)), at}.normalized();
}

Result<Decimal> rescale(const Decimal& a, std::int32_t scale) {
  if (scale < 0 || scale > Decimal::kMaxScale) {
    return fail(ErrorCode::value, std::to_string(scale) + " is no number of digits of fraction (0 to 38)");
  }
  if (scale == a.scale) return a;
  if (scale > a.scale) {
    const uint128 factor = power(scale - a.scale);
    if (magnitude(a.unscaled) > (kLimit - 1) / factor)
      return overflow(a.to_string() + " with " + std::to_string(scale) + " digits of fraction");
    return Decimal{a.unscaled * static_cast<int128>(factor), scale};
  }
  const uint128 factor = power(a.scale - scale);
  uint128 quotient = magnitude(a.unscaled) / factor;
  const uint128 rest = magnitude(a.unscaled) % factor;
  if (rest >= factor - rest) ++quotient;
  return Decimal{with_sign(quotient, a.unscaled < 0), scale};
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.scale == b.scale) return a.unscaled < b.unscaled ? -1 : (a.unscaled > b.unscaled ? 1 : 0);
  // Whole parts first, then fractions at the greater scale: a fraction has at most 38 digits at any scale.
  const auto unit_a = static_cast<int128>(power(a.scale));
  const auto unit_b = static_cast<int128>(power(b.scale));
  const int128 whole_a = a.unscaled / unit_a;
  const int128 whole_b = b.unscaled / unit_b;
  if (whole_a != whole_b) return whole_a < whole_b ? -1 : 1;
  const std::int32_t scale = std::max(a.scale, b.scale);
  const int128 rest_a = a.unscaled % unit_a * static_cast<int128>(power(scale - a.scale));
  const int128 rest_b = b.unscaled % unit_b * static_cast<int128>(power(scale - b.scale));
  return rest_a < rest_b ? -1 : (rest_a > rest_b ? 1 : 0);
}

}  // namespace foldline
