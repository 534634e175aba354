// Every form in which real producers send their events is readable by configuration alone, and every malformed record gives an error
// that a person understands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;

constexpr const char* kViews = R"(
views:
  fact_orders:
    key: {order_id: text}
    cross_partition: never
    fields: {customer_id: text, currency: text, total_cents: bigint, item_count: int, placed_at: timestamptz, shipped_at: timestamptz}
    on_event:
      order.placed | OrderPlaced:
        copy: [currency, total_cents]
        patch: [customer_id]
        set: {item_count: size(data.items), placed_at: time}
      order.shipped | OrderShipped: {set: {shipped_at: time}}
  daily_revenue:
    key: {day: {type: date, from: date(time)}, currency: text}
    fields: {orders: bigint, revenue_cents: bigint}
    on_event:
      order.placed | OrderPlaced: {add: {orders: 1, revenue_cents: data.total_cents}}
)";

constexpr const char* kSnakeCase = R"yaml(source:
  topics: orders.events
  partition_key: data.order_id
  envelope: {type: event_type, id: event_id, time: occurred_at, source: producer, schema_version: schema_version, data: payload}
)yaml";

TEST(SampleData, SnakeCase) {
  Projection p(std::string(kSnakeCase) + kViews);
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("snake_case.ndjson");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(p.event(lines[0]), "order.placed id=evt_01HXK3M7N8P2Q4R5T6V7W8X9Y0 at 2026-04-03T09:15:00Z source=order-service version=2.1");
  EXPECT_EQ(p.event(lines[1]),
            "order.shipped id=evt_01HXK3M7N8P2Q4R5T6V7W8X9Y1 at 2026-04-04T14:40:12.250000Z source=shipping-service version=2.1");
  const std::string placed =
      "fact_orders[ord_abc123] set currency=EUR, set total_cents=3998, set customer_id=cust_xyz789, set item_count=1, "
      "set placed_at=2026-04-03T09:15:00Z; daily_revenue[2026-04-03, EUR] add orders=1, add revenue_cents=3998";
  EXPECT_EQ(p.changes(lines[0]), placed);
  EXPECT_EQ(p.changes(lines[1]), "fact_orders[ord_abc123] set shipped_at=2026-04-04T14:40:12.250000Z");
  EXPECT_EQ(p.changes(lines[2]), placed);  // that it is a duplicate is the engine's to see, by its ID
  EXPECT_EQ(p.event(lines[2]).substr(0, 60), p.event(lines[0]).substr(0, 60));
}

