// The orders that every benchmark speaks of, made from a number alone: the event in the topic, the row in the table and the document in
// the index say the same, so that a worker and a bare program write equal data.
//
//   const Order order(4711, 4711 % 1000, 0);
//   std::string json;   append_placed(json, order);      // about 310 bytes
//
// Pure; threads as any value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace foldline::bench {

// `revision`: the same order placed again with another total (an update of its row).
struct Order {
  Order(std::int64_t order_number, std::int64_t customer_number, std::int64_t order_revision);

  std::int64_t number;
  std::int64_t revision;
  std::string order_id;
  std::string customer_id;
  std::int64_t total_cents;
  std::string_view currency;
  std::int32_t item_count;
  std::int64_t placed_at_us;  // since 1970
};

// One JSON event, appended: type OrderPlaced (all fields of the row) or OrderShipped (order_id and the time). Event IDs look random, and
// differ by number, revision and type.
void append_placed(std::string& out, const Order& order);
void append_shipped(std::string& out, const Order& order);

// "2026-01-01T00:00:00.000Z"
std::string time_text(std::int64_t time_us);

// A number that looks random, always the same for the same input (the finalizer of splitmix64, http://prng.di.unimi.it/splitmix64.c).
std::uint64_t scrambled(std::uint64_t number);

}  // namespace foldline::bench
