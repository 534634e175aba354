#include "engine/huge_pages.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace foldline {
namespace {

using Words = std::vector<std::uint64_t, HugePageAllocator<std::uint64_t>>;

constexpr std::size_t kWordsOfAPage = kHugePageBytes / sizeof(std::uint64_t);

// Of this process, in pages of 4 KiB: what it has mapped, touched or not.
std::size_t mapped_pages() {
  std::size_t out = 0;
  std::ifstream("/proc/self/statm") >> out;
  return out;
}

TEST(HugePages, ALargeTableStartsAtAPageAndHoldsWhatIsWritten) {
  for (const std::size_t words : {kWordsOfAPage, kWordsOfAPage + 1, 5 * kWordsOfAPage / 2}) {
    Words table(words);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table.data()) % kHugePageBytes, 0U) << words;
    for (std::size_t i = 0; i < words; ++i) ASSERT_EQ(table[i], 0U) << i;
    for (std::size_t i = 0; i < words; ++i) table[i] = i * 7;
    for (std::size_t i = 0; i < words; ++i) ASSERT_EQ(table[i], i * 7);
  }
}

TEST(HugePages, WhatIsFreedGoesBack) {
  const std::size_t before = mapped_pages();
  for (int i = 0; i < 100; ++i) Words table(3 * kWordsOfAPage + 1);  // 800 MB, were it kept
  EXPECT_LT(mapped_pages(), before + 100 * kHugePageBytes / 4096);
}

TEST(HugePages, ASmallTableIsAllocatedAsItsTypeWants) {
  struct alignas(64) Line {
    std::array<char, 64> bytes;
  };
  std::vector<Line, HugePageAllocator<Line>> table(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table.data()) % 64, 0U);
}

}  // namespace
}  // namespace foldline
