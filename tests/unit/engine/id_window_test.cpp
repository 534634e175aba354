// G14, G15: processed IDs in memory and packed.
#include "engine/id_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/id_chunk.h"

namespace foldline {
namespace {

Hash128 id_of(std::uint64_t n) { return hash_event_id("", "event-" + std::to_string(n)); }

// The rule as it is written: the same ID stands in [o - W, o).
class NaiveWindow {
 public:
  explicit NaiveWindow(std::int64_t window) : window_(window) {}
  bool check_and_record(std::uint64_t id, std::int64_t offset) {
    bool duplicate = false;
    for (const auto& [other, at] : seen_) duplicate |= other == id && at >= offset - window_ && at < offset;
    seen_.emplace_back(id, offset);
    return duplicate;
  }

 private:
  std::int64_t window_;
  std::vector<std::pair<std::uint64_t, std::int64_t>> seen_;
};

TEST(IdWindow, AgreesWithTheRuleForRandomHistories) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::int64_t window = static_cast<std::int64_t>(random() % 200);
    const std::uint64_t ids = 1 + random() % 300;
    IdWindow fast(window);
    NaiveWindow naive(window);
    if (random() % 2 == 0) fast.reserve(random() % 500);
    std::int64_t offset = static_cast<std::int64_t>(random() % 3 == 0 ? random() % (1ULL << 40) : 0);
    for (int i = 0; i < 600; ++i) {
      const std::uint64_t id = random() % ids;
      ASSERT_EQ(fast.check_and_record(id_of(id), offset), naive.check_and_record(id, offset)) << "at offset " << offset;
      // Gaps: control records, compaction, and once in a while more than 32 bits.
      offset += random() % 8 == 0 ? 1 + static_cast<std::int64_t>(random() % 50) : 1;
      if (random() % 400 == 0) offset += 1LL << 33;
    }
  }
}

// Expired entries go by blocks of so many.
constexpr std::size_t kBlockEntries = 1'024;

// The rule again, for longer histories: the last occurrence of each ID is enough.
class LastOccurrences {
 public:
  explicit LastOccurrences(std::int64_t window) : window_(window) {}
  bool check_and_record(const Hash128& id, std::int64_t offset) {
    const auto found = last_.find(id);
    const bool duplicate = found != last_.end() && found->second >= offset - window_ && found->second < offset;
    last_[id] = offset;
    return duplicate;
  }
  void record(const Hash128& id, std::int64_t offset) {
    auto& last = last_.try_emplace(id, offset).first->second;
    last = std::max(last, offset);
  }

 private:
  std::int64_t window_;
  std::map<Hash128, std::int64_t> last_;
};

// Hashes as they should be, or such that all IDs belong to a few places of the index and nearly all agree in the bits that it keeps.
Hash128 random_id(std::uint64_t n, bool crowded) {
  const Hash128 id = id_of(n);
  return crowded ? Hash128{(id.high & 0xc000000000000001ULL), id.low} : id;
}

