// Fills a topic with order events that become visible all at once: they are written in one transaction, and it is committed when a line
// comes on standard input. So a worker can stand ready, and the clock starts with the commit.
//
//   build/bench/fill_topic --topic bench.orders --workload new --events 1000000
//
// Workloads: `new` places each order once; `shipped` places every order and ships it, a fifth of them long after; `rounds` places
// --orders orders again and again, with a new total each time; `customers` places orders of --customers customers at random, with the
// customer as the record's key. Says, in one line of JSON, what the events add up to; and `committed` when they are visible.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/limits/kafka_client.h"
#include "bench/limits/program.h"
#include "bench/orders/order.h"

namespace foldline::bench {
namespace {

constexpr int kTransactionTimeoutMs = 600'000;
constexpr int kPollEveryRecords = 1'000;
constexpr int kQueueFullWaitMs = 5;
constexpr std::int64_t kCustomersOfOrders = 1'000;
constexpr std::int64_t kRoundsOfARevision = 1'000'000;
constexpr std::int64_t kLateShare = 5;             // every fifth order is shipped late
constexpr std::int64_t kSoonAfterOrders = 100;     // shipped so many orders later: mostly in the same batch
constexpr std::int64_t kLateAfterOrders = 60'000;  // beyond any batch

struct Options {
  std::string brokers;
  std::string topic;
  std::string workload = "new";
  std::int64_t events = 1'000'000;
  std::int64_t first = 0;
  std::int64_t revision = 0;
  std::int64_t customers = 1'000;
  std::int64_t orders = 50'000;
};

struct Totals {
  std::int64_t events = 0;
  std::int64_t placed = 0;
  std::int64_t shipped = 0;
  std::int64_t total_cents = 0;
  std::int64_t item_count = 0;
  std::int64_t bytes = 0;
};

class Writer {
 public:
  explicit Writer(const Options& options)
      : client_(RD_KAFKA_PRODUCER, {{"bootstrap.servers", options.brokers},
                                    {"transactional.id", "bench-" + options.topic},
                                    {"transaction.timeout.ms", std::to_string(kTransactionTimeoutMs)},
                                    {"compression.codec", "lz4"},
                                    {"linger.ms", "20"},
                                    {"batch.num.messages", "10000"},
                                    {"queue.buffering.max.messages", "200000"},
                                    {"partitioner", "murmur2_random"}}),
        topic_(rd_kafka_topic_new(client_.get(), options.topic.c_str(), nullptr)) {
    check_kafka(rd_kafka_init_transactions(client_.get(), kTransactionTimeoutMs), "beginning with transactions");
    check_kafka(rd_kafka_begin_transaction(client_.get()), "beginning a transaction");
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { rd_kafka_topic_destroy(topic_); }

  void write(const std::string& key, std::string& value) {
    while (rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), key.data(), key.size(),
                            nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) check_kafka(rd_kafka_last_error(), "writing");
      rd_kafka_poll(client_.get(), kQueueFullWaitMs);
    }
    totals.bytes += static_cast<std::int64_t>(value.size());
    if (++totals.events % kPollEveryRecords == 0) rd_kafka_poll(client_.get(), 0);
  }
  void flush() { check_kafka(rd_kafka_flush(client_.get(), kTransactionTimeoutMs), "writing"); }
  void commit() { check_kafka(rd_kafka_commit_transaction(client_.get(), kTransactionTimeoutMs), "committing"); }

  Totals totals;

 private:
  KafkaClient client_;
  rd_kafka_topic_t* topic_;
};

class Workload {
 public:
  Workload(const Options& options, Writer& writer) : options_(options), writer_(writer) {}

