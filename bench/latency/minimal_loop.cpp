// The least that a program can do from Kafka to PostgreSQL: take one record, write one row, commit. No batches, no checkpoint, no IDs. What
// Foldline's latency is held against.
//
//   KAFKA_BROKERS=... POSTGRES_URL=... build/bench/minimal_loop --topic bench.orders
//
// Makes the table bare_orders anew, says `ready`, and runs until it is told to end (SIGTERM).
#include <libpq-fe.h>
#include <simdjson.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>

#include "bench/limits/kafka_client.h"
#include "bench/limits/program.h"

namespace foldline::bench {
namespace {

constexpr int kWaitMs = 100;

volatile std::sig_atomic_t ended = 0;
void end(int /*signal*/) { ended = 1; }

class Table {
 public:
  explicit Table(const std::string& url) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up("{}", PQerrorMessage(connection_.get()));
    expect(PQexec(connection_.get(), "SET client_min_messages = warning"));
    expect(PQexec(connection_.get(), "DROP TABLE IF EXISTS bare_orders"));
    expect(PQexec(connection_.get(),
                  "CREATE TABLE bare_orders (order_id text PRIMARY KEY, customer_id text, total_cents bigint, currency text)"));
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

void run(const std::string& brokers, const std::string& url, const std::string& topic) {
  Table table(url);
  const KafkaClient client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                               {"group.id", "bench-minimal"},
                                               {"enable.auto.commit", "false"},
                                               {"auto.offset.reset", "error"},
                                               {"fetch.wait.max.ms", "100"}});
  client.assign(topic, RD_KAFKA_OFFSET_BEGINNING);
  simdjson::ondemand::parser parser;
  fmt::print("ready\n");
  std::fflush(stdout);
  while (ended == 0) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kWaitMs);
    if (message == nullptr) continue;
    check_kafka(message->err, "reading " + topic);
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

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  std::string brokers;
  std::string url;
  std::string topic;
  CLI::App app{"One record, one row, one commit"};
  app.add_option("--brokers", brokers, "host:port")->envname("KAFKA_BROKERS")->required();
  app.add_option("--url", url)->envname("POSTGRES_URL")->required();
  app.add_option("--topic", topic)->required();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, &foldline::bench::end);
  std::signal(SIGINT, &foldline::bench::end);
  foldline::bench::run(brokers, url, topic);
  return 0;
}
