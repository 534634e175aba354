// How long an event takes from its producer to a reader of the table: writes orders at a steady rate, and asks the table again and again
// for those that it has not shown yet, by their keys.
//
//   KAFKA_BROKERS=... POSTGRES_URL=... build/bench/order_latency --topic bench.orders --table analytics.orders --rate 2000 --seconds 10
//
// An order's total_cents is the time at which it was handed to the producer (microseconds since 1970). The reader asks at most every half
// millisecond, the same way whoever writes the table. Orders of the first second are sent, and not counted. One line of JSON, milliseconds.
#include <libpq-fe.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/limits/kafka_client.h"
#include "bench/limits/program.h"
#include "bench/orders/order.h"

namespace foldline::bench {
namespace {

constexpr std::size_t kMaxAsked = 500;
constexpr std::chrono::microseconds kBetweenQuestions{500};
constexpr double kGiveUpAfterS = 60;  // behind the last event
constexpr double kWarmUpS = 1;

struct Options {
  std::string brokers;
  std::string url;
  std::string topic;
  std::string table;
  std::int64_t rate_per_s = 2'000;
  double seconds = 10;
  std::int64_t first = 0;
};

// Orders that are sent and have not been seen, oldest first.
class Outstanding {
 public:
  void sent(std::int64_t number) {
    const std::scoped_lock lock(mutex_);
    numbers_.push_back(number);
  }
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  [[nodiscard]] std::vector<std::int64_t> oldest() const {
    const std::scoped_lock lock(mutex_);
    return {numbers_.begin(), numbers_.begin() + static_cast<std::ptrdiff_t>(std::min(numbers_.size(), kMaxAsked))};
  }
  void seen(const std::unordered_map<std::int64_t, std::int64_t>& found) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(numbers_, [&](std::int64_t number) { return found.contains(number); });
  }
  [[nodiscard]] bool all_seen() const {
    const std::scoped_lock lock(mutex_);
    return ended_ && numbers_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::int64_t> numbers_;
  bool ended_ = false;
};

void produce(const Options& options, Outstanding& outstanding) {
  const KafkaClient client(
      RD_KAFKA_PRODUCER,
      {{"bootstrap.servers", options.brokers}, {"linger.ms", "0"}, {"enable.idempotence", "true"}, {"partitioner", "murmur2_random"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client.get(), options.topic.c_str(), nullptr);
  const auto events = static_cast<std::int64_t>(static_cast<double>(options.rate_per_s) * options.seconds);
  const auto start = std::chrono::steady_clock::now();
  std::string value;
  for (std::int64_t i = 0; i < events; ++i) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(i * 1'000'000'000 / options.rate_per_s));
    Order order(options.first + i, i % 1'000, 0);
    order.total_cents = wall_time_us();
    value.clear();
    append_placed(value, order);
    if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), order.order_id.data(),
                         order.order_id.size(), nullptr) != 0) {
      check_kafka(rd_kafka_last_error(), "writing");
    }
    rd_kafka_poll(client.get(), 0);
    outstanding.sent(order.number);
  }
  check_kafka(rd_kafka_flush(client.get(), 10'000), "writing");
  rd_kafka_topic_destroy(topic);
  outstanding.end();
}

class Reader {
 public:
  explicit Reader(const Options& options) : connection_(PQconnectdb(options.url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up("{}", PQerrorMessage(connection_.get()));
    const std::string sql = "SELECT substr(order_id, 3), total_cents FROM " + options.table + " WHERE order_id = ANY($1::text[])";
    PGresult* result = PQprepare(connection_.get(), "read", sql.c_str(), 1, nullptr);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) give_up("{}: {}", sql, PQerrorMessage(connection_.get()));
    PQclear(result);
  }

  // Order's number → when it was sent.
  std::unordered_map<std::int64_t, std::int64_t> read(const std::vector<std::int64_t>& numbers) {
    std::string list = "{";
    for (const std::int64_t number : numbers) fmt::format_to(std::back_inserter(list), "{}o-{}", list.size() > 1 ? "," : "", number);
    list += "}";
    const char* value = list.c_str();
    PGresult* result = PQexecPrepared(connection_.get(), "read", 1, &value, nullptr, nullptr, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) give_up("reading: {}", PQerrorMessage(connection_.get()));
    std::unordered_map<std::int64_t, std::int64_t> out;
    for (int i = 0; i < PQntuples(result); ++i) out[std::atoll(PQgetvalue(result, i, 0))] = std::atoll(PQgetvalue(result, i, 1));
    PQclear(result);
    return out;
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

double at_share(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(static_cast<double>(sorted.size()) * share))];
}

void run(const Options& options) {
  Reader reader(options);
  Outstanding outstanding;
  const std::int64_t count_from_us = wall_time_us() + static_cast<std::int64_t>(kWarmUpS * 1e6);
  std::thread producer([&] { produce(options, outstanding); });
  std::vector<double> latencies_ms;
  const Stopwatch watch;
  std::size_t seen = 0;
  while (!outstanding.all_seen()) {
    if (watch.seconds() > options.seconds + kGiveUpAfterS) give_up("{} orders were seen, and no more in time", seen);
    const std::vector<std::int64_t> asked = outstanding.oldest();
    if (!asked.empty()) {
      const auto found = reader.read(asked);
      const std::int64_t now_us = wall_time_us();
      seen += found.size();
      for (const auto& [number, sent_us] : found) {
        if (sent_us >= count_from_us) latencies_ms.push_back(static_cast<double>(now_us - sent_us) / 1e3);
      }
      outstanding.seen(found);
    }
    std::this_thread::sleep_for(kBetweenQuestions);
  }
  producer.join();
  if (latencies_ms.empty()) give_up("no order was sent after the first {} s", kWarmUpS);
  std::sort(latencies_ms.begin(), latencies_ms.end());
  fmt::print("{{\"events\": {}, \"p50_ms\": {:.3f}, \"p99_ms\": {:.3f}, \"max_ms\": {:.3f}}}\n", latencies_ms.size(),
             at_share(latencies_ms, 0.5), at_share(latencies_ms, 0.99), latencies_ms.back());
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  foldline::bench::Options options;
  CLI::App app{"From a producer to a reader"};
  app.add_option("--brokers", options.brokers, "host:port")->envname("KAFKA_BROKERS")->required();
  app.add_option("--url", options.url)->envname("POSTGRES_URL")->required();
  app.add_option("--topic", options.topic)->required();
  app.add_option("--table", options.table, "which shows order_id and total_cents")->required();
  app.add_option("--rate", options.rate_per_s, "events a second")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--seconds", options.seconds)->check(CLI::Range(2, 3'600))->capture_default_str();
  app.add_option("--first", options.first, "the first order's number")->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  foldline::bench::run(options);
  return 0;
}
