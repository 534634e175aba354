#include "cmd/foldline/generate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "cmd/foldline/generate/order_stream.h"
#include "common/kafka/bulk_writer.h"
#include "common/kafka/producer.h"
#include "common/time.h"

namespace foldline {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kMaxRecords = 10'000'000'000;
constexpr std::int64_t kMaxDays = 36'500;
constexpr int kMaxPartitions = 10'000;
constexpr std::uint64_t kRecordsPerCheck = 256;  // between looks at the clock
constexpr std::chrono::milliseconds kProgressEvery{500};

int report(const Error& error, std::ostream& err, int code) {
  err << "foldline generate: " << error.message << '\n';
  if (!error.hint.empty()) err << "  " << error.hint << '\n';
  return code;
}

Error bad_option(std::string message, std::string hint = {}) { return {ErrorCode::config, std::move(message), std::move(hint), false}; }

Result<generate::OrderStreamOptions> stream_options(const GenerateOrdersOptions& options) {
  const auto share = [](double value) { return value >= 0.0 && value <= 0.5; };
  if (!share(options.duplicates)) return fail(bad_option("--duplicates is a share from 0 to 0.5"));
  if (!share(options.malformed)) return fail(bad_option("--malformed is a share from 0 to 0.5"));
  if (!(options.out_of_order >= 0.0 && options.out_of_order <= 1.0)) return fail(bad_option("--out-of-order is a share from 0 to 1"));
  if (options.events > kMaxRecords) return fail(bad_option(fmt::format("--events is at most {}", kMaxRecords)));
  if (options.days < 1 || options.days > kMaxDays) return fail(bad_option(fmt::format("--days is from 1 to {}", kMaxDays)));
  if (options.orders_per_customer == 0) return fail(bad_option("--orders-per-customer is at least 1"));
  if (options.create_partitions < 0 || options.create_partitions > kMaxPartitions) {
    return fail(bad_option(fmt::format("--create-partitions is from 1 to {}", kMaxPartitions)));
  }
  const auto day = parse_date_days(options.start_day);
  if (!day) return fail(bad_option("--start-day: " + day.error().message, "write it like 2026-01-01"));
  return generate::OrderStreamOptions{.seed = options.seed,
                                      .records = options.events,
                                      .duplicates = options.duplicates,
                                      .out_of_order = options.out_of_order,
                                      .malformed = options.malformed,
                                      .start_day = *day,
                                      .days = options.days,
                                      .orders_per_customer = options.orders_per_customer};
}

// Holds the stream to a rate, and tells a terminal how far it is.
class Pace {
 public:
  Pace(const GenerateOrdersOptions& options, bool show)
      : rate_per_s_(options.rate_per_s), records_(options.events), show_(show), start_(Clock::now()), shown_(start_) {}

  void after(std::uint64_t done) {
    if (rate_per_s_ == 0 && done % kRecordsPerCheck != 0) return;
    if (rate_per_s_ > 0) {
      const auto due =
          start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(done) * 1e9 / static_cast<double>(rate_per_s_)));
      if (due > Clock::now()) std::this_thread::sleep_until(due);
    }
    if (!show_ || Clock::now() - shown_ < kProgressEvery) return;
    shown_ = Clock::now();
    std::cerr << fmt::format("\r{} of {} records, {:.0f}/s ", done, records_, static_cast<double>(done) / seconds()) << std::flush;
  }

  [[nodiscard]] double seconds() const { return std::max(std::chrono::duration<double>(Clock::now() - start_).count(), 1e-9); }
  void end_line() const {
    if (show_) std::cerr << '\r';
  }

 private:
  std::uint64_t rate_per_s_;
  std::uint64_t records_;
  bool show_;
  Clock::time_point start_;
  Clock::time_point shown_;
};