TEST(IdWindow, AgreesWithTheRuleThroughManyWindowsHoweverTheHashesFall) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const bool crowded = seed % 2 == 0;
    const auto window = static_cast<std::int64_t>(1 + random() % (crowded ? 300 : 4'000));
    const std::uint64_t ids = 1 + random() % static_cast<std::uint64_t>(window * 3);
    IdWindow fast(window);
    LastOccurrences plain(window);
    std::int64_t offset = 0;
    for (int i = 0; i < 30'000; ++i) {  // more than a round of the entries' numbers, too
      const Hash128 id = random_id(random() % ids, crowded);
      ASSERT_EQ(fast.check_and_record(id, offset), plain.check_and_record(id, offset)) << "at offset " << offset;
      if (random() % 16 == 0) {
        ASSERT_FALSE(fast.check_and_record(id, offset)) << "asked for again at offset " << offset;
      }
      offset += random() % 8 == 0 ? 1 + static_cast<std::int64_t>(random() % 20) : 1;
      if (random() % 2'000 == 0) offset += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * window));
      if (random() % 2'000 == 0) fast.reserve(random() % 1'000);
    }
    EXPECT_LE(fast.size(), static_cast<std::size_t>(window) + 1 + kBlockEntries);
  }
}

// Entries' numbers start again after four rounds of a ring of 4,096. IDs come again just then, and stay for longer every other time, so
// that words which have outlived their entries meet newer ones of the same ID.
TEST(IdWindow, TheNewestOccurrenceCountsWhenNumbersStartAgain) {
  constexpr std::int64_t kWindow = 1'000;
  constexpr std::int64_t kNumbers = 4 * 4'096;
  IdWindow fast(kWindow);
  LastOccurrences plain(kWindow);
  for (std::int64_t offset = 0; offset < 12 * kNumbers; ++offset) {
    const std::int64_t in_round = offset % kNumbers;
    const std::int64_t times = offset / kNumbers % 2 == 0 ? 3 : 6;
    const std::int64_t n = in_round < times * kWindow ? in_round % kWindow : kWindow + offset;
    const Hash128 id = id_of(static_cast<std::uint64_t>(n));
    ASSERT_EQ(fast.check_and_record(id, offset), plain.check_and_record(id, offset)) << "at offset " << offset;
  }
}

TEST(IdWindow, TheLastIdOfABlockCountsForItsWholeWindow) {
  for (const std::int64_t window_size : {1'000, 1'024, 5'000}) {
    IdWindow window(window_size);
    const std::int64_t last = kBlockEntries - 1;
    for (std::int64_t offset = 0; offset < last + window_size; ++offset) {
      window.check_and_record(id_of(static_cast<std::uint64_t>(offset)), offset);
    }
    EXPECT_TRUE(window.check_and_record(id_of(last), last + window_size)) << window_size;
  }
}

TEST(IdWindow, AGapThatLetsAllExpireLeavesNothingBehind) {
  IdWindow window(20'000);
  std::int64_t offset = 0;
  for (; offset < 20'000; ++offset) window.check_and_record(id_of(static_cast<std::uint64_t>(offset)), offset);
  offset += 1'000'000;
  for (std::uint64_t n = 0; n < 3 * kBlockEntries; ++n, ++offset) EXPECT_FALSE(window.check_and_record(id_of(n), offset)) << n;
  EXPECT_LE(window.size(), 4 * kBlockEntries);
}

TEST(IdWindow, WhatWasRecordedInAnyOrderCountsAsIfItHadComeInOrder) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const bool crowded = seed % 3 == 0;
    const auto window = static_cast<std::int64_t>(1 + random() % 2'000);
    const auto start = static_cast<std::int64_t>(random() % 2 == 0 ? random() % (1ULL << 40) : 0) + 2 * window;
    const std::uint64_t ids = 1 + random() % 3'000;
    IdWindow fast(window);
    LastOccurrences plain(window);
    // Chunks: runs of rising offsets, at random places below the start.
    for (std::uint64_t chunk = random() % 20; chunk > 0; --chunk) {
      std::int64_t offset = start - 1 - static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * window));
      for (std::uint64_t left = random() % 500; left > 0 && offset < start; --left, ++offset) {
        const Hash128 id = random_id(random() % ids, crowded);
        fast.record(id, offset);
        plain.record(id, offset);
      }
    }
    for (std::int64_t offset = start; offset < start + 3 * window; ++offset) {
      const Hash128 id = random_id(random() % ids, crowded);
      ASSERT_EQ(fast.check_and_record(id, offset), plain.check_and_record(id, offset)) << "at offset " << offset;
    }
  }
}

TEST(IdWindow, AStoreThatGivesMoreIdsThanAWindowHasOffsetsLosesNone) {
  IdWindow window(1'000);
  for (std::uint64_t n = 0; n < 20'000; ++n) window.record(id_of(n), static_cast<std::int64_t>(5'000 + n % 900));
  for (std::uint64_t n = 0; n < 20'000; ++n) EXPECT_TRUE(window.check_and_record(id_of(n), 5'900)) << n;
}

TEST(IdWindow, LastOccurrenceCountsSoAChainOfDuplicatesStaysOne) {
  IdWindow window(10);
  EXPECT_FALSE(window.check_and_record(id_of(1), 0));
  for (std::int64_t offset = 10; offset <= 50; offset += 10) EXPECT_TRUE(window.check_and_record(id_of(1), offset)) << offset;
  EXPECT_FALSE(window.check_and_record(id_of(1), 61)) << "eleven offsets later it is forgotten";
}

TEST(IdWindow, AnEventAskedForAgainAfterItsBatchWasCutIsNoDuplicateOfItself) {
  IdWindow window(10);
  EXPECT_FALSE(window.check_and_record(id_of(1), 5));
  EXPECT_FALSE(window.check_and_record(id_of(1), 5));
  EXPECT_TRUE(window.check_and_record(id_of(1), 6));
}

TEST(IdWindow, RemembersNothingWithoutAWindow) {
  IdWindow window(0);
  EXPECT_FALSE(window.check_and_record(id_of(1), 0));
  EXPECT_FALSE(window.check_and_record(id_of(1), 1));
  EXPECT_EQ(window.size_bytes(), 0U);
}

// Of the 40 that a worker may take (G16) some belong to batches on their way.
TEST(IdWindow, TakesAtMost30BytesAnIdAndNeverGrowsPastItsWindow) {
  constexpr std::int64_t kWindow = 250'000;
  IdWindow window(kWindow);
  std::size_t most = 0;
  for (std::int64_t offset = 0; offset < 4 * kWindow; ++offset) {
    window.check_and_record(id_of(static_cast<std::uint64_t>(offset)), offset);
    most = std::max(most, window.size());
  }
  EXPECT_LE(window.size_bytes(), 30U * kWindow);
  EXPECT_LE(most, kWindow + 1U + kBlockEntries) << "expired IDs must go";
}

TEST(IdWindow, TakesNoMoreAnIdWhileItFills) {
  constexpr std::int64_t kWindow = 250'000;
  IdWindow window(kWindow);
  for (std::int64_t offset = 0; offset < kWindow; ++offset) {
    window.check_and_record(id_of(static_cast<std::uint64_t>(offset)), offset);
    if (offset >= 10'000) {
      ASSERT_LE(window.size_bytes(), 36U * static_cast<std::size_t>(offset)) << offset;
    }
  }
}

