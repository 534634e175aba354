// A seeded stream of order events: what a shop's services would write to `orders.events`, with the faults that real producers have.
//
//   OrderStream stream({.seed = 42, .records = 1000});
//   GeneratedRecord record;
//   while (stream.next(record)) produce(record.key, record.value);   // stream.totals() is then the truth
//
// All records of an order carry its ID as key. A duplicate repeats the bytes of an event at most kRecentEvents events back; malformed
// records have keys of their own and are never part of the totals. Events of an order stand at most kMaxGapRecords (and a few) apart.
// The same options give the same bytes on every machine. One thread.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/foldline/generate/random.h"
#include "cmd/foldline/generate/totals.h"

namespace foldline::generate {

inline constexpr std::size_t kRecentEvents = 2'000;
inline constexpr std::uint64_t kMaxGapRecords = 2'000;

struct OrderStreamOptions {
  std::uint64_t seed = 42;
  std::uint64_t records = 200'000;
  double duplicates = 0.01;         // share of the records
  double out_of_order = 0.01;       // share of the orders
  double malformed = 0.001;         // share of the records
  std::int64_t start_day = 20'454;  // days since 1970: 2026-01-01
  std::int64_t days = 90;           // over which the orders are placed
  std::uint64_t orders_per_customer = 5;
};

// Views into the stream, valid until the next call.
struct GeneratedRecord {
  std::string_view key;
  std::string_view value;
};

class OrderStream {
 public:
  explicit OrderStream(const OrderStreamOptions& options);

  // False when all records have been given.
  bool next(GeneratedRecord& out);
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  struct PlacedFacts {
    std::string_view currency;
    std::int64_t day = 0;
    std::uint64_t total_cents = 0;
    std::uint64_t items = 0;
  };
  struct OrderEvent {
    std::string key;
    std::string value;
    Status status = Status::placed;
    PlacedFacts placed;  // of a placement only
  };
  // The second event of an order, waiting for its place in the log.
  struct Waiting {
    std::uint64_t due_record = 0;
    std::uint64_t order = 0;
    Status first = Status::placed;  // of the event already given
    OrderEvent event;
  };
  struct LaterFirst {
    bool operator()(const Waiting& a, const Waiting& b) const {
      return a.due_record != b.due_record ? a.due_record > b.due_record : a.order > b.order;
    }
  };

  OrderEvent make_placed(std::uint64_t order, std::int64_t time_us);
  OrderEvent make_shipped(std::uint64_t order, std::int64_t time_us);
  OrderEvent make_cancelled(std::uint64_t order, std::int64_t time_us);
  void make_malformed();
  OrderEvent start_order();
  OrderEvent finish_order();
  void wait(std::uint64_t order, Status first, OrderEvent event);
  void begin_event(OrderEvent& event, std::uint64_t order, std::string_view type, std::int64_t time_us, std::string_view producer);
  void append_event_id(std::string& out);
  void append_time(std::string& out, std::int64_t time_us);
  void count(const OrderEvent& event);
  void remember(OrderEvent event);

  OrderStreamOptions options_;
  Random random_;
  Totals totals_;
  std::string tag_;  // in every order's ID: streams of different seeds share no order and no event
  std::uint64_t customers_ = 1;
  std::uint64_t gap_records_ = 1;
  std::int64_t step_us_ = 0;  // between the placements of two records
  std::uint64_t given_ = 0;
  std::uint64_t orders_ = 0;
  std::priority_queue<Waiting, std::vector<Waiting>, LaterFirst> waiting_;
  std::vector<OrderEvent> recent_;  // a ring
  std::size_t recent_next_ = 0;
  std::size_t current_ = 0;  // in recent_: the event given last
  std::string bad_key_;
  std::string bad_value_;
};

// 2026-04-03 for days since 1970.
std::string format_day(std::int64_t days_since_1970);

}  // namespace foldline::generate
