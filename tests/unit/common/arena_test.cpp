#include "common/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace foldline {
namespace {

// Pieces of all sizes, some of them larger than a chunk: each keeps what was written into it.
TEST(Arena, WhatIsHandedOutStaysUntilReset) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Arena arena;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<std::uint64_t*, std::size_t>> pieces;
    std::size_t handed_out = 0;
    while (handed_out < Arena::kKeepBytes + Arena::kChunkBytes) {
      const std::size_t count = random() % 1'000 == 0 ? Arena::kChunkBytes / 4 : random() % 500;
      auto* const piece = arena.array<std::uint64_t>(count);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(piece) % alignof(std::uint64_t), 0U);
      std::iota(piece, piece + count, handed_out);
      pieces.emplace_back(piece, count);
      handed_out += count * sizeof(std::uint64_t);
      EXPECT_EQ(arena.size_bytes(), handed_out);
    }
    std::uint64_t expected = 0;
    for (const auto& [piece, count] : pieces) {
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(piece[i], expected + i);
      expected += count * sizeof(std::uint64_t);
    }
    arena.reset();
    EXPECT_EQ(arena.size_bytes(), 0U);
  }
}

// To the very end of each chunk: it is the address sanitizer that fails here (make asan).
TEST(Arena, BytesBeyondWhatIsHandedOutMayBeRead) {
  Arena arena;
  for (int i = 0; i < 40'000; ++i) {
    const auto* const end = static_cast<const volatile char*>(arena.allocate(101, 1)) + 101;
    for (std::size_t b = 0; b < Arena::kReadableBeyond; ++b) static_cast<void>(end[b]);
  }
}

TEST(Arena, ACopyIsFollowedByZeros) {
  Arena arena;
  for (int i = 0; i < 3; ++i) {
    const std::string_view copy = arena.copy("bytes", 64);
    EXPECT_EQ(copy, "bytes");
    EXPECT_EQ(std::string(copy.data() + copy.size(), 64), std::string(64, '\0'));
    arena.copy("else");
    if (i == 1) arena.reset();
  }
}

}  // namespace
}  // namespace foldline
