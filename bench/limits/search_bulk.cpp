// How fast a search store itself takes the orders' documents: `_bulk` requests that were built before the clock starts, with no watermarks,
// no sequence numbers, no checkpoint and no processed IDs.
//
//   SEARCH_URL=... build/bench/search_bulk --index bench-limit --documents 1000000 --mode new
//   SEARCH_URL=... build/bench/search_bulk --index bench-limit --documents 50000 --tune
//
// new: into an empty index. update: the index holds all of them already; with --distinct N, as many, which are written in rounds. --tune:
// tries sizes of a request and numbers of connections, on an index of its own each, and says which was fastest. One line of JSON. The index
// is deleted first, and afterwards.
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <thread>

#include "bench/limits/program.h"
#include "bench/orders/order.h"
#include "sinks/elasticsearch/http.h"

namespace foldline::bench {
namespace {

namespace es = foldline::elasticsearch;

constexpr std::int64_t kCustomers = 1'000;
constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr std::array<std::int64_t, 4> kTriedItems = {1'000, 2'000, 5'000, 10'000};
constexpr int kWarmUps = 3;
constexpr std::array<int, 3> kTriedConnections = {1, 2, 4};
// One shard and no replica, as the projection of the benchmark says; the types are those that Foldline gives the same fields.
constexpr std::string_view kIndexBody =
    R"({"settings":{"number_of_shards":1,"number_of_replicas":0,"refresh_interval":"30s"},"mappings":{"dynamic":false,"properties":{)"
    R"("order_id":{"type":"keyword"},"customer_id":{"type":"keyword"},"total_cents":{"type":"long"},"currency":{"type":"keyword"},)"
    R"("item_count":{"type":"integer"},"placed_at":{"type":"date_nanos"}}}})";

struct Options {
  std::string url;
  std::string index;
  std::string mode = "new";
  std::int64_t documents = 1'000'000;
  std::int64_t distinct = 0;  // 0: all
  std::int64_t bulk_items = 5'000;
  int connections = 1;
  bool tune = false;
};

es::HttpOptions http_options(const Options& options) {
  es::HttpOptions out;
  out.urls = {Secret(options.url)};
  return out;
}

es::Answer ask(es::HttpClient& http, const es::Request& request, bool may_be_missing = false) {
  const auto answer = http.send(request);
  if (!answer) give_up("{}: {}", request.path, answer.error().message);
  if (answer->status != kOk && !(may_be_missing && answer->status == kNotFound)) {
    give_up("{}: {} {}", request.path, answer->status, answer->body.substr(0, 500));
  }
  return *answer;
}

class Index {
 public:
  explicit Index(const Options& options) : options_(options), http_(http_options(options)) {
    drop();
    ask(http_, {es::Method::put, "/" + options.index, es::ContentType::json, kIndexBody});
  }
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  ~Index() { drop(); }

  double load(std::int64_t documents, std::int64_t revision) {
    const std::vector<std::string> bodies = encode(documents, revision);
    ask(http_, {es::Method::post, "/" + options_.index + "/_flush", es::ContentType::json, {}});
    std::atomic<std::size_t> next{0};
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.connections; ++i) {
      threads.emplace_back([&] { send_from(bodies, next); });
    }
    for (std::thread& thread : threads) thread.join();
    return watch.seconds();
  }

 private:
  void send_from(const std::vector<std::string>& bodies, std::atomic<std::size_t>& next) const {
    es::HttpClient http(http_options(options_));
    for (std::size_t i = next++; i < bodies.size(); i = next++) {
      const es::Answer answer =
          ask(http, {es::Method::post, "/" + options_.index + "/_bulk?filter_path=errors", es::ContentType::ndjson, bodies[i]});
      if (answer.body.find("\"errors\":false") == std::string::npos) give_up("_bulk: {}", answer.body.substr(0, 500));
    }
  }

  std::vector<std::string> encode(std::int64_t documents, std::int64_t revision) const {
    const std::int64_t distinct = options_.distinct > 0 ? options_.distinct : documents;
    std::vector<std::string> out;
    for (std::int64_t i = 0; i < documents; ++i) {
      if (i % options_.bulk_items == 0) out.emplace_back();
      const std::int64_t n = i % distinct;
      const Order order(n, n % kCustomers, revision + i / distinct);
      fmt::format_to(std::back_inserter(out.back()),
                     R"({{"index":{{"_id":"{0}"}}}})"
                     "\n"
                     R"({{"order_id":"{0}","customer_id":"{1}","total_cents":{2},"currency":"{3}","item_count":{4},"placed_at":"{5}"}})"
                     "\n",
                     order.order_id, order.customer_id, order.total_cents, order.currency, order.item_count, time_text(order.placed_at_us));
    }
    return out;
  }

  void drop() { ask(http_, {es::Method::remove, "/" + options_.index + "?ignore_unavailable=true", es::ContentType::json, {}}, true); }

  const Options& options_;
  es::HttpClient http_;
};

void measure(const Options& options) {
  Index index(options);
  const std::int64_t distinct = options.distinct > 0 ? options.distinct : options.documents;
  double seconds = index.load(options.mode == "update" ? distinct : options.documents, 0);
  if (options.mode == "update") seconds = index.load(options.documents, 1);
  fmt::print("{{\"events\": {}, \"seconds\": {:.6f}}}\n", options.documents, seconds);
}

void tune(Options options) {
  double best_s = 0;
  Options best;
  for (int i = 0; i < kWarmUps; ++i) Index(options).load(options.documents, 0);  // the server's own compiler needs something to work on
  for (const std::int64_t items : kTriedItems) {
    for (const int connections : kTriedConnections) {
      options.bulk_items = items;
      options.connections = connections;
      const double seconds = Index(options).load(options.documents, 0);
      fmt::print(stderr, "{:>6} documents a request, {} connections: {:>8.0f}/s\n", items, connections,
                 static_cast<double>(options.documents) / seconds);
      if (best_s > 0 && seconds >= best_s) continue;
      best_s = seconds;
      best = options;
    }
  }
  fmt::print("{{\"bulk_items\": {}, \"connections\": {}, \"events\": {}, \"seconds\": {:.6f}}}\n", best.bulk_items, best.connections,
             best.documents, best_s);
}

}  // namespace
}  // namespace foldline::bench

int main(int argc, char** argv) {
  foldline::bench::Options options;
  CLI::App app{"A search store alone"};
  app.add_option("--url", options.url)->envname("SEARCH_URL")->required();
  app.add_option("--index", options.index, "which is deleted")->required();
  app.add_option("--mode", options.mode)->check(CLI::IsMember({"new", "update"}))->capture_default_str();
  app.add_option("--documents", options.documents)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--distinct", options.distinct, "update: so many documents, in rounds")->check(CLI::NonNegativeNumber);
  app.add_option("--bulk-items", options.bulk_items)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 64))->capture_default_str();
  app.add_flag("--tune", options.tune, "find the best size of a request and number of connections");
  CLI11_PARSE(app, argc, argv);
  options.tune ? foldline::bench::tune(options) : foldline::bench::measure(options);
  return 0;
}