TEST(IdWindow, RecordTakesWhatTheStoreHadInAnyOrder) {
  IdWindow window(100);
  window.record(id_of(1), 950);
  window.record(id_of(2), 940);
  window.record(id_of(1), 930);
  EXPECT_TRUE(window.check_and_record(id_of(1), 1045));
  EXPECT_FALSE(window.check_and_record(id_of(2), 1046));
}

TEST(IdChunk, UnpacksWhatWasPackedSegmentBySegment) {
  std::mt19937_64 random(7);
  std::string chunk;
  std::vector<std::pair<Hash128, std::int64_t>> expected;
  std::int64_t offset = 0;
  IdPacker packer;
  for (int segment = 0; segment < 20; ++segment) {
    packer.clear();
    const std::uint64_t most = segment % 2 == 0 ? 300 : 30;  // a long one first: the next stands where it stood
    for (std::uint64_t i = 1 + random() % most; i > 0; --i) {
      offset += 1 + static_cast<std::int64_t>(random() % 3 == 0 ? random() % (1ULL << 40) : 0);
      expected.emplace_back(id_of(random()), offset);
      packer.add(expected.back().first, offset);
    }
    chunk += packer.bytes();
    EXPECT_EQ(packer.last_offset(), offset);
  }
  std::size_t at = 0;
  const auto r = unpack_ids(chunk, [&](const Hash128& id, std::int64_t o, bool /*letter*/) {
    EXPECT_EQ(id, expected[at].first);
    EXPECT_EQ(o, expected[at++].second);
  });
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(at, expected.size());
}

TEST(IdChunk, BytesAreThoseOfTheDocumentedFormat) {
  IdPacker packer;
  packer.add({0x0102030405060708ULL, 0x090a0b0c0d0e0f10ULL}, 0x1122);
  packer.add({0xffULL, 0x01ULL}, 0x1122 + 150, true);
  const char expected[] =
      "\x00\x00\x00\x00\x00\x00\x11\x22\x00\x00\x00\x02"
      "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x00"
      "\x00\x00\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00\x01\xad\x02";
  EXPECT_EQ(packer.bytes(), std::string_view(expected, sizeof expected - 1));
}

TEST(IdChunk, ADamagedChunkIsAnErrorNeverAWrongAnswerPastItsEnd) {
  IdPacker packer;
  for (int i = 0; i < 5; ++i) packer.add(id_of(static_cast<std::uint64_t>(i)), 100 + i);
  const std::string whole(packer.bytes());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(unpack_ids(std::string_view(whole).substr(0, size), [](const Hash128&, std::int64_t, bool) {}).has_value()) << size;
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = whole;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)unpack_ids(bytes, [](const Hash128&, std::int64_t offset, bool) { EXPECT_GE(offset, 0); });
  }
}

TEST(IdChunk, AMillionIdsLoadInATimeThatAnAssignmentCanWait) {
  constexpr std::uint64_t kIds = 1'000'000;
  std::vector<std::string> chunks;
  IdPacker packer;
  for (std::uint64_t i = 0; i < kIds; ++i) {
    packer.add(Hash128{i * 0x9e3779b97f4a7c15ULL, i + 1}, static_cast<std::int64_t>(i));
    if (i % 20'000 == 19'999) {
      chunks.emplace_back(packer.bytes());
      packer.clear();
    }
  }
  const auto started = std::chrono::steady_clock::now();
  IdWindow window(static_cast<std::int64_t>(kIds));
  window.reserve(kIds);
  PastIds past;
  for (const std::string& chunk : chunks) {
    ASSERT_TRUE(load_ids(chunk, static_cast<std::int64_t>(kIds), window, past).has_value());
  }
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count();
  RecordProperty("milliseconds", static_cast<int>(spent));
  EXPECT_EQ(window.size(), kIds);
  // Measured at 20 ms; the limit leaves room for a busy machine and sanitizers.
  EXPECT_LT(spent, 5'000);
  std::printf("loaded %llu IDs in %lld ms\n", static_cast<unsigned long long>(kIds), static_cast<long long>(spent));
}

// G14: a source's hash that is kept must not reach the next source's events.
TEST(EventIdHash, IsTheHashOfSourceAndIdWhateverCameBefore) {
  EventIdHash id_hash;
  const std::array<std::string, 6> sources{"", "orders", "orderz", "a-service-with-a-longer-name", "", "orders"};
  for (const std::string& source : sources) {
    for (const char* id : {"1", "2", ""}) EXPECT_EQ(id_hash(source, id), hash_event_id(source, id)) << source << '/' << id;
  }
  std::string changed = "service-1";  // the caller's buffer is used again
  const Hash128 before = id_hash(changed, "1");
  changed.back() = '2';
  EXPECT_NE(id_hash(changed, "1"), before);
  EXPECT_EQ(id_hash(changed, "1"), hash_event_id("service-2", "1"));
}

}  // namespace
}  // namespace foldline
