// `foldline generate orders`: a seeded stream of order events, with the faults that real producers have, into a topic or to stdout; and
// what a correct projection holds afterwards, as JSON.
//
//   GenerateOrdersOptions options{.brokers = "127.0.0.1:9092", .create_partitions = 8};
//   return run_generate_orders(options, std::cout, std::cerr);
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

namespace CLI {
class App;
}

namespace foldline {

struct GenerateOrdersOptions {
  std::string brokers;  // empty: the variable KAFKA_BROKERS
  std::string topic = "orders.events";
  int create_partitions = 0;       // > 0: make the topic with so many partitions, when it is not there
  std::uint64_t events = 200'000;  // records in all, duplicates and malformed ones included
  double duplicates = 0.01;
  double out_of_order = 0.01;
  double malformed = 0.001;
  std::uint64_t seed = 42;
  std::uint64_t rate_per_s = 0;  // 0: as fast as possible
  std::string expect;            // file for the expected totals; "-": `out`; empty: none
  std::string start_day = "2026-01-01";
  std::int64_t days = 90;
  std::uint64_t orders_per_customer = 5;
  bool dry_run = false;  // write `key TAB value` lines to `out` instead of Kafka
};

// 0: all records acknowledged; 1: not, and `err` says why and what to do; 2: the options make no sense.
int run_generate_orders(const GenerateOrdersOptions& options, std::ostream& out, std::ostream& err);

// Adds the subcommand `generate orders`; running it leaves the exit code in `exit_code`.
void add_generate(CLI::App& app, int& exit_code);

}  // namespace foldline
