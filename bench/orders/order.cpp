#include "bench/orders/order.h"

#include <fmt/format.h>

#include <chrono>

namespace foldline::bench {

namespace {

constexpr std::int64_t kFirstOrderUs = 1'767'225'600'000'000;  // 2026-01-01
constexpr std::int64_t kBetweenOrdersUs = 1'000;
constexpr std::int64_t kShippedAfterUs = 3'600'000'000;
constexpr std::int64_t kMaxCents = 900'000;
constexpr std::uint64_t kShippedKind = 1;

std::string event_id(const Order& order, std::uint64_t kind) {
  const std::uint64_t high = scrambled((static_cast<std::uint64_t>(order.number) << 1U) | kind);
  const std::uint64_t low = scrambled(high + static_cast<std::uint64_t>(order.revision));
  return fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU, high & 0xfffU, low & 0xfffU,
                     low >> 16U);
}

}  // namespace

std::uint64_t scrambled(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15ULL;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebULL;
  return number ^ (number >> 31U);
}

std::string time_text(std::int64_t time_us) {
  using std::chrono::microseconds;
  const auto time = std::chrono::sys_time<microseconds>(microseconds(time_us));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Order::Order(std::int64_t order_number, std::int64_t customer_number, std::int64_t order_revision)
    : number(order_number),
      revision(order_revision),
      order_id(fmt::format("o-{}", order_number)),
      customer_id(fmt::format("c-{}", customer_number)),
      total_cents((order_number * 7'919 + order_revision) % kMaxCents),
      currency("USD"),
      item_count(1 + static_cast<std::int32_t>(order_number % 2)),
      placed_at_us(kFirstOrderUs + order_number * kBetweenOrdersUs) {}

void append_placed(std::string& out, const Order& order) {
  const std::int64_t each = order.total_cents / order.item_count;
  fmt::format_to(std::back_inserter(out),
                 R"({{"event_type":"OrderPlaced","event_id":"{}","schema_version":1,"occurred_at":"{}","producer":"order-service",)"
                 R"("payload":{{"order_id":"{}","customer_id":"{}","items":[{{"sku":"SKU-{}","unit_price_cents":{}}})",
                 event_id(order, 0), time_text(order.placed_at_us), order.order_id, order.customer_id, order.number % 97, each);
  if (order.item_count > 1) {
    fmt::format_to(std::back_inserter(out), R"(,{{"sku":"SKU-{}","unit_price_cents":{}}})", order.number % 31, order.total_cents - each);
  }
  fmt::format_to(std::back_inserter(out), R"(],"total_cents":{},"currency":"{}"}}}})", order.total_cents, order.currency);
}

void append_shipped(std::string& out, const Order& order) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"event_type":"OrderShipped","event_id":"{}","schema_version":1,"occurred_at":"{}","producer":"shipping-service",)"
      R"("payload":{{"order_id":"{}","carrier":"UPS","tracking_number":"1Z{:010}","note":"left with the neighbour, ring twice"}}}})",
      event_id(order, kShippedKind), time_text(order.placed_at_us + kShippedAfterUs), order.order_id, order.number);
}

}  // namespace foldline::bench