  void write_all() {
    if (options_.workload == "new") {
      for (std::int64_t i = 0; i < options_.events; ++i) place(Order(options_.first + i, customer(i), options_.revision), false);
    } else if (options_.workload == "customers") {
      for (std::int64_t i = 0; i < options_.events; ++i) {
        const std::int64_t n = options_.first + i;
        place(Order(n, static_cast<std::int64_t>(scrambled(static_cast<std::uint64_t>(n)) % static_cast<std::uint64_t>(options_.customers)),
                    options_.revision),
              true);
      }
    } else if (options_.workload == "rounds") {
      write_rounds();
    } else if (options_.workload == "shipped") {
      write_shipped();
    } else {
      give_up("--workload is new, shipped, rounds or customers, not {}", options_.workload);
    }
  }

 private:
  std::int64_t customer(std::int64_t i) const { return (options_.first + i) % kCustomersOfOrders; }

  void place(const Order& order, bool key_is_customer) {
    value_.clear();
    append_placed(value_, order);
    writer_.write(key_is_customer ? order.customer_id : order.order_id, value_);
    ++writer_.totals.placed;
    writer_.totals.total_cents += order.total_cents;
    writer_.totals.item_count += order.item_count;
  }

  void ship(std::int64_t i) {
    const Order order(options_.first + i, customer(i), options_.revision);
    value_.clear();
    append_shipped(value_, order);
    writer_.write(order.order_id, value_);
    ++writer_.totals.shipped;
  }

  // The totals are those of each order's last round.
  void write_rounds() {
    const std::int64_t orders = std::min(options_.orders, options_.events);
    for (std::int64_t i = 0; i < options_.events; ++i) {
      if (i + orders >= options_.events) {
        place(round(i, orders), false);
        continue;
      }
      value_.clear();
      const Order order = round(i, orders);
      append_placed(value_, order);
      writer_.write(order.order_id, value_);
    }
  }
  Order round(std::int64_t i, std::int64_t orders) const {
    return {options_.first + i % orders, customer(i % orders), options_.revision * kRoundsOfARevision + i / orders};
  }

  // Order i is placed at step i, and shipped `soon` or, every fifth, `late` steps later.
  void write_shipped() {
    const std::int64_t orders = options_.events / 2;
    const std::int64_t late = std::min(kLateAfterOrders, orders / 2);
    for (std::int64_t step = 0; step < orders + late; ++step) {
      if (step < orders) place(Order(options_.first + step, customer(step), options_.revision), false);
      const std::int64_t soon = step - kSoonAfterOrders;
      if (soon >= 0 && soon < orders && soon % kLateShare != 0) ship(soon);
      const std::int64_t now_late = step - late;
      if (now_late >= 0 && now_late < orders && now_late % kLateShare == 0) ship(now_late);
    }
  }

  const Options& options_;
  Writer& writer_;
  std::string value_;
};

void run(const Options& options) {
  const Stopwatch watch;
  Writer writer(options);
  Workload(options, writer).write_all();
  writer.flush();
  const Totals& t = writer.totals;
  fmt::print(
      "{{\"events\": {}, \"placed\": {}, \"shipped\": {}, \"total_cents\": {}, \"item_count\": {}, \"bytes\": {}, \"seconds\": {:.3f}}}\n",
      t.events, t.placed, t.shipped, t.total_cents, t.item_count, t.bytes, watch.seconds());
  std::fflush(stdout);
  char line = 0;
  while (line != '\n') {
    if (read(STDIN_FILENO, &line, 1) != 1) give_up("nobody asked for the commit");
  }
  writer.commit();
  fmt::print("committed\n");
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  foldline::bench::Options options;
  CLI::App app{"Order events that become visible all at once"};
  app.add_option("--brokers", options.brokers, "host:port")->envname("KAFKA_BROKERS")->required();
  app.add_option("--topic", options.topic, "which exists")->required();
  app.add_option("--workload", options.workload, "new, shipped, rounds or customers")->capture_default_str();
  app.add_option("--events", options.events)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--first", options.first, "the first order's number")->check(CLI::NonNegativeNumber);
  app.add_option("--revision", options.revision, "another one changes the same orders")->check(CLI::NonNegativeNumber);
  app.add_option("--orders", options.orders, "of `rounds`")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--customers", options.customers)->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  foldline::bench::run(options);
  return 0;
}
