// How fast librdkafka hands over a topic's records to a program that does nothing with them but counting their bytes. The limit of
// whatever reads from Kafka.
//
//   build/bench/consume_limit --topic bench.orders --events 1000000
//
// The clock starts with the first records that arrive, and these do not count. One line of JSON: events, bytes, seconds.
#include <CLI/CLI.hpp>
#include <optional>

#include "bench/limits/kafka_client.h"
#include "bench/limits/program.h"

namespace foldline::bench {
namespace {

constexpr std::size_t kFetchRecords = 2'000;
constexpr int kWaitMs = 20;  // the batch call waits so long for a full batch
constexpr double kStalledAfterS = 30;

void run(const std::string& brokers, const std::string& topic, std::int64_t events) {
  const KafkaClient client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                               {"group.id", "bench-limit"},
                                               {"enable.auto.commit", "false"},
                                               {"auto.offset.reset", "error"},
                                               {"isolation.level", "read_committed"},
                                               {"queued.min.messages", "200000"},
                                               {"fetch.wait.max.ms", "10"},
                                               {"check.crcs", "false"}});
  client.assign(topic, 0);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client.get());
  std::vector<rd_kafka_message_t*> messages(kFetchRecords);
  std::int64_t seen = 0;
  std::int64_t first = 0;
  std::int64_t bytes = 0;
  std::optional<Stopwatch> clock;
  const Stopwatch whole;
  double last_s = 0;
  while (seen < events) {
    const ssize_t got = rd_kafka_consume_batch_queue(queue, kWaitMs, messages.data(), messages.size());
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      check_kafka(message->err, "reading " + topic);
      bytes += static_cast<std::int64_t>(message->len);
      rd_kafka_message_destroy(message);
    }
    seen += got;
    if (got > 0) last_s = whole.seconds();
    if (whole.seconds() - last_s > kStalledAfterS) give_up("{} of {} records came, then none for {} s", seen, events, kStalledAfterS);
    if (got > 0 && !clock) {
      clock.emplace();
      first = seen;
    }
  }
  const double seconds = clock->seconds();
  rd_kafka_queue_destroy(queue);
  fmt::print("{{\"events\": {}, \"bytes\": {}, \"seconds\": {:.6f}}}\n", seen - first, bytes, seconds);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  std::string brokers;
  std::string topic;
  std::int64_t events = 1'000'000;
  CLI::App app{"librdkafka alone"};
  app.add_option("--brokers", brokers, "host:port")->envname("KAFKA_BROKERS")->required();
  app.add_option("--topic", topic)->required();
  app.add_option("--events", events, "that the topic holds")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  foldline::bench::run(brokers, topic, events);
  return 0;
}
