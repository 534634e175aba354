#include "common/decimal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace foldline {
namespace {

Decimal dec(std::string_view text) {
  const auto d = Decimal::parse(text);
  EXPECT_TRUE(d.has_value()) << text << ": " << (d ? "" : d.error().message);
  return d.value_or(Decimal{});
}

std::string shown(const Result<Decimal>& d) { return d ? d->to_string() : "error: " + d.error().message; }

const std::string k38Nines(38, '9');

TEST(Decimal, ReadsAndPrintsExactlyWhatWasWritten) {
  for (const char* text : {"0", "-1", "29.99", "2.50", "0.001", "-0.5", "9223372036854775807", "123456789012345678901234567890.12345678"}) {
    EXPECT_EQ(dec(text).to_string(), text);
  }
  EXPECT_EQ(dec(k38Nines).to_string(), k38Nines);
  EXPECT_EQ(dec("-0.00000000000000000000000000000000000001").to_string(), "-0.00000000000000000000000000000000000001");
}

TEST(Decimal, KeepsTrailingZerosAsScale) {
  EXPECT_EQ(dec("2.50").scale, 2);
  EXPECT_EQ(dec("2.50").unscaled, 250);
  EXPECT_EQ(dec("2.50").normalized().scale, 1);
}

TEST(Decimal, ExponentsMoveThePoint) {
  EXPECT_EQ(dec("1e5").to_string(), "100000");
  EXPECT_EQ(dec("1.25E+1").to_string(), "12.5");
  EXPECT_EQ(dec("125e-2").to_string(), "1.25");
  EXPECT_EQ(dec("0e999999").to_string(), "0");
  EXPECT_EQ(dec("1.000000000000000000000000000000000000000000").to_string(), "1." + std::string(37, '0'));  // zeros that must go, go
}

TEST(Decimal, RefusesWhatIsNoJsonNumber) {
  for (const char* text : {"", "-", "+1", "01", ".5", "1.", "1e", "1e+", "0x10", "1 ", " 1", "NaN", "1_000", "1,5", "--1", "1e5.5"}) {
    EXPECT_FALSE(Decimal::parse(text).has_value()) << text;
  }
  EXPECT_EQ(Decimal::parse("12.x").error().message, "\"12.x\" is not a number");
}

TEST(Decimal, A39thDigitIsAnErrorNeverARoundedResult) {
  EXPECT_FALSE(Decimal::parse(k38Nines + "1"));
  EXPECT_FALSE(Decimal::parse("1e38"));
  EXPECT_FALSE(Decimal::parse("1e-39"));
  EXPECT_FALSE(Decimal::parse("1e999999999999999999999"));
  EXPECT_FALSE(add(dec(k38Nines), dec("1")));
  EXPECT_FALSE(add(dec(k38Nines), dec("0.1")));
  EXPECT_FALSE(multiply(dec("1e19"), dec("1e19")));
  EXPECT_FALSE(multiply(dec("1e-20"), dec("1e-20")));
  EXPECT_EQ(add(dec(k38Nines), dec("1")).error().code, ErrorCode::value);
}

TEST(Decimal, AResultThatFitsIsGivenWhateverTheScalesWere) {
  // 38 digits of zeros in the fraction leave no room until they are dropped.
  EXPECT_EQ(shown(add(dec("1." + std::string(37, '0')), dec("1e30"))), "1" + std::string(29, '0') + "1");
  // The first summand needs 39 digits at the second's scale; the sum does not.
  const std::string b = "-4" + std::string(36, '9') + ".9";
  EXPECT_EQ(shown(add(dec("1e37"), dec(b))), "5" + std::string(36, '0') + ".1");
  // The sum needs 39 digits, the last of which is zero.
  const Decimal x = dec("600741209853464521023757616.56406480715");
  const Decimal y = dec("509628166585633586798785694.94918818595");
  EXPECT_EQ(shown(add(x, y)), "1110369376439098107822543311.5132529931");
  EXPECT_EQ(shown(subtract(x, Decimal{-y.unscaled, y.scale})), "1110369376439098107822543311.5132529931");
  EXPECT_EQ(shown(multiply(dec("2e-19"), dec("5e-20"))), "0." + std::string(37, '0') + "1");
}

TEST(Decimal, DividesHalfToEven) {
  EXPECT_EQ(shown(divide(dec("1"), dec("3"))), "0.3333333333333333");
  EXPECT_EQ(shown(divide(dec("2"), dec("3"))), "0.6666666666666667");
  EXPECT_EQ(shown(divide(dec("10"), dec("4"))), "2.5");
  EXPECT_EQ(shown(divide(dec("-100"), dec("8"))), "-12.5");
  EXPECT_EQ(shown(divide(dec("1e-16"), dec("2"))), "0.00000000000000005");
  EXPECT_EQ(shown(divide(dec("0.5"), dec("1e16"))), "0");                   // 5e-17 at 16 digits: half, to even
  EXPECT_EQ(shown(divide(dec("1.5"), dec("1e16"))), "0.0000000000000002");  // 1.5 → 2
  EXPECT_EQ(shown(divide(dec("2.5"), dec("1e16"))), "0.0000000000000002");  // 2.5 → 2
  EXPECT_EQ(shown(divide(dec("1000"), dec("0.001"))), "1000000");
  EXPECT_FALSE(divide(dec("1"), dec("0.00")));
  EXPECT_FALSE(divide(dec("1e30"), dec("3")));
}

TEST(Decimal, RescalesHalfAwayFromZero) {
  EXPECT_EQ(shown(rescale(dec("2.345"), 2)), "2.35");
  EXPECT_EQ(shown(rescale(dec("-2.345"), 2)), "-2.35");
  EXPECT_EQ(shown(rescale(dec("2.344"), 2)), "2.34");
  EXPECT_EQ(shown(rescale(dec("0.5"), 0)), "1");
  EXPECT_EQ(shown(rescale(dec("1"), 3)), "1.000");
  EXPECT_FALSE(rescale(dec(k38Nines), 1));
  EXPECT_FALSE(rescale(dec("1"), 39));
}

TEST(Decimal, WholeNumbersBecomeIntegersWhenTheyFit) {
  EXPECT_EQ(*dec("12.00").to_int64(), 12);
  EXPECT_EQ(*dec("-9223372036854775808").to_int64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(dec("12.5").to_int64());
  EXPECT_FALSE(dec("9223372036854775808").to_int64());
  EXPECT_TRUE(dec("0.00000000000000000000").is_integer());
  EXPECT_FALSE(dec("0.000000000000000000001").is_integer());
}

TEST(Decimal, ComparesAcrossScales) {
  EXPECT_EQ(compare(dec("1.0"), dec("1.00")), 0);
  EXPECT_LT(compare(dec("-1"), dec("0.1")), 0);
  EXPECT_GT(compare(dec("1.01"), dec("1")), 0);
  EXPECT_LT(compare(dec("-1.01"), dec("-1")), 0);
  EXPECT_GT(compare(dec(k38Nines), dec("0." + k38Nines)), 0);
  EXPECT_EQ(compare(dec("0"), dec("0.000")), 0);
}

// Oracle: schoolbook arithmetic on digit strings, apart from the code under test.
class BigInt {
 public:
  explicit BigInt(const std::string& digits) : digits_(digits.rbegin(), digits.rend()) {}
  [[nodiscard]] BigInt times(const BigInt& other) const {
    std::vector<int> sum(digits_.size() + other.digits_.size() + 1, 0);
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      for (std::size_t j = 0; j < other.digits_.size(); ++j) sum[i + j] += (digits_[i] - '0') * (other.digits_[j] - '0');
    }
    return carried(sum);
  }
  [[nodiscard]] BigInt plus(const BigInt& other) const {
    std::vector<int> sum(std::max(digits_.size(), other.digits_.size()) + 1, 0);
    for (std::size_t i = 0; i < digits_.size(); ++i) sum[i] += digits_[i] - '0';
    for (std::size_t i = 0; i < other.digits_.size(); ++i) sum[i] += other.digits_[i] - '0';
    return carried(sum);
  }
  // With `scale` digits behind the point, and no zeros that say nothing.
  [[nodiscard]] std::string text(std::size_t scale) const {
    std::string out(digits_.rbegin(), digits_.rend());
    while (out.size() <= scale) out.insert(0, 1, '0');
    std::string whole = out.substr(0, out.size() - scale);
    std::string fraction = out.substr(out.size() - scale);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    while (whole.size() > 1 && whole[0] == '0') whole.erase(0, 1);
    return fraction.empty() ? whole : whole + '.' + fraction;
  }

 private:
  static BigInt carried(std::vector<int>& sum) {
    std::string out;
    int carry = 0;
    for (int& digit : sum) {
      digit += carry;
      carry = digit / 10;
      out.insert(out.begin(), static_cast<char>('0' + digit % 10));
    }
    return BigInt(out);
  }
  std::string digits_;  // least significant first
};

std::string random_digits(std::mt19937_64& random, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('0' + random() % 10);
  return out;
}

std::string plain(std::string digits, std::size_t scale) {
  const std::string text = BigInt(digits).text(0);
  return BigInt(text).text(scale);
}

std::size_t digits_in(const std::string& text) {  // needed to hold it
  std::string digits;
  for (const char c : text) {
    if (c != '.') digits += c;
  }
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? 1 : digits.size() - first;
}

TEST(Decimal, SumsAndProductsAgreeWithSchoolbookArithmetic) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  int kept = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t scale_a = random() % 20;
    const std::size_t scale_b = random() % 20;
    const std::string a = random_digits(random, 1 + random() % 38);
    const std::string b = random_digits(random, 1 + random() % 38);
    const auto x = Decimal::parse(plain(a, scale_a));
    const auto y = Decimal::parse(plain(b, scale_b));
    if (!x || !y) continue;
    const std::string sum = BigInt(a + std::string(20 - scale_a, '0')).plus(BigInt(b + std::string(20 - scale_b, '0'))).text(20);
    const std::string product = BigInt(a).times(BigInt(b)).text(scale_a + scale_b);
    const auto scale_of = [](const std::string& text) {
      return text.find('.') == std::string::npos ? 0 : text.size() - text.find('.') - 1;
    };
    const auto check = [&](const Result<Decimal>& got, const std::string& want) {
      if (digits_in(want) > 38 || scale_of(want) > 38) {
        EXPECT_FALSE(got.has_value()) << want;
      } else {
        EXPECT_EQ(got ? got->normalized().to_string() : got.error().message, want);
        ++kept;
      }
    };
    check(add(*x, *y), sum);
    check(multiply(*x, *y), product);
    const Decimal minus_y{-y->unscaled, y->scale};
    check(subtract(*x, minus_y), sum);
    EXPECT_EQ(compare(*x, *y), -compare(*y, *x));
    ASSERT_FALSE(HasFailure()) << plain(a, scale_a) << " and " << plain(b, scale_b);
  }
  EXPECT_GT(kept, 10'000);
}

TEST(Decimal, SmallNumbersAgreeWith128BitArithmetic) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const auto a = static_cast<std::int64_t>(random() % 2'000'001) - 1'000'000;
    const auto b = static_cast<std::int64_t>(random() % 2'000'001) - 1'000'000;
    const Decimal x{a, 2};
    const Decimal y{b, 3};
    EXPECT_EQ(add(x, y)->normalized(), (Decimal{a * 10 + b, 3}));
    EXPECT_EQ(subtract(x, y)->normalized(), (Decimal{a * 10 - b, 3}));
    EXPECT_EQ(*multiply(x, y), (Decimal{static_cast<int128>(a) * b, 5}));
    EXPECT_EQ(compare(x, y), (a * 10 > b) - (a * 10 < b));
    if (b != 0) {
      const auto back = multiply(*divide(x, y), y);
      const auto error = subtract(*back, x);
      EXPECT_LT(compare(Decimal{error->unscaled < 0 ? -error->unscaled : error->unscaled, error->scale}, dec("0.0000000000001")), 0);
    }
  }
}

}  // namespace
}  // namespace foldline
