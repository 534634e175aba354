// Slots and buckets of a Redis Cluster (G23), and the addresses of clusters and sentinels.
#include "sinks/redis/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "sinks/redis/checkpoints.h"
#include "sinks/redis/commit_script.h"
#include "sinks/redis/key_name.h"

namespace foldline::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The check value of CRC-16/XMODEM, and slots as redis-server's own CLUSTER KEYSLOT answers them.
TEST(Slots, AreRedisOwnG23) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(hash_slot("foo"), 12182U);
  EXPECT_EQ(hash_slot("somekey"), 11058U);
  EXPECT_EQ(hash_slot("foo{hash_tag}"), 2515U);
  EXPECT_EQ(hash_slot(""), 0U);
}

TEST(Slots, OfAKeyWithBracesAreThoseOfItsTag) {
  EXPECT_EQ(hash_slot("{user1000}.following"), hash_slot("user1000"));
  EXPECT_EQ(hash_slot("foo{{bar}}zap"), hash_slot("{bar"));
  EXPECT_EQ(hash_slot("foo{bar}{zap}"), hash_slot("bar"));
  EXPECT_EQ(hash_slot("foo{}{bar}"), crc16("foo{}{bar}") % kSlots) << "an empty tag is none";
  EXPECT_EQ(hash_slot("foo{bar"), crc16("foo{bar") % kSlots);
}

KeyName name_in_buckets(std::uint32_t buckets) {
  Type text;
  text.kind = TypeKind::text;
  auto out = KeyName::parse("c:{x}", {KeyPart{"x", text, ""}}, -1);
  out->set_buckets("today", buckets);
  return std::move(*out);
}

// G23: one Lua call may touch all of a bucket's keys, rows and Foldline's own, of every generation.
TEST(Buckets, AllKeysOfOneStandInOneSlotG23) {
  const KeyName name = name_in_buckets(64);
  for (const char* x : {"a", "b", "{", "}x{y}", ""}) {
    const Value key = Value::text(x);
    std::string written;
    name.append(written, &key);
    const std::uint32_t bucket = name.bucket_of(&key);
    EXPECT_EQ(bucket, crc16(std::string("c:") + x) % 64U);
    for (const std::int64_t generation : {1, 2}) {
      const SystemKeys keys = SystemKeys::of_bucket({"today", generation}, bucket);
      for (const std::string& own : {keys.checkpoint({"t", 1}), keys.ids({"t", 1}), keys.partitions(), keys.never(), keys.generations(),
                                     keys.first_topics(), keys.rows() + "c:a"}) {
        EXPECT_EQ(hash_slot(own), hash_slot(written)) << own << " " << written;
      }
    }
  }
}

TEST(Buckets, ANameIsReadBackWithItsTagOnly) {
  const KeyName name = name_in_buckets(64);
  Arena arena;
  const Value key = Value::text("a");
  std::string written;
  name.append(written, &key);
  const auto parts = name.parts_of(written, arena);
  ASSERT_TRUE(parts);
  EXPECT_EQ((*parts)[0].as_text(), "a");
  EXPECT_FALSE(name.parts_of("c:a", arena));
  EXPECT_FALSE(name.parts_of(bucket_tag("today", (name.bucket_of(&key) + 1) % 64) + "c:a", arena)) << "another bucket's";
  EXPECT_EQ(name.glob({}), "{today:b*}c:*");
}

// G28: what every bucket is asked before the first one is written must write nothing.
TEST(CheckScript, WritesNothing) {
  const std::string_view script = check_script();
  EXPECT_THAT(script, HasSubstr("return {'checked'}"));
  for (const char* word :
       {"'HSET'", "'HDEL'", "'DEL'", "'SET'", "'MSET'", "'ZADD'", "'ZREM'", "'SADD'", "'SREM'", "PEXPIREAT", "PERSIST"}) {
    EXPECT_THAT(script, Not(HasSubstr(word)));
    EXPECT_THAT(kCommitScript, HasSubstr(word));
  }
}

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

std::unique_ptr<redisReply, FreeReply> reply_of(std::string_view resp) {
  redisReader* reader = redisReaderCreate();
  redisReaderFeed(reader, resp.data(), resp.size());
  void* out = nullptr;
  redisReaderGetReply(reader, &out);
  redisReaderFree(reader);
  return std::unique_ptr<redisReply, FreeReply>(static_cast<redisReply*>(out));
}

TEST(SlotMap, KnowsMastersAndReplicas) {
  const auto reply = reply_of(
      "*2\r\n*4\r\n:0\r\n:99\r\n*2\r\n$2\r\nh1\r\n:1\r\n*2\r\n$2\r\nh2\r\n:2\r\n"
      "*3\r\n:200\r\n:16383\r\n*2\r\n$0\r\n\r\n:3\r\n");
  const auto map = SlotMap::parse(reply.get(), {"asked", 9});
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(*map->master_of(99), (HostPort{"h1", 1}));
  EXPECT_EQ(*map->master_of(200), (HostPort{"asked", 3})) << "a node that does not know its address is the one that answered";
  EXPECT_EQ(map->master_of(100), nullptr) << "nobody serves it";
  EXPECT_EQ(map->masters().size(), 2U);
  EXPECT_EQ(map->nodes().size(), 3U);
}

TEST(SlotMap, WhatIsNoneIsRefused) {
  for (const char* resp : {"$1\r\nx\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:5\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                           "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
                           "*1\r\n*2\r\n:0\r\n:1\r\n"}) {
    const auto reply = reply_of(resp);
    const auto map = SlotMap::parse(reply.get(), {"h", 1});
    ASSERT_FALSE(map) << resp;
    EXPECT_EQ(map.error().code, ErrorCode::store_unavailable);
  }
}

TEST(Address, OfClustersAndSentinels) {
  const auto cluster = parse_address(Secret("redis+cluster://app:s%40@a:1,b,[::1]:3"));
  ASSERT_TRUE(cluster) << cluster.error().message;
  EXPECT_EQ(cluster->kind, AddressKind::cluster);
  EXPECT_EQ(cluster->nodes, (std::vector<HostPort>{{"a", 1}, {"b", 6379}, {"::1", 3}}));
  EXPECT_EQ(cluster->password.reveal(), "s@");
  EXPECT_EQ(cluster->to_string(), "cluster a:1,b:6379,::1:3, user app");
  const auto sentinels = parse_address(Secret("redis+sentinel://:s@a,b:2/my%2Dmaster/4"));
  ASSERT_TRUE(sentinels) << sentinels.error().message;
  EXPECT_EQ(sentinels->kind, AddressKind::sentinel);
  EXPECT_EQ(sentinels->nodes, (std::vector<HostPort>{{"a", 26'379}, {"b", 2}}));
  EXPECT_EQ(sentinels->master_name, "my-master");
  EXPECT_EQ(sentinels->database, 4);
  for (const char* wrong : {"redis+cluster://h/1", "redis+cluster://", "redis+cluster://a,,b", "redis+sentinel://a", "redis+sentinel://a/",
                            "redis+sentinel://a/m/x", "redis+sentinel://a:0/m"}) {
    EXPECT_FALSE(parse_address(Secret(wrong))) << wrong;
  }
}

}  // namespace
}  // namespace foldline::redis
