// The generator's own random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna, public domain). The standard library's
// distributions differ between implementations; these numbers are the same everywhere, so a seed names a stream bit for bit.
//
//   Random random(42);
//   if (random.chance(0.01)) index = random.below(100);
#pragma once

#include <cstdint>

namespace foldline::generate {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = splitmix(seed);
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  // In [0, bound); bound > 0 and far below 2^31, so the modulo's bias does not matter here.
  std::uint64_t below(std::uint64_t bound) { return (next() >> 32) % bound; }

  // True with this probability. One multiplication of IEEE doubles: the same on every machine.
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }

 private:
  static std::uint64_t splitmix(std::uint64_t& seed) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  static std::uint64_t rotate(std::uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

  std::uint64_t state_[4] = {};
};

}  // namespace foldline::generate
