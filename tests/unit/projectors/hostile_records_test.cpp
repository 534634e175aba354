// Whatever a topic holds, each record is an event, is skipped, or is an error with a message; twice the same (G13); and nothing crashes.
// Run under the address sanitizer in CI: records have exactly the padding that the contract promises.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/projectors/projection.h"

namespace foldline {
namespace {

constexpr const char* kView = R"yaml(
views:
  v:
    key: {k: {type: text, from: "string(id)"}}
    newest_by: time
    soft_delete: gone
    cross_partition: never
    fields: {a: text, b: bigint, c: numeric, d: json, e: timestamptz, n: int, key: text}
    on_event:
      "*.delete": {delete: true}
      "*": {patch: [a, b, c], set: {d: data, e: time, n: size(data), key: key}, reject: {Negative: "data.?b.orValue(0) == -1"}}
)yaml";

const std::vector<std::string>& sources() {
  static const std::vector<std::string> all = {
      "{topics: t, envelope: flat}",
      "{topics: t, envelope: {type: event_type, id: event_id, time: occurred_at, data: payload, correlation_id: producer}, redact: "
      "[data.a]}",
      "{topics: t, strict: true, envelope: {type: eventType, data: {a: data.orderId, b: \"data.?total\", c: \"data.?items\"}}}",
      "{topics: t, envelope: cloudevents}",
      "{topics: t, envelope: headers}",
      "{topics: t, envelope: debezium, redact: [data.status]}",
      "{topics: t, envelope: outbox}",
      "{topics: t, key_format: json, envelope: {key: record.key.order_id}}",
      "{topics: t, format: text, envelope: flat}",
      "{topics: t, format: bytes, envelope: flat}",
  };
  return all;
}

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (const char* name : {"snake_case.ndjson", "camel_case.ndjson", "flat.ndjson", "bank.ndjson", "debezium.ndjson", "malformed.ndjson"}) {
    for (std::string& line : data_lines(name)) out.push_back(std::move(line));
  }
  out.push_back(R"({"specversion":"1.0","type":"t","source":"s","id":"1","time":"2026-04-03T09:15:00Z","data":{"a":"x","b":-1}})");
  out.push_back(
      R"({"before":null,"after":{"id":"e","aggregate_id":"p","event_type":"T","payload":"{\"a\":\"x\"}","created_at":1},"op":"c","source":{"table":"o","lsn":1}})");
  out.push_back(R"({"schema":{},"payload":{"before":{"order_id":1},"after":null,"op":"d","source":{"table":"o","lsn":1}}})");
  return out;
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  TestRecord record(const std::vector<std::string>& from) {
    TestRecord out;
    if (below(20) != 0) out.value = mutate(from[below(from.size())]);
    if (below(3) != 0) out.key = mutate(R"({"schema":{},"payload":{"order_id":1}})");
    static const char* const kNames[] = {"type", "id", "time", "ce_type", "ce_id", "ce_time", "content-type", "ce_specversion", "x"};
    static const char* const kValues[] = {
        "t", "", "1", "2026-04-03T09:15:00Z", "application/json", "application/cloudevents+json", "text/plain", "\xFF\xFE"};
    const std::size_t headers = below(5);
    for (std::size_t i = 0; i < headers; ++i) {
      std::optional<std::string> value;
      if (below(6) != 0) value = kValues[below(8)];
      out.headers.emplace_back(kNames[below(9)], value);
    }
    return out;
  }

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  std::string mutate(std::string text) {
    static const std::vector<std::string> kPieces = {"null", "\"\\ud800\"", "1e400",
                                                     "-",    "{}",          "[]",
                                                     "\"\"", "true",        std::string(50, '9'),
                                                     "\xFF", "\\",          "\"__debezium_unavailable_value\""};
    if (below(3) == 0) return text;
    const std::size_t changes = 1 + below(3);
    for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
      switch (below(4)) {
        case 0: text[below(text.size())] = static_cast<char>(random_() % 256); break;
        case 1: text.resize(below(text.size() + 1)); break;
        case 2: text.insert(below(text.size() + 1), kPieces[below(kPieces.size())]); break;
        default: {
          const std::size_t colon = text.find(':', below(text.size()));  // another value for some member
          if (colon == std::string::npos) break;
          const std::size_t end = std::min(text.find_first_of(",}", colon), text.size());
          text.replace(colon + 1, end - colon - 1, kPieces[below(kPieces.size())]);
        }
      }
    }
    return text;
  }

  std::mt19937_64 random_;
};

TEST(HostileRecords, AreEventsSkippedOrErrorsWithAMessage) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Mutator mutator(seed);
  const std::vector<std::string> from = seeds();
  for (const std::string& source : sources()) {
    Projection p("source: " + source + kView);
    ASSERT_TRUE(p.compiled()) << source << "\n" << p.findings();
    int errors = 0;
    int changed = 0;
    for (int round = 0; round < 1500 && !HasFailure(); ++round) {
      const TestRecord record = mutator.record(from);
      const std::string first = p.changes(record);
      const bool failed = first.starts_with("decode: ") || first.starts_with("project: ");
      if (failed) {
        EXPECT_GT(first.size(), 10U) << source;
        EXPECT_TRUE(p.last_changes().empty());
        EXPECT_NE(p.last_error().code, ErrorCode::internal) << first << "\n" << record.value.value_or("(null)");
      }
      errors += failed ? 1 : 0;
      changed += failed || first == "skipped" ? 0 : 1;
      EXPECT_EQ(p.changes(record), first) << source;
    }
    EXPECT_GT(errors + changed, 0) << source;
  }
}

}  // namespace
}  // namespace foldline
