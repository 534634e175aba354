// G6: the anchor tells a record from every other that may stand at its place in another log.
#include <gtest/gtest.h>

#include <set>

#include "engine/batch.h"

namespace foldline {
namespace {

std::uint64_t hash_of(std::optional<std::string_view> key, std::optional<std::string_view> value) {
  Record record;
  record.key = key;
  record.value = value;
  return anchor_hash(record);
}

TEST(Anchor, TellsRecordsApartByKeyAndValueNullAndEmpty) {
  const std::set<std::uint64_t> hashes = {hash_of("k", "v"),
                                          hash_of("j", "v"),
                                          hash_of("k", "w"),
                                          hash_of(std::nullopt, "v"),
                                          hash_of("", "v"),
                                          hash_of("kv", ""),
                                          hash_of("", "kv"),
                                          hash_of("k", ""),
                                          hash_of("", ""),
                                          hash_of("", std::nullopt),
                                          hash_of("k", std::nullopt),
                                          hash_of(std::nullopt, ""),
                                          hash_of(std::nullopt, std::nullopt)};
  EXPECT_EQ(hashes.size(), 13U);
  EXPECT_EQ(hash_of("k", "v"), hash_of("k", "v"));
}

}  // namespace
}  // namespace foldline
