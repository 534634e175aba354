#include "cmd/foldline/generate/order_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace foldline::generate {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
constexpr std::int64_t kHourUs = 60 * kMinuteUs;
constexpr std::int64_t kDayUs = 24 * kHourUs;

constexpr double kShippedShare = 0.88;    // of the orders
constexpr double kCancelledShare = 0.03;  // the rest stays placed
constexpr double kOtherSpelling = 0.05;   // OrderPlaced for order.placed
constexpr double kWithOffset = 0.10;      // times written with +02:00
constexpr double kWithFraction = 0.50;    // times written with milliseconds

// Howard Hinnant's days-to-civil, https://howardhinnant.github.io/date_algorithms.html
struct Civil {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
};
Civil civil_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

std::int64_t floor_day(std::int64_t time_us) { return (time_us >= 0 ? time_us : time_us - (kDayUs - 1)) / kDayUs; }

void append_seconds(std::string& out, std::int64_t time_us) {
  const std::int64_t days = floor_day(time_us);
  const std::int64_t seconds = (time_us - days * kDayUs) / kSecondUs;
  const Civil civil = civil_of(days);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", civil.year, civil.month, civil.day, seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
}

}  // namespace

std::string format_day(std::int64_t days_since_1970) {
  const Civil civil = civil_of(days_since_1970);
  return fmt::format("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day);
}

OrderStream::OrderStream(const OrderStreamOptions& options) : options_(options), random_(options.seed) {
  const std::uint64_t records = std::max<std::uint64_t>(options.records, 1);
  customers_ = std::max<std::uint64_t>(1, records / 2 / std::max<std::uint64_t>(options.orders_per_customer, 1));
  gap_records_ = std::clamp<std::uint64_t>(records / 10, 1, kMaxGapRecords);
  step_us_ = options.days * kDayUs / static_cast<std::int64_t>(records);
  recent_.reserve(kRecentEvents);
  tag_ = fmt::format("{:06x}", random_.next() >> 40);
}

bool OrderStream::next(GeneratedRecord& out) {
  if (given_ == options_.records) return false;
  // Always two draws, so that the shares do not shift the rest of the stream more than they must.
  const bool malformed = random_.chance(options_.malformed);
  const bool duplicate = random_.chance(options_.duplicates);
  if (malformed) {
    make_malformed();
    out = {bad_key_, bad_value_};
  } else if (duplicate && !recent_.empty()) {
    ++totals_.duplicates;
    const OrderEvent& again = recent_[random_.below(recent_.size())];
    out = {again.key, again.value};
  } else {
    const bool due = !waiting_.empty() && waiting_.top().due_record <= given_;
    remember(due ? finish_order() : start_order());
    out = {recent_[current_].key, recent_[current_].value};
  }
  ++given_;
  ++totals_.records;
  return true;
}

// The first event of a new order: its placement, or, out of order, its shipment.
OrderStream::OrderEvent OrderStream::start_order() {
  const std::uint64_t order = orders_++;
  const std::int64_t placed_us = options_.start_day * kDayUs + static_cast<std::int64_t>(given_) * step_us_ +
                                 static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(step_us_ / 1000 + 1))) * 1000;
  const std::int64_t later_us = placed_us + kHourUs + static_cast<std::int64_t>(random_.below(5 * 24 * 3600 * 10)) * 100'000;
  const bool ships = random_.chance(kShippedShare);
  const bool cancels = !ships && random_.chance(kCancelledShare / (1.0 - kShippedShare));
  const bool shipment_first = random_.chance(options_.out_of_order);

  OrderEvent placed = make_placed(order, placed_us);
  // Only where the placement still finds its place in the log.
  if (shipment_first && given_ + gap_records_ * 2 < options_.records) {
    OrderEvent shipped = make_shipped(order, later_us);
    wait(order, Status::shipped, std::move(placed));
    ++totals_.by_last_arrived[static_cast<std::size_t>(Status::shipped)];
    ++totals_.by_newest[static_cast<std::size_t>(Status::shipped)];
    return shipped;
  }
  if (ships) wait(order, Status::placed, make_shipped(order, later_us));
  if (cancels) wait(order, Status::placed, make_cancelled(order, later_us));
  ++totals_.by_last_arrived[static_cast<std::size_t>(Status::placed)];
  ++totals_.by_newest[static_cast<std::size_t>(Status::placed)];
  return placed;
}

