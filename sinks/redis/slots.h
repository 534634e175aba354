// Redis Cluster's slots, and Foldline's buckets in them (G23, docs/decisions/0063-redis-cluster.md).
//
//   hash_slot("foldline:{today:b17}:g1:partitions") == hash_slot("{today:b17}orders:2026-04-03:count")
//   bucket_of_name("orders:2026-04-03:count", 64)        // CRC16 of the name as the view writes it, modulo the number of buckets
//
// Slots: CRC16 (XMODEM: polynomial 1021h, start 0) of what stands between the first `{` and the next `}`, or of the whole key, modulo
// 16384: redis.io/docs/reference/cluster-spec, "Key distribution model" and "Hash tags".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "sinks/redis/address.h"
#include "sinks/redis/resp.h"

namespace foldline::redis {

inline constexpr std::uint32_t kSlots = 16'384;
inline constexpr std::uint32_t kDefaultBuckets = 64;

std::uint16_t crc16(std::string_view bytes);
std::uint32_t hash_slot(std::string_view key);

// Which bucket holds the row whose key a view calls `name`: what every reader can compute (Python: binascii.crc_hqx(name, 0) % buckets).
std::uint32_t bucket_of_name(std::string_view name, std::uint32_t buckets);
// "{today:b17}": a row's key is this and its name.
std::string bucket_tag(std::string_view projection, std::uint32_t bucket);
// "{today:b*}", as SCAN's MATCH takes it.
std::string bucket_tag_pattern(std::string_view projection);

// Which master serves which slot.
class SlotMap {
 public:
  // From an answer to CLUSTER SLOTS. `asked`: who answered; a node without an address of its own is that one. Errors (code
  // store_unavailable): it says something else.
  static Result<SlotMap> parse(const redisReply* reply, const HostPort& asked);

  // Null: nobody serves it.
  [[nodiscard]] const HostPort* master_of(std::uint32_t slot) const;
  [[nodiscard]] const std::vector<HostPort>& masters() const { return masters_; }
  // Masters and replicas: whom to ask next time.
  [[nodiscard]] const std::vector<HostPort>& nodes() const { return nodes_; }
  [[nodiscard]] bool empty() const { return masters_.empty(); }

 private:
  std::vector<HostPort> masters_;
  std::vector<HostPort> nodes_;
  std::vector<std::int32_t> master_of_slot_;  // index in masters_; -1: nobody
};

}  // namespace foldline::redis