TEST(SampleData, CamelCaseMadeAlikeByTheEnvelope) {
  Projection p(std::string(R"yaml(source:
  topics: shop.orders
  partition_key: data.order_id
  envelope:
    type: eventType
    id: eventId
    time: timestamp
    source: source
    schema_version: version
    correlation_id: correlationId
    data:
      order_id: data.orderId
      customer_id: "data.?userId"
      currency: "'EUR'"
      total_cents: "data.?total.optMap(t, int(t * 100))"
      items: "data.?items"
)yaml") + kViews);
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("camel_case.ndjson");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(p.event(lines[0]),
            "OrderPlaced id=550e8400-e29b-41d4-a716-446655440000 at 2026-03-30T10:00:00Z correlation=req-abc123 "
            "source=order-service version=1");
  EXPECT_EQ(p.changes(lines[0]),
            "fact_orders[ord-123] set currency=EUR, set total_cents=5998, set customer_id=user-456, set item_count=1, "
            "set placed_at=2026-03-30T10:00:00Z; daily_revenue[2026-03-30, EUR] add orders=1, add revenue_cents=5998");
  EXPECT_EQ(p.changes(lines[1]), "fact_orders[ord-123] set shipped_at=2026-03-31T08:30:00Z");
}

// Money as a JSON number is exact, never a double.
TEST(SampleData, CamelCaseMoneyIsExactInANumericColumn) {
  Projection p(R"yaml(source:
  topics: shop.orders
  partition_key: data.orderId
  envelope: {type: eventType, id: eventId, time: timestamp, data: data}
views:
  orders:
    key: {order_id: {type: text, from: data.orderId}}
    fields: {total: numeric, rounded: "numeric(12,2)", price: double}
    on_event: {OrderPlaced: {copy: [total], set: {rounded: data.total, price: data.total}}}
)yaml");
  ASSERT_TRUE(p.compiled()) << p.findings();
  EXPECT_EQ(p.changes(data_lines("camel_case.ndjson")[0]), "orders[ord-123] set total=59.98, set rounded=59.98, set price=59.98");
}

TEST(SampleData, FlatWithoutAnEnvelope) {
  Projection p(std::string(R"yaml(source:
  topics: legacy.orders
  partition_key: data.order_id
  envelope: {type: type, data: {order_id: order_id, currency: "'EUR'", total_cents: "record.value.?amount.optMap(a, int(a * 100))", items: "record.value.?products"
}
}
)yaml") + kViews);
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("flat.ndjson");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(p.event(lines[0]), "OrderPlaced id= at 2026-01-01T00:00:00Z");  // the record's time, and its position as identity
  EXPECT_EQ(p.changes(lines[0]),
            "fact_orders[o-1] set currency=EUR, set total_cents=2999, set item_count=2, "
            "set placed_at=2026-01-01T00:00:00Z; daily_revenue[2026-01-01, EUR] add orders=1, add revenue_cents=2999");
  EXPECT_EQ(p.changes(lines[1]), "fact_orders[o-1] set shipped_at=2026-01-01T00:00:00Z");
  EXPECT_EQ(p.counts().missing_ids, 0U);  // none was named
}

TEST(SampleData, Bank) {
  Projection p(R"yaml(source:
  topics: bank.accounts
  partition_key: key
  envelope: {type: event_type, id: event_id, time: timestamp, key: aggregate_id, data: data}
views:
  accounts:
    key: {account_id: {type: text, from: key}}
    fields: {owner: text, balance: numeric, opened_at: timestamptz}
    on_event:
      AccountOpened: {copy: [owner], set: {opened_at: time}, add: {balance: data.initial_deposit}}
      MoneyDeposited: {add: {balance: data.amount}}
      MoneyWithdrawn: {add: {balance: -data.amount}}
)yaml");
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("bank.ndjson");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(p.event(lines[0]), "AccountOpened id=e1 at 2026-01-01T09:00:00Z key=acct-001");
  EXPECT_EQ(p.changes(lines[0]), "accounts[acct-001] set owner=Alice, set opened_at=2026-01-01T09:00:00Z, add balance=1000.0");
  EXPECT_EQ(p.changes(lines[1]), "accounts[acct-001] add balance=500.0");
  EXPECT_EQ(p.changes(lines[2]), "accounts[acct-001] add balance=-200.0");
}

TEST(SampleData, Debezium) {
  Projection p(R"yaml(source: {topics: app.public.orders, partition_key: data.order_id, envelope: debezium}
views:
  orders:
    key: {order_id: bigint}
    soft_delete: deleted_at
    fields: {customer_id: bigint, amount: "numeric(12,2)", status: text, created_at: timestamptz}
    on_event: {orders.create | orders.read | orders.update: {patch: all}, orders.delete: {delete: true}}
)yaml");
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("debezium.ndjson");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(p.event(TestRecord{lines[0], R"({"order_id":1001})"}),
            "orders.create id=app.app_db.public.orders lsn=987654321 c {\"order_id\":1001} at 2024-03-15T10:53:20.123000Z "
            "key={\"order_id\":1001}");
  EXPECT_EQ(p.changes(lines[0]),
            "orders[1001] set customer_id=501, set amount=29.99, set status=pending, set created_at=2024-03-15T10:53:20Z");
  EXPECT_EQ(p.changes(lines[1]),
            "orders[1001] set customer_id=501, set amount=29.99, set status=confirmed, set created_at=2024-03-15T10:53:20Z");
  EXPECT_EQ(p.changes(lines[2]), "orders[1001] delete at 2024-03-15T10:53:29.123000Z");
  EXPECT_EQ(p.changes(TestRecord{std::nullopt, R"({"order_id":1001})"}), "skipped");  // G11: its tombstone
}

TEST(SampleData, EveryMalformedRecordSaysWhatIsWrongWithIt) {
  Projection p(std::string(kSnakeCase) + kViews);
  ASSERT_TRUE(p.compiled()) << p.findings();
  const auto lines = data_lines("malformed.ndjson");
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(p.changes(lines[0]), "decode: type is missing: the record has no 'event_type'");
  EXPECT_EQ(p.changes(lines[1]), "decode: time: \"yesterday\" is not a time");
  EXPECT_EQ(p.last_event().id, "evt_bad_1");  // known by then, for the letter
  EXPECT_EQ(p.last_event().type, "order.placed");
  EXPECT_THAT(p.changes(lines[2]), HasSubstr("key part order_id is missing (data.order_id)"));
  EXPECT_EQ(p.changes(lines[3]), "decode: not JSON: expected a value, but the text ends (byte 99)");
  EXPECT_EQ(p.changes(lines[4]), "decode: not JSON: expected a value, found 'n' (byte 0)");
  EXPECT_THAT(p.changes(lines[5]), HasSubstr("99999999999999999999999 is not a bigint"));
}

TEST(SampleData, AnErrorInOneViewLeavesNoChangeInAnother) {
  Projection p(std::string(kSnakeCase) + kViews);
  const auto lines = data_lines("snake_case.ndjson");
  std::string line = lines[0];
  line.replace(line.find("3998"), 4, "1e30");
  EXPECT_THAT(p.changes(line), HasSubstr("project: view fact_orders, copy total_cents: "));
  EXPECT_TRUE(p.last_changes().empty());
}

}  // namespace
}  // namespace foldline