OrderStream::OrderEvent OrderStream::finish_order() {
  const Status first = waiting_.top().first;
  OrderEvent event = waiting_.top().event;
  waiting_.pop();
  --totals_.by_last_arrived[static_cast<std::size_t>(first)];
  ++totals_.by_last_arrived[static_cast<std::size_t>(event.status)];
  if (event.status == Status::placed) {
    ++totals_.out_of_order;  // the shipment stays the newest
  } else {
    --totals_.by_newest[static_cast<std::size_t>(first)];
    ++totals_.by_newest[static_cast<std::size_t>(event.status)];
  }
  return event;
}

void OrderStream::wait(std::uint64_t order, Status first, OrderEvent event) {
  waiting_.push({given_ + 1 + random_.below(gap_records_), order, first, std::move(event)});
}

void OrderStream::remember(OrderEvent event) {
  count(event);
  if (recent_.size() < kRecentEvents) {
    current_ = recent_.size();
    recent_.push_back(std::move(event));
    return;
  }
  current_ = recent_next_;
  recent_[recent_next_] = std::move(event);
  recent_next_ = (recent_next_ + 1) % kRecentEvents;
}

void OrderStream::count(const OrderEvent& event) {
  ++totals_.distinct_events;
  if (event.status == Status::shipped) ++totals_.orders_shipped;
  if (event.status == Status::cancelled) ++totals_.orders_cancelled;
  if (event.status != Status::placed) return;
  ++totals_.orders_placed;
  totals_.revenue_cents += event.placed.total_cents;
  totals_.items += event.placed.items;
  DayTotals& day = totals_.per_day[{format_day(event.placed.day), std::string(event.placed.currency)}];
  ++day.orders;
  day.revenue_cents += event.placed.total_cents;
}

// "evt_" and 26 digits of Crockford's base 32, as a ULID is printed; 128 random bits keep them apart.
void OrderStream::append_event_id(std::string& out) {
  static constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  out += "evt_";
  std::uint64_t bits = random_.next();
  for (int i = 0; i < 26; ++i) {
    if (i == 13) bits = random_.next();
    out += kDigits[bits & 31];
    bits >>= 5;
  }
}

void OrderStream::append_time(std::string& out, std::int64_t time_us) {
  const bool with_offset = random_.chance(kWithOffset);
  append_seconds(out, with_offset ? time_us + 2 * kHourUs : time_us);
  const std::int64_t millis = time_us / 1000 % 1000;
  if (millis != 0) fmt::format_to(std::back_inserter(out), ".{:03}", millis);
  out += with_offset ? "+02:00" : "Z";
}

