// A steady stream allocates nothing: every value of an event is a view into its record or lies in the batch's arena. A program of its own,
// because it replaces operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/unit/projectors/projection.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace foldline {
namespace {

// Decodes and projects `lines` again and again, as a lane does, and answers the allocations of the rounds after the first ones.
std::size_t allocations_of(const std::string& yaml, const std::vector<std::string>& lines) {
  config::LoadOptions options;
  config::Diagnostics diagnostics;
  const auto file = config::load_projection_text(yaml, "test.yaml", options, diagnostics);
  const auto plan = file ? declarative::compile(*file, diagnostics) : nullptr;
  EXPECT_NE(plan, nullptr) << diagnostics.to_string();
  if (!plan) return 0;
  const auto decoder = declarative::make_decoder(plan, 0);
  const auto projector = declarative::make_projector(plan);
  const TopicPartition topic_partition{"orders.events.of.a.long.name", 0};
  std::vector<Padded> bytes;
  for (const std::string& line : lines) bytes.emplace_back(line);
  Arena arena;
  ChangeList changes;
  Event event;
  const auto round = [&] {
    arena.reset();
    changes.clear();
    std::int64_t offset = 0;
    for (const Padded& value : bytes) {
      Record record;
      record.topic_partition = &topic_partition;
      record.offset = offset++;
      record.value = value.view();
      const auto decoded = decoder->decode(record, arena, event);
      ASSERT_TRUE(decoded) << decoded.error().message;
      const auto projected = projector->project(event, arena, changes);
      ASSERT_TRUE(projected) << projected.error().message;
    }
  };
  round();
  round();
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) round();
  EXPECT_FALSE(changes.empty());
  return allocations - before;
}

constexpr const char* kHead = "projection: p\nkafka: {brokers: 'localhost:9092'}\nstore: {postgres: {url: 'postgres://localhost/test'}}\n";

TEST(Allocations, OrdersAllocateNothing) {
  EXPECT_EQ(allocations_of(std::string(kHead) + R"yaml(source:
  topics: orders.events
  partition_key: data.order_id
  envelope: {type: event_type, id: event_id, time: occurred_at, source: producer, schema_version: schema_version, data: payload}
views:
  fact_orders:
    key: {order_id: text}
    fields: {customer_id: text, total_cents: bigint, item_count: int, status: {enum: [placed, shipped]}, placed_at: timestamptz, items: json}
    on_event:
      order.placed: {copy: [total_cents, items], patch: [customer_id], set: {item_count: size(data.items), status: placed, placed_at: time}}
      "order.*": {set: {status: shipped}}
  daily_revenue:
    key: {day: {type: date, from: date(time)}, currency: text}
    fields: {orders: bigint, revenue: numeric}
    on_event: {order.placed: {add: {orders: 1, revenue: data.total_cents}}}
)yaml",
                           data_lines("snake_case.ndjson")),
            0U);
}

TEST(Allocations, GuardedViewsOfEventsWithoutIdsAllocateNothing) {
  EXPECT_EQ(allocations_of(std::string(kHead) + R"yaml(source: {topics: orders.events, envelope: {type: type}}
views:
  orders: {key: {order_id: text}, newest_by: time, fields: {amount: numeric, by: text}, on_event: {"*": {patch: [amount], set: {by: id}}}}
)yaml",
                           data_lines("flat.ndjson")),
            0U);
}

TEST(Allocations, TheCounterCounts) {
  const std::size_t before = allocations;
  const std::string text(100, 'x');
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace foldline
