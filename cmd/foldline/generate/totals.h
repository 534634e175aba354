// What a correct projection holds after a generated stream: counted while the events are made, never by reading them back.
// tests/oracle/orders.py computes the same numbers from the topic, on its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace foldline::generate {

enum class Status : std::uint8_t {
  placed,
  shipped,
  cancelled
};
inline constexpr std::size_t kStatuses = 3;

enum class Malformation : std::uint8_t {
  not_json,
  truncated,
  unknown_shape,
  unreadable_time,
  missing_order_id,
  total_not_a_number,
  total_too_large,
};
inline constexpr std::size_t kMalformations = 7;
const char* to_string(Status status);
const char* to_string(Malformation kind);

struct DayTotals {
  std::uint64_t orders = 0;
  std::uint64_t revenue_cents = 0;
};

struct Totals {
  std::uint64_t records = 0;          // everything in the topic
  std::uint64_t distinct_events = 0;  // well-formed, each once
  std::uint64_t duplicates = 0;       // records that repeat an earlier event
  std::uint64_t out_of_order = 0;     // orders whose shipment stands before their placement in the log
  std::array<std::uint64_t, kMalformations> malformed{};
  std::uint64_t orders_placed = 0;
  std::uint64_t orders_shipped = 0;
  std::uint64_t orders_cancelled = 0;
  std::uint64_t revenue_cents = 0;  // of placed orders
  std::uint64_t items = 0;          // item lines of placed orders
  // fact_orders by status: as the newest event by its time says (`newest_by: time`), and as the last in the log says (without it).
  std::array<std::uint64_t, kStatuses> by_newest{};
  std::array<std::uint64_t, kStatuses> by_last_arrived{};
  std::map<std::pair<std::string, std::string>, DayTotals> per_day;  // (UTC day, currency) -> placed orders

  [[nodiscard]] std::uint64_t malformed_sum() const;
  [[nodiscard]] std::uint64_t orders() const;  // rows of fact_orders
  [[nodiscard]] std::string to_json() const;   // ends in a newline
};

}  // namespace foldline::generate
