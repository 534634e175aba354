// The least that a program can do from Kafka to PostgreSQL: take one record, write one row, commit. No batches, no checkpoint, no IDs. What
// Foldline's latency is held against.
//
//   KAFKA_BROKERS=... POSTGRES_URL=... build/bench/minimal_loop --topic bench.orders
//
// Makes the table bare_orders anew, says `ready`, and runs until it is told to end (SIGTERM). `--loops 8`: as many of them side by side,
// each with a thread, a connection and its share of the partitions, for a rate at which one can't wait for the disk often enough.
#include <libpq-fe.h>
#include <simdjson.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "bench/limits/kafka_client.h"
#include "bench/limits/program.h"

namespace foldline::bench {
namespace {

constexpr int kWaitMs = 100;

std::atomic<bool> ended = false;
void end(int /*signal*/) { ended = true; }

class Table {
 public:
  explicit Table(const std::string& url) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up("{}", PQerrorMessage(connection_.get()));
  }

  void make() {
    expect(PQexec(connection_.get(), "SET client_min_messages = warning"));
    expect(PQexec(connection_.get(), "DROP TABLE IF EXISTS bare_orders"));
    expect(PQexec(connection_.get(),
                  "CREATE TABLE bare_orders (order_id text PRIMARY KEY, customer_id text, total_cents bigint, currency text)"));
  }

  void prepare() {
    expect(PQprepare(connection_.get(), "write",
                     "INSERT INTO bare_orders VALUES ($1, $2, $3::bigint, $4) ON CONFLICT (order_id) DO UPDATE SET customer_id = "
                     "excluded.customer_id, total_cents = excluded.total_cents, currency = excluded.currency",
                     4, nullptr));
  }

  // A statement of its own is a transaction of its own.
  void write(const std::string& order_id, const std::string& customer_id, std::int64_t total_cents, const std::string& currency) {
    const std::string total = std::to_string(total_cents);
    const char* values[] = {order_id.c_str(), customer_id.c_str(), total.c_str(), currency.c_str()};
    expect(PQexecPrepared(connection_.get(), "write", 4, values, nullptr, nullptr, 0));
  }

 private:
  void expect(PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK) give_up("{}", PQerrorMessage(connection_.get()));
  }

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

// One record, one row, one commit.
void take(rd_kafka_queue_t* records, Table& table) {
  simdjson::ondemand::parser parser;
  while (!ended) {
    rd_kafka_message_t* message = rd_kafka_consume_queue(records, kWaitMs);
    if (message == nullptr) continue;
    check_kafka(message->err, "reading");
    const simdjson::padded_string json(static_cast<const char*>(message->payload), message->len);
    auto document = parser.iterate(json);
    auto payload = document["payload"].get_object();
    const std::string_view order_id = payload["order_id"];
    const std::string_view customer_id = payload["customer_id"];
    const std::int64_t total_cents = payload["total_cents"];
    const std::string_view currency = payload["currency"];
    table.write(std::string(order_id), std::string(customer_id), total_cents, std::string(currency));
    rd_kafka_message_destroy(message);
  }
}

// A queue for each loop, with its share of the partitions. Before anything is assigned: no record goes another way.
std::vector<rd_kafka_queue_t*> share_out(const KafkaClient& client, const std::string& topic, int loops) {
  std::vector<rd_kafka_queue_t*> out;
  for (int i = 0; i < loops; ++i) out.push_back(rd_kafka_queue_new(client.get()));
  const int partitions = client.partitions(topic);
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_queue_t* partition = rd_kafka_queue_get_partition(client.get(), topic.c_str(), p);
    rd_kafka_queue_forward(partition, out[static_cast<std::size_t>(p % loops)]);
    rd_kafka_queue_destroy(partition);
  }
  return out;
}

void run(const std::string& brokers, const std::string& url, const std::string& topic, int loops) {
  Table(url).make();
  std::deque<Table> tables;
  for (int i = 0; i < loops; ++i) tables.emplace_back(url).prepare();
  const KafkaClient client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                               {"group.id", "bench-minimal"},
                                               {"enable.auto.commit", "false"},
                                               {"auto.offset.reset", "error"},
                                               {"fetch.wait.max.ms", "100"}});
  const std::vector<rd_kafka_queue_t*> queues = share_out(client, topic, loops);
  client.assign(topic, RD_KAFKA_OFFSET_BEGINNING);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < queues.size(); ++i) threads.emplace_back([&table = tables[i], queue = queues[i]] { take(queue, table); });
  fmt::print("ready\n");
  std::fflush(stdout);
  while (!ended) {  // the client's own matters; all records go to the threads
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kWaitMs);
    if (message == nullptr) continue;
    check_kafka(message->err, "reading " + topic);
    give_up("a record came past the loops");
  }
  for (std::thread& thread : threads) thread.join();
  for (rd_kafka_queue_t* queue : queues) rd_kafka_queue_destroy(queue);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  std::string brokers;
  std::string url;
  std::string topic;
  int loops = 1;
  CLI::App app{"One record, one row, one commit"};
  app.add_option("--brokers", brokers, "host:port")->envname("KAFKA_BROKERS")->required();
  app.add_option("--url", url)->envname("POSTGRES_URL")->required();
  app.add_option("--topic", topic)->required();
  app.add_option("--loops", loops, "side by side")->check(CLI::Range(1, 64))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, &foldline::bench::end);
  std::signal(SIGINT, &foldline::bench::end);
  foldline::bench::run(brokers, url, topic, loops);
  return 0;
}