void OrderStream::begin_event(OrderEvent& event, std::uint64_t order, std::string_view type, std::int64_t time_us,
                              std::string_view producer) {
  fmt::format_to(std::back_inserter(event.key), "ord_{}_{:08}", tag_, order);
  std::string& out = event.value;
  out.reserve(512);
  fmt::format_to(std::back_inserter(out), R"({{"event_type":"{}","event_id":")", type);
  append_event_id(out);
  out += R"(","schema_version":"2.1","occurred_at":")";
  append_time(out, time_us);
  fmt::format_to(std::back_inserter(out), R"(","producer":"{}","payload":{{"order_id":"{}")", producer, event.key);
}

OrderStream::OrderEvent OrderStream::make_placed(std::uint64_t order, std::int64_t time_us) {
  static constexpr std::array<std::string_view, 10> kCurrencies = {"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD", "USD", "GBP"};
  static constexpr std::array<std::string_view, 6> kProducts = {"WIDGET", "GADGET", "SPROCKET", "FLANGE", "BRACKET", "VALVE"};
  if (!random_.chance(kWithFraction)) time_us -= time_us % kSecondUs;
  OrderEvent event;
  event.status = Status::placed;
  event.placed.currency = kCurrencies[random_.below(kCurrencies.size())];
  event.placed.items = 1 + random_.below(4);
  event.placed.day = floor_day(time_us);
  begin_event(event, order, random_.chance(kOtherSpelling) ? "OrderPlaced" : "order.placed", time_us, "order-service");
  auto to = std::back_inserter(event.value);
  fmt::format_to(to, R"(,"customer_id":"cust_{:07}","items":[)", random_.below(customers_));
  for (std::uint64_t i = 0; i < event.placed.items; ++i) {
    const std::string_view product = kProducts[random_.below(kProducts.size())];
    const std::uint64_t number = random_.below(100);
    const std::uint64_t quantity = 1 + random_.below(5);
    const std::uint64_t unit_price_cents = 99 + random_.below(19'900);
    event.placed.total_cents += quantity * unit_price_cents;
    fmt::format_to(to, R"({}{{"sku":"{}-{}","quantity":{},"unit_price_cents":{}}})", i == 0 ? "" : ",", product, number, quantity,
                   unit_price_cents);
  }
  fmt::format_to(to, R"(],"total_cents":{},"currency":"{}"}}}})", event.placed.total_cents, event.placed.currency);
  return event;
}

OrderStream::OrderEvent OrderStream::make_shipped(std::uint64_t order, std::int64_t time_us) {
  static constexpr std::array<std::string_view, 4> kCarriers = {"DHL", "UPS", "DPD", "GLS"};
  if (!random_.chance(kWithFraction)) time_us -= time_us % kSecondUs;
  OrderEvent event;
  event.status = Status::shipped;
  begin_event(event, order, random_.chance(kOtherSpelling) ? "OrderShipped" : "order.shipped", time_us, "shipping-service");
  fmt::format_to(std::back_inserter(event.value), R"(,"carrier":"{}","shipped_at":")", kCarriers[random_.below(kCarriers.size())]);
  append_seconds(event.value, time_us - time_us % kMinuteUs);
  event.value += R"(Z"}})";
  return event;
}

OrderStream::OrderEvent OrderStream::make_cancelled(std::uint64_t order, std::int64_t time_us) {
  if (!random_.chance(kWithFraction)) time_us -= time_us % kSecondUs;
  OrderEvent event;
  event.status = Status::cancelled;
  begin_event(event, order, "order.cancelled", time_us, "order-service");
  event.value += R"(,"reason":"customer"}})";
  return event;
}

// Each kind alone must end in the dead-letter topic; keys and event IDs are nobody else's.
void OrderStream::make_malformed() {
  const auto kind = static_cast<Malformation>(random_.below(kMalformations));
  const std::uint64_t number = totals_.malformed_sum();
  ++totals_.malformed[static_cast<std::size_t>(kind)];
  bad_key_ = fmt::format("ord_bad_{}_{:06}", tag_, number);
  const std::string head = fmt::format(R"({{"event_type":"order.placed","event_id":"evt_bad_{}_{:06}","occurred_at":)", tag_, number);
  const auto event = [&](std::string_view time, std::string_view order, std::string_view total) {
    return fmt::format(R"({}"{}","payload":{{{}"customer_id":"cust_bad","items":[],"total_cents":{},"currency":"EUR"}}}})", head, time,
                       order, total);
  };
  const std::string order = fmt::format(R"("order_id":"{}",)", bad_key_);
  constexpr std::string_view kTime = "2026-04-03T09:15:00Z";
  switch (kind) {
    case Malformation::not_json: bad_value_ = "not json at all"; break;
    case Malformation::truncated: bad_value_ = fmt::format(R"({}"{}","payload":)", head, kTime); break;
    case Malformation::unknown_shape: bad_value_ = fmt::format(R"({{"t":"ord_plcd","oid":"{}","cid":"xyz","amt":39.98}})", number); break;
    case Malformation::unreadable_time: bad_value_ = event("yesterday", order, "3998"); break;
    case Malformation::missing_order_id: bad_value_ = event(kTime, "", "3998"); break;
    case Malformation::total_not_a_number: bad_value_ = event(kTime, order, R"("many")"); break;
    case Malformation::total_too_large: bad_value_ = event(kTime, order, "99999999999999999999999"); break;
  }
}

}  // namespace foldline::generate
