#include "cmd/foldline/run.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <iostream>

#include "cmd/foldline/project.h"
#include "cmd/foldline/stop_signal.h"
#include "cmd/foldline/worker_parts.h"
#include "common/http/server.h"
#include "common/json.h"
#include "common/logging.h"
#include "engine/worker.h"

namespace foldline {

namespace {

WorkerOptions worker_options(const RunOptions& options, const config::ProjectionFile& file) {
  WorkerOptions out;
  out.projection = file.projection;
  out.consumer.client = kafka_options(file);
  out.consumer.group = file.group;
  out.subscription = subscription_of(file);
  out.lanes = options.lanes;
  out.lane = lane_options(file);
  out.lane.on_lost_data = options.lost_data_earliest ? OnLostData::earliest : OnLostData::stop;
  if (options.max_record_bytes != 0) out.lane.max_record_bytes = options.max_record_bytes;
  out.stuck_after = std::chrono::seconds(options.stuck_after_s);
  out.version = FOLDLINE_VERSION;
  if (options.max_batch_records != 0) out.lane.max_batch_records = options.max_batch_records;
  return out;
}

// A line each, so that a probe's log can be read.
HttpAnswer alive_answer(const Worker& worker) {
  const Liveness liveness = worker.liveness();
  std::string body = liveness.alive ? "ok\n" : "stuck\n";
  for (const std::string& reason : liveness.reasons) body += reason + "\n";
  return {liveness.alive ? 200 : 503, "text/plain; charset=utf-8", body};
}

HttpAnswer ready_answer(const Worker& worker) {
  const Readiness readiness = worker.readiness();
  std::string body = readiness.ready ? "{\"ready\":true,\"reasons\":[" : "{\"ready\":false,\"reasons\":[";
  for (std::size_t i = 0; i < readiness.reasons.size(); ++i) {
    if (i > 0) body += ',';
    append_json(body, Value::text(readiness.reasons[i]));
  }
  return {readiness.ready ? 200 : 503, "application/json", body + "]}\n"};
}

bool start_http(HttpServer& server, const std::string& address, const Worker& worker) {
  if (address == "off") return true;
  server.get("/healthz", [&worker] { return alive_answer(worker); });
  server.get("/readyz", [&worker] { return ready_answer(worker); });
  server.get("/metrics", [&worker] { return HttpAnswer{200, "text/plain; version=0.0.4; charset=utf-8", worker.metrics()}; });
  const auto port = server.listen(address);
  if (!port) {
    spdlog::error("{}; {}", port.error().message, port.error().hint);
    return false;
  }
  spdlog::info("health and metrics on port {}", *port);
  return true;
}

}  // namespace

int run_worker(const RunOptions& options) {
  const Projection projection = load_projection(options.file, options.shared, std::cerr);
  if (projection == nullptr) return 1;
  const std::atomic<bool>& stop = stop_on_signals();
  add_log_field("projection", projection->file.projection);

  Worker worker(worker_options(options, projection->file), worker_parts(projection));
  HttpServer server;
  if (!start_http(server, options.http, worker)) return 1;
  const Result<void> ended = worker.run(stop);
  if (!ended) spdlog::error("{}{}{}", ended.error().message, ended.error().hint.empty() ? "" : "; ", ended.error().hint);
  server.stop();
  return ended ? 0 : 1;
}

void add_run(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand("run", "Keep a projection's views equal to the fold of its topics");
  run->footer("Example:\n  foldline run config/examples/orders-analytics.yaml --http 127.0.0.1:8080");
  run->add_option("FILE", options->file, "the projection file")->required();
  run->add_option("--shared", options->shared, "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  run->add_option("--http", options->http, "address of /healthz, /readyz and /metrics; port 0 takes a free one; `off`: none")
      ->capture_default_str();
  run->add_option("--lanes", options->lanes, "independent slices, each with its own thread and store connection")
      ->check(CLI::Range(std::size_t{1}, Worker::kMaxLanes))
      ->capture_default_str();
  run->add_option("--max-record-bytes", options->max_record_bytes, "a larger record becomes a dead letter; default 16 MiB");
  run->add_option("--max-batch-records", options->max_batch_records, "records in one commit at most; default 20,000");
  run->add_option_function<std::string>(
         "--on-lost-data", [options](const std::string& choice) { options->lost_data_earliest = choice == "earliest"; },
         "what to do when the log no longer holds the checkpoint's position: `stop` the partition, or go on at the `earliest` record")
      ->check(CLI::IsMember({"stop", "earliest"}))
      ->default_str("stop");
  run->add_option("--stuck-after", options->stuck_after_s, "seconds without any step until /healthz says so")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400}))
      ->capture_default_str();
  run->callback([options, &exit_code] { exit_code = run_worker(*options); });
}

}  // namespace foldline
