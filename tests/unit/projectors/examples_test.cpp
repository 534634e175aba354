// Each example of config/examples over the sample events that it was written for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

using ::testing::HasSubstr;

class Example : public Projection {
 public:
  explicit Example(const std::string& name)
      : Projection(std::filesystem::path(FOLDLINE_EXAMPLES) / name, {{"POSTGRES_URL", "postgres://localhost/test"},
                                                                     {"REDIS_URL", "redis://localhost"},
                                                                     {"SEARCH_URL", "http://localhost:9200"},
                                                                     {"KAFKA_BROKERS", "localhost:9092"}}) {}
};

TEST(Examples, EveryOneCompilesWithoutAFinding) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FOLDLINE_EXAMPLES)) {
    if (entry.path().filename() == "foldline.yaml") continue;
    Example example(entry.path().filename().string());
    EXPECT_TRUE(example.compiled()) << entry.path();
    EXPECT_EQ(example.findings(), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(Examples, OrdersAnalyticsReadsSnakeCase) {
  Example p("orders-analytics.yaml");
  const auto lines = data_lines("snake_case.ndjson");
  EXPECT_EQ(p.changes(lines[0]),
            "fact_orders[ord_abc123] set customer_id=cust_xyz789, set currency=EUR, set total_cents=3998, set item_count=1, "
            "set status=placed, set placed_at=2026-04-03T09:15:00Z; daily_revenue[2026-04-03, EUR] add orders=1, add revenue_cents=3998");
  EXPECT_EQ(p.changes(lines[1]), "fact_orders[ord_abc123] set status=shipped, set shipped_at=2026-04-04T14:40:12.250000Z");
  EXPECT_FALSE(p.last_changes().at(0).guard.empty());  // a shipment that reaches the log first must not lose its status
  EXPECT_EQ(p.changes(R"({"event_type":"order.cancelled","event_id":"e","occurred_at":"2026-04-05T00:00:00Z","payload":{"order_id":"o"}})"),
            "fact_orders[o] set status=cancelled");
}

TEST(Examples, OrdersAnalyticsRefusesMalformedEvents) {
  Example p("orders-analytics.yaml");
  for (const std::string& line : data_lines("malformed.ndjson")) {
    const std::string answer = p.changes(line);
    EXPECT_TRUE(answer.starts_with("decode: ") || answer.starts_with("project: ")) << line << "\n" << answer;
  }
}

TEST(Examples, ShopReadsCamelCaseWithExactMoney) {
  Example p("shop-camel.yaml");
  const auto lines = data_lines("camel_case.ndjson");
  EXPECT_EQ(p.changes(lines[0]),
            "shop_orders[ord-123] set customer_id=user-456, set total=59.98, set item_count=1, set placed_at=2026-03-30T10:00:00Z");
  EXPECT_EQ(p.changes(lines[1]), "shop_orders[ord-123] set shipped_at=2026-03-31T08:30:00Z");
  EXPECT_THAT(p.event(lines[0]), HasSubstr("correlation=req-abc123"));
}

TEST(Examples, LegacyReadsFlatEvents) {
  Example p("legacy-flat.yaml");
  const auto lines = data_lines("flat.ndjson");
  EXPECT_EQ(p.changes(lines[0]),
            "legacy_orders[o-1] set customer_name=Ada Lovelace, set products=[\"Difference Engine\",\"Punched cards\"], set amount=29.99, "
            "set placed_at=2026-01-01T00:00:00Z");
  EXPECT_EQ(p.changes(lines[1]), "legacy_orders[o-1] set shipped_at=2026-01-01T00:00:00Z");
}

TEST(Examples, BankBalancesAreSumsOfItsEvents) {
  Example p("bank-balances.yaml");
  const auto lines = data_lines("bank.ndjson");
  EXPECT_EQ(p.changes(lines[0]), "accounts[acct-001] set owner=Alice, set opened_at=2026-01-01T09:00:00Z, add balance=1000.0");
  EXPECT_EQ(p.changes(lines[1]), "accounts[acct-001] add balance=500.0, add transactions=1");
  EXPECT_EQ(p.changes(lines[2]), "accounts[acct-001] add balance=-200.0, add transactions=1");
  EXPECT_THAT(
      p.changes(
          R"({"event_id":"e","event_type":"MoneyWithdrawn","aggregate_id":"a","data":{"amount":0},"timestamp":"2026-01-01T09:00:00"})"),
      HasSubstr("The amount is not above zero"));
}

TEST(Examples, OrdersMirrorDeletesSoftly) {
  Example p("orders-mirror.yaml");
  const auto lines = data_lines("debezium.ndjson");
  EXPECT_EQ(p.changes(lines[0]),
            "orders_mirror[1001] set customer_id=501, set amount=29.99, set status=pending, set created_at=2024-03-15T10:53:20Z");
  EXPECT_EQ(p.changes(lines[1]),
            "orders_mirror[1001] set customer_id=501, set amount=29.99, set status=confirmed, set created_at=2024-03-15T10:53:20Z");
  EXPECT_THAT(p.changes(lines[2]), HasSubstr("orders_mirror[1001] delete at 2024-03-15T10:53:29.123000Z"));
  EXPECT_EQ(p.changes(TestRecord{std::nullopt, R"({"order_id":1001})"}), "skipped");  // the tombstone behind a delete (G11)
}

}  // namespace
}  // namespace foldline
