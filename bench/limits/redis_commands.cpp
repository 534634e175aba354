// How fast Redis itself counts: one INCRBY for each event, pipelined over one connection, encoded before the clock starts, with no
// checkpoint, no processed IDs and no fence. What `redis-benchmark -P 500 -c 1` does, with the keys of the benchmark's topic.
//
//   REDIS_URL=... build/bench/redis_commands --events 1000000 --customers 100000
//
// One line of JSON: events, seconds. The keys, bench-limit:c-NUMBER, are deleted afterwards.
#include <CLI/CLI.hpp>

#include "bench/limits/program.h"
#include "bench/limits/redis_limit.h"
#include "bench/orders/order.h"
#include "sinks/redis/address.h"

namespace foldline::bench {
namespace {

struct Options {
  std::string url;
  std::int64_t events = 1'000'000;
  std::int64_t customers = 100'000;
  std::int64_t pipeline = 500;
};

// What a pipeline is sent as, and how many answers it has.
struct Pipeline {
  std::string bytes;
  std::int64_t commands = 0;
};

std::vector<Pipeline> encode(const Options& options) {
  std::vector<Pipeline> out;
  for (std::int64_t n = 0; n < options.events; ++n) {
    if (n % options.pipeline == 0) out.emplace_back();
    const std::uint64_t customer = scrambled(static_cast<std::uint64_t>(n)) % static_cast<std::uint64_t>(options.customers);
    const std::string key = fmt::format("bench-limit:c-{}", customer);
    fmt::format_to(std::back_inserter(out.back().bytes), "*3\r\n$6\r\nINCRBY\r\n${}\r\n{}\r\n$1\r\n1\r\n", key.size(), key);
    ++out.back().commands;
  }
  return out;
}

void run(const Options& options) {
  const auto address = redis::parse_address(Secret(options.url));
  if (!address) give_up("{}", address.error().message);
  BarePipeline bare(*address);
  const std::vector<Pipeline> pipelines = encode(options);
  const Stopwatch watch;
  for (const Pipeline& pipeline : pipelines) bare.run_encoded(pipeline.bytes, static_cast<std::size_t>(pipeline.commands));
  const double seconds = watch.seconds();
  bare.delete_keys("bench-limit:*");
  fmt::print("{{\"events\": {}, \"seconds\": {:.6f}}}\n", options.events, seconds);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  foldline::bench::Options options;
  CLI::App app{"Redis alone"};
  app.add_option("--url", options.url)->envname("REDIS_URL")->required();
  app.add_option("--events", options.events)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--customers", options.customers, "different keys")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--pipeline", options.pipeline, "commands sent before their answers are read")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  foldline::bench::run(options);
  return 0;
}
