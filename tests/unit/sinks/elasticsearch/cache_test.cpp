#include "sinks/elasticsearch/cache.h"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <random>

#include "sinks/elasticsearch/undo.h"

namespace foldline::elasticsearch {
namespace {

TEST(DocumentCache, GivesBackWhatWasPutOnce) {
  DocumentCache cache(10'000);
  cache.put("a", {"{}", 3, 1});
  const auto found = cache.take("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->seq_no, 3);
  EXPECT_FALSE(cache.take("a"));
  EXPECT_EQ(cache.size_bytes(), 0U);
}

TEST(DocumentCache, StaysBelowItsBytesAndDropsTheLeastUsed) {
  DocumentCache cache(5'000);
  for (int i = 0; i < 100; ++i) {
    cache.put("k" + std::to_string(i), {std::string(300, 'x'), i, 1});
    EXPECT_LE(cache.size_bytes(), 5'000U);
  }
  EXPECT_TRUE(cache.take("k99"));
  EXPECT_FALSE(cache.take("k0"));
  EXPECT_LT(cache.count(), 15U);
}

TEST(DocumentCache, ANewerEntryReplacesTheOlder) {
  DocumentCache cache(5'000);
  cache.put("a", {"old", 1, 1});
  const std::size_t size_bytes = cache.size_bytes();
  cache.put("a", {"new", 2, 1});
  EXPECT_EQ(cache.size_bytes(), size_bytes);
  EXPECT_EQ(cache.take("a")->source, "new");
}

TEST(DocumentCache, AnEntryLargerThanTheCacheIsNotKept) {
  DocumentCache cache(1'000);
  cache.put("a", {std::string(2'000, 'x'), 1, 1});
  EXPECT_EQ(cache.count(), 0U);
  EXPECT_EQ(cache.size_bytes(), 0U);
}

// Beside a plain map and list that do the same: random puts and takes of few keys, so that slots are freed in the middle of runs.
TEST(DocumentCache, DoesWhatAMapAndAListDo) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr std::size_t kMaxBytes = 150'000;
  DocumentCache cache(kMaxBytes);
  std::map<std::string, CachedDocument> plain;
  std::list<std::string> used;  // the last one first
  std::size_t size_bytes = 0;
  const auto drop = [&](const std::string& key) {
    size_bytes -= key.size() + plain[key].source.capacity() + kCacheEntryBytes;
    plain.erase(key);
    used.remove(key);
  };
  for (int step = 0; step < 30'000; ++step) {
    const std::string key = "key-of-a-document-" + std::to_string(random() % 1'500);
    if (random() % 3 != 0) {
      const CachedDocument document{std::string(random() % 200 + 20, 'x'), step, 1};
      if (plain.contains(key)) drop(key);
      plain.emplace(key, document);
      used.push_front(key);
      size_bytes += key.size() + plain[key].source.capacity() + kCacheEntryBytes;
      CachedDocument copy = document;
      cache.put(key, std::move(copy));
      while (size_bytes > kMaxBytes) drop(std::string(used.back()));
    } else {
      const auto found = cache.take(key);
      ASSERT_EQ(found.has_value(), plain.contains(key)) << "step " << step;
      if (!found) continue;
      ASSERT_EQ(found->seq_no, plain[key].seq_no) << "step " << step;
      drop(key);
    }
    ASSERT_EQ(cache.count(), plain.size()) << "step " << step;
    ASSERT_EQ(cache.size_bytes(), size_bytes) << "step " << step;
  }
  for (const auto& [key, document] : plain) ASSERT_TRUE(cache.take(key)) << key;
  EXPECT_EQ(cache.size_bytes(), 0U);
}

// G28: over several attempts the first image is the one to go back to, and the last write the one that stands.
TEST(UndoLog, KeepsTheFirstImageAndTheLastWrite) {
  ViewLayout layout;
  UndoLog log;
  log.begin_commit();
  log.written({&layout, "a", "", true, "before", 5, 1, 0});
  log.begin_commit();
  log.written({&layout, "a", "", true, "between", 9, 2, 0});
  ASSERT_EQ(log.entries().size(), 1U);
  EXPECT_EQ(log.entries()[0].source, "before");
  EXPECT_EQ(log.entries()[0].seq_no, 9);
  EXPECT_EQ(log.entries()[0].primary_term, 2);
}

// G5: of a write whose answer was lost, the store tells later whether it happened.
TEST(UndoLog, SettlesWhatMayHaveBeenWritten) {
  ViewLayout layout;
  UndoLog log;
  log.written({&layout, "done", "", false, "", -1, 0, 0});
  log.written({&layout, "lost", "", true, "x", -1, 0, 0});
  log.begin_commit();
  log.settle(layout, "done", true, 7, 1);
  log.settle(layout, "lost", false, 3, 1);
  log.begin_commit();
  ASSERT_EQ(log.entries().size(), 1U);
  EXPECT_EQ(log.entries()[0].id, "done");
  EXPECT_EQ(log.entries()[0].seq_no, 7);
}

}  // namespace
}  // namespace foldline::elasticsearch
