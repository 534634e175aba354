#include "cmd/foldline/generate/totals.h"

#include <fmt/format.h>

#include <iterator>
#include <numeric>

namespace foldline::generate {

const char* to_string(Status status) {
  switch (status) {
    case Status::placed: return "placed";
    case Status::shipped: return "shipped";
    case Status::cancelled: return "cancelled";
  }
  return "";
}

const char* to_string(Malformation kind) {
  switch (kind) {
    case Malformation::not_json: return "not_json";
    case Malformation::truncated: return "truncated";
    case Malformation::unknown_shape: return "unknown_shape";
    case Malformation::unreadable_time: return "unreadable_time";
    case Malformation::missing_order_id: return "missing_order_id";
    case Malformation::total_not_a_number: return "total_not_a_number";
    case Malformation::total_too_large: return "total_too_large";
  }
  return "";
}

std::uint64_t Totals::malformed_sum() const { return std::accumulate(malformed.begin(), malformed.end(), std::uint64_t{0}); }
std::uint64_t Totals::orders() const { return std::accumulate(by_last_arrived.begin(), by_last_arrived.end(), std::uint64_t{0}); }

namespace {

template <class Name, std::size_t N>
void write_counts(std::string& out, const char* member, const std::array<std::uint64_t, N>& counts) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  \"{}\": {{", member);
  for (std::size_t i = 0; i < N; ++i) {
    fmt::format_to(to, "{}\"{}\": {}", i == 0 ? "" : ", ", to_string(static_cast<Name>(i)), counts[i]);
  }
  fmt::format_to(to, "}},\n");
}

}  // namespace

std::string Totals::to_json() const {
  std::string out = "{\n";
  auto to = std::back_inserter(out);
  const auto member = [&](const char* name, std::uint64_t value) { fmt::format_to(to, "  \"{}\": {},\n", name, value); };
  member("records", records);
  member("events", records - malformed_sum());
  member("distinct_events", distinct_events);
  member("duplicates", duplicates);
  member("out_of_order", out_of_order);
  member("malformed", malformed_sum());
  write_counts<Malformation>(out, "malformed_by_kind", malformed);
  member("orders", orders());
  member("orders_placed", orders_placed);
  member("orders_shipped", orders_shipped);
  member("orders_cancelled", orders_cancelled);
  member("revenue_cents", revenue_cents);
  member("items", items);
  write_counts<Status>(out, "per_status", by_newest);
  write_counts<Status>(out, "per_status_as_arrived", by_last_arrived);
  out += "  \"per_day\": [";
  const char* separator = "\n";
  for (const auto& [key, day] : per_day) {
    fmt::format_to(to, "{}    {{\"day\": \"{}\", \"currency\": \"{}\", \"orders\": {}, \"revenue_cents\": {}}}", separator, key.first,
                   key.second, day.orders, day.revenue_cents);
    separator = ",\n";
  }
  out += per_day.empty() ? "]\n}\n" : "\n  ]\n}\n";
  return out;
}

}  // namespace foldline::generate