Result<std::unique_ptr<kafka::BulkWriter>> open_topic(const GenerateOrdersOptions& options, const std::string& brokers) {
  const kafka::ClientOptions client{.brokers = brokers, .client_id = "foldline-generate", .options = {}};
  auto writer = kafka::BulkWriter::open(client, options.topic);
  if (writer || writer.error().code != ErrorCode::log_lost) return writer;
  if (options.create_partitions == 0) {
    Error error = writer.error();
    error.hint = fmt::format("make it, or let this command make it: --create-partitions 8 (or another --topic than {})", options.topic);
    return fail(std::move(error));
  }
  auto admin = kafka::Producer::create(client);
  if (!admin) return fail(admin.error());
  if (auto made = (*admin)->ensure_topics(std::span(&options.topic, 1), options.create_partitions); !made) return fail(made.error());
  // Brokers learn of a new topic one after the other.
  for (int attempt = 0; attempt < 50; ++attempt) {
    writer = kafka::BulkWriter::open(client, options.topic);
    if (writer || writer.error().code != ErrorCode::log_lost) return writer;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return writer;
}

Result<void> write_expected(const generate::Totals& totals, const std::string& path, std::ostream& out) {
  if (path.empty()) return {};
  if (path == "-") {
    out << totals.to_json() << std::flush;
    return {};
  }
  std::ofstream file(path, std::ios::trunc);
  file << totals.to_json();
  file.close();
  if (!file)
    return fail(ErrorCode::config, "cannot write the expected totals to " + path, "is the folder there, and may this user write to it?");
  return {};
}

Result<void> pour(generate::OrderStream& stream, const GenerateOrdersOptions& options, kafka::BulkWriter* writer, Pace& pace,
                  std::ostream& out) {
  generate::GeneratedRecord record;
  while (stream.next(record)) {
    if (writer != nullptr) {
      if (auto written = writer->write(record.key, record.value); !written) return written;
    } else {
      out << record.key << '\t' << record.value << '\n';
      if (!out) return fail(ErrorCode::internal, "cannot write to the output");
    }
    pace.after(stream.totals().records);
  }
  if (writer != nullptr) return writer->finish();
  out.flush();
  if (!out) return fail(ErrorCode::internal, fmt::format("cannot write all {} records to the output", options.events));
  return {};
}

}  // namespace

int run_generate_orders(const GenerateOrdersOptions& options, std::ostream& out, std::ostream& err) {
  const auto checked = stream_options(options);
  if (!checked) return report(checked.error(), err, 2);
  if (options.dry_run && options.expect == "-")
    return report(bad_option("--expect - and --dry-run both want the output", "name a file"), err, 2);

  std::unique_ptr<kafka::BulkWriter> writer;
  if (!options.dry_run) {
    const char* variable = std::getenv("KAFKA_BROKERS");  // NOLINT(concurrency-mt-unsafe): before there are threads
    const std::string brokers = !options.brokers.empty() ? options.brokers : variable != nullptr ? variable : "";
    if (brokers.empty()) return report(bad_option("no Kafka brokers given", "--brokers HOST:PORT, or the variable KAFKA_BROKERS"), err, 2);
    auto opened = open_topic(options, brokers);
    if (!opened) return report(opened.error(), err, 1);
    writer = std::move(*opened);
  }

  generate::OrderStream stream(*checked);
  Pace pace(options, isatty(STDERR_FILENO) != 0);
  const auto poured = pour(stream, options, writer.get(), pace, out);
  pace.end_line();
  if (!poured) return report(poured.error(), err, 1);
  if (auto written = write_expected(stream.totals(), options.expect, out); !written) return report(written.error(), err, 1);
  const generate::Totals& totals = stream.totals();
  err << fmt::format("{} records ({} duplicates, {} malformed) of {} orders in {:.1f} s, {:.0f}/s\n", totals.records, totals.duplicates,
                     totals.malformed_sum(), totals.orders(), pace.seconds(), static_cast<double>(totals.records) / pace.seconds());
  return 0;
}

void add_generate(CLI::App& app, int& exit_code) {
  CLI::App* generate = app.add_subcommand("generate", "Write sample events to Kafka");
  generate->require_subcommand(1);
  CLI::App* orders = generate->add_subcommand("orders", "Order events with duplicates, late and malformed ones, and what they add up to");
  const auto options = std::make_shared<GenerateOrdersOptions>();
  orders->add_option("--brokers", options->brokers, "host:port,host:port; default: the variable KAFKA_BROKERS");
  orders->add_option("--topic", options->topic, "topic to write to")->capture_default_str();
  orders->add_option("--create-partitions", options->create_partitions, "make the topic with so many partitions when it is not there");
  orders->add_option("--events", options->events, "records in all, duplicates and malformed ones included")->capture_default_str();
  orders->add_option("--duplicates", options->duplicates, "share of records that repeat an earlier one")->capture_default_str();
  orders->add_option("--out-of-order", options->out_of_order, "share of orders shipped before they are placed")->capture_default_str();
  orders->add_option("--malformed", options->malformed, "share of records that no projection can read")->capture_default_str();
  orders->add_option("--seed", options->seed, "the same seed and options give the same bytes")->capture_default_str();
  orders->add_option("--rate", options->rate_per_s, "records a second; 0: as fast as possible")->capture_default_str();
  orders->add_option("--expect", options->expect, "write the expected totals as JSON to this file; -: standard output");
  orders->add_option("--start-day", options->start_day, "day of the first orders (UTC)")->capture_default_str();
  orders->add_option("--days", options->days, "over which the orders are spread")->capture_default_str();
  orders->add_option("--orders-per-customer", options->orders_per_customer, "on average")->capture_default_str();
  orders->add_flag("--dry-run", options->dry_run, "write key TAB value lines to standard output instead of Kafka");
  orders->callback([options, &exit_code] { exit_code = run_generate_orders(*options, std::cout, std::cerr); });
}

}  // namespace foldline
