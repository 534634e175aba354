#include "engine/worker_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>

#include "engine/lane.h"
#include "engine/process_stats.h"

namespace foldline {

namespace {

constexpr double kPerSecond = 1e6;  // microseconds; divided by, so that a bucket of 0.1 s is printed as such
constexpr std::array<const char*, kEventOutcomes> kOutcomeNames = {"folded", "duplicate", "skipped", "letter"};

// What letters usually fail with: exported also as zero, so that a rate has something to start from.
bool is_usual(Stage stage, ErrorCode code) {
  switch (code) {
    case ErrorCode::decode:
    case ErrorCode::limit: return stage == Stage::decode;
    case ErrorCode::expression:
    case ErrorCode::value:
    case ErrorCode::rejected: return stage == Stage::project;
    case ErrorCode::store_rejected: return stage == Stage::store;
    default: return false;
  }
}

double load(const Counter& counter) { return static_cast<double>(counter.load(std::memory_order_relaxed)); }

}  // namespace

MetricsPage::Family& MetricsPage::family(const std::string& name, Type type, const std::string& help) {
  Family& out = families_[name];
  out.type = type;
  out.help = help;
  return out;
}

void MetricsPage::add(const std::string& name, Type type, const std::string& help, Labels labels, double value) {
  labels.emplace_back("projection", projection_);
  family(name, type, help).samples.push_back({std::move(labels), value, nullptr, 1});
}

void MetricsPage::add_histogram(const std::string& name, const std::string& help, Labels labels, const Histogram& histogram, double scale) {
  labels.emplace_back("projection", projection_);
  family(name, Type::histogram, help).samples.push_back({std::move(labels), 0, &histogram, scale});
}

// By type: only what has been seen, and the zeros that a rate needs to start from.
void MetricsPage::add_events(const std::string& lane, const LaneStats& stats) {
  const std::vector<std::string> types = stats.types.names();
  for (std::size_t type = 0; type < types.size(); ++type) {
    for (std::size_t outcome = 0; outcome < kEventOutcomes; ++outcome) {
      const double count = load(stats.events_by_type[type][outcome]);
      if (count == 0 && type != EventTypes::kNone) continue;
      add("foldline_events_total", Type::counter, "Records by event type and what became of them",
          {{"type", types[type]}, {"outcome", kOutcomeNames[outcome]}, {"lane", lane}}, count);
    }
  }
}

void MetricsPage::add_letters(const std::string& lane, const LaneStats& stats) {
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    for (std::size_t code = 0; code < kLetterCodes.size(); ++code) {
      const double count = load(stats.letters_by_code[stage][code]);
      if (count == 0 && !is_usual(kStages[stage], kLetterCodes[code])) continue;
      add("foldline_letters_total", Type::counter, "Dead letters by stage and error code",
          {{"stage", std::string(to_string(kStages[stage]))}, {"code", std::string(to_string(kLetterCodes[code]))}, {"lane", lane}}, count);
    }
  }
}

void MetricsPage::add_lane(std::size_t lane, const LaneStats& stats, const LaneStatus& status) {
  const std::string number = std::to_string(lane);
  const Labels lane_label = {{"lane", number}};
  const auto counter = [&](const std::string& name, const std::string& help, const Counter& value) {
    add(name, Type::counter, help, lane_label, load(value));
  };
  counter("foldline_records_total", "Records in committed batches", stats.records);
  counter("foldline_record_bytes_total", "Bytes of those records: keys, values, headers", stats.record_bytes);
  add_events(number, stats);
  add_letters(number, stats);
  counter("foldline_events_ignored_total", "Folded events that no view handles", stats.ignored);
  counter("foldline_late_changes_total", "Changes of rows that had expired already, not applied", stats.late_changes);
  counter("foldline_primed_records_total", "Records before the start that were read for their event IDs only", stats.primed);
  counter("foldline_events_without_id_total", "Events without an ID: their position stands in", stats.missing_ids);
  counter("foldline_records_out_of_order_total", "Records dropped because their offset did not rise", stats.records_out_of_order);
  counter("foldline_commits_total", "Batches committed to the store", stats.batches);
  counter("foldline_rows_total", "Rows written to the store, after folding", stats.rows);
  counter("foldline_rows_copied_total", "Rows that were copied into their table in bulk, as new ones", stats.rows_copied);
  counter("foldline_rows_updated_total", "Rows that were updated as rows which are there", stats.rows_updated);
  counter("foldline_rows_upserted_total", "Rows that were merged into what may be there", stats.rows_upserted);
  counter("foldline_straight_refused_total", "Batches whose copy or update met something else: upserted after all", stats.straight_refused);
  counter("foldline_batch_cuts_total", "Batches that ended early because an event could not be merged into them", stats.batch_cuts);
  counter("foldline_halvings_total", "Rejected batches that were split to find the guilty event", stats.halvings);
  counter("foldline_refolds_total", "Batches folded again because rows of the store already held a part of them", stats.refolds);
  counter("foldline_store_retries_total", "Commits tried again because the store was away or busy", stats.retries);
  counter("foldline_letter_retries_total", "Letters tried again because the dead-letter topic could not be written", stats.letter_retries);
  counter("foldline_fenced_total", "Commits refused because another worker owns a partition", stats.fenced);
  counter("foldline_rewinds_total", "Times the store's checkpoint had moved back and was followed", stats.rewinds);
  counter("foldline_log_rechecks_total", "Times the log was opened again because it had not been watched for a while", stats.log_rechecks);

  add_histogram("foldline_commit_seconds", "Store commits, each try", lane_label, stats.commit_us, kPerSecond);
  add_histogram("foldline_fold_seconds", "Decoding, projecting and folding what one poll gave", lane_label, stats.fold_us, kPerSecond);
  add_histogram("foldline_batch_records", "Records of each committed batch", lane_label, stats.batch_records, 1);
  add_histogram("foldline_latency_seconds", "Of each folded event: from its record's timestamp to the store's commit", lane_label,
                stats.latency_us, kPerSecond);
  for (const LaneState state :
       {LaneState::idle, LaneState::opening, LaneState::running, LaneState::waiting_store, LaneState::waiting_letters,
        LaneState::waiting_log, LaneState::stopped, LaneState::fenced, LaneState::draining, LaneState::drained}) {
    add("foldline_lane_state", Type::gauge, "1 for the state that the lane is in",
        {{"lane", number}, {"state", std::string(to_string(state))}}, status.state == state ? 1 : 0);
  }
}

void MetricsPage::add_queues(std::size_t lane, const LaneStats& stats, const QueueFacts& facts) {
  const auto gauge = [&](const std::string& name, const std::string& help, const char* queue, double value) {
    add(name, Type::gauge, help, {{"lane", std::to_string(lane)}, {"queue", queue}}, value);
  };
  const std::string records = "foldline_queue_records";
  const std::string records_help =
      "Records waiting: in the Kafka client, in the batch that is being folded, in those on their way to the store";
  gauge(records, records_help, "prefetch", static_cast<double>(facts.prefetched_records));
  gauge(records, records_help, "folding", load(stats.building_records));
  gauge(records, records_help, "committing", load(stats.committing_records));
  const std::string bytes = "foldline_queue_bytes";
  const std::string bytes_help = "Bytes of a batch: records, decoded events, folded rows";
  gauge(bytes, bytes_help, "folding", load(stats.building_bytes));
  gauge(bytes, bytes_help, "committing", load(stats.committing_bytes));
  const auto batch_records = static_cast<double>(facts.batch_limit_records);
  const auto batch_bytes = static_cast<double>(facts.batch_limit_bytes);
  const std::string limit_records = "foldline_queue_limit_records";
  const std::string limit_bytes = "foldline_queue_limit_bytes";
  gauge(limit_records, "No more records are taken", "folding", batch_records);
  gauge(limit_bytes, "No more is taken above", "folding", batch_bytes);
  gauge(limit_records, "No more records are taken", "committing", 2 * batch_records);  // one under way, one queued behind it
  gauge(limit_bytes, "No more is taken above", "committing", batch_bytes + batch_bytes / kQueuedShare);
  gauge(limit_bytes, "No more is taken above", "prefetch", static_cast<double>(facts.prefetch_limit_bytes));
  add("foldline_processed_ids", Type::gauge, "Event IDs that are remembered to recognise duplicates", {{"lane", std::to_string(lane)}},
      load(stats.processed_ids));
}

void MetricsPage::add_partitions(const std::vector<PartitionStats>& partitions, const LogEnds& ends, std::int64_t now_us) {
  for (const PartitionStats& partition : partitions) {
    const Labels labels = {{"topic", partition.topic_partition.topic}, {"partition", std::to_string(partition.topic_partition.partition)}};
    const auto gauge = [&](const std::string& name, const std::string& help, double value) { add(name, Type::gauge, help, labels, value); };
    const auto asked = ends.find(partition.topic_partition);
    const std::int64_t end = std::max(partition.end_offset, asked == ends.end() ? -1 : asked->second);
    gauge("foldline_committed_offset", "The checkpoint in the store; -1: none yet", static_cast<double>(partition.committed_offset));
    gauge("foldline_end_offset", "The log's end, as last seen; -1: not yet", static_cast<double>(end));
    gauge("foldline_partition_stopped", "1: the partition was stopped and needs its owner", partition.stopped ? 1 : 0);
    if (end < 0 || partition.committed_offset < 0) continue;
    const std::int64_t lag = std::max<std::int64_t>(0, end - partition.committed_offset);
    gauge("foldline_lag", "Records between the checkpoint and the log's end", static_cast<double>(lag));
    const bool known = partition.newest_record_us != INT64_MIN;
    const double age = known ? static_cast<double>(std::max<std::int64_t>(0, now_us - partition.newest_record_us)) / kPerSecond : 0;
    if (known || lag == 0) {
      gauge("foldline_freshness_seconds",
            "How old the views are: 0 while they hold the log's end, else the age of the newest record in them", lag == 0 ? 0 : age);
    }
    if (!known) continue;
    gauge("foldline_newest_record_timestamp_seconds", "Timestamp of the newest record in the views",
          static_cast<double>(partition.newest_record_us) / kPerSecond);
  }
}

void MetricsPage::add_worker(const WorkerFacts& facts) {
  const auto gauge = [&](const std::string& name, const std::string& help, double value) { add(name, Type::gauge, help, {}, value); };
  add("foldline_rebalances_total", Type::counter, "Assignments received from the consumer group", {},
      static_cast<double>(facts.rebalances));
  gauge("foldline_in_group", "1 while the worker is a member of its consumer group", facts.in_group ? 1 : 0);
  gauge("foldline_ready", "What /readyz says: 1 ready, 0 not", facts.ready ? 1 : 0);
  gauge("foldline_alive", "What /healthz says: 1 alive, 0 stuck", facts.alive ? 1 : 0);
  if (facts.generation >= 0) gauge("foldline_generation", "The generation of the views", static_cast<double>(facts.generation));
  gauge("foldline_store_requests", "Requests for rows under way to the store", static_cast<double>(facts.store_requests.under_way));
  gauge("foldline_store_requests_limit", "No lane has more of them under way; 0: the store is asked over one connection",
        static_cast<double>(facts.store_requests.limit));
  add("foldline_build_info", Type::gauge, "1, with the version", {{"version", facts.version}}, 1);

  const ProcessStats process = process_stats();
  gauge("process_resident_memory_bytes", "Resident memory", process.resident_bytes);
  add("process_cpu_seconds_total", Type::counter, "Processor time, user and system", {}, process.cpu_seconds);
  gauge("process_start_time_seconds", "Unix time of the process' start", process.start_time_seconds);
  gauge("process_open_fds", "Open file descriptors", process.open_fds);
  gauge("process_max_fds", "File descriptors that the process may have", process.max_fds);
}

namespace {

prometheus::ClientMetric::Histogram to_prometheus(const Histogram& from, double scale) {
  prometheus::ClientMetric::Histogram out;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < from.bounds().size(); ++i) {
    so_far += from.in_bucket(i);
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = so_far;
    bucket.upper_bound = static_cast<double>(from.bounds()[i]) / scale;
    out.bucket.push_back(bucket);
  }
  out.sample_count = so_far + from.in_bucket(from.bounds().size());
  out.sample_sum = static_cast<double>(from.sum()) / scale;
  return out;
}

}  // namespace

std::string MetricsPage::text() const {
  std::vector<prometheus::MetricFamily> out;
  for (const auto& [name, family] : families_) {
    prometheus::MetricFamily made;
    made.name = name;
    made.help = family.help;
    made.type = family.type == Type::counter     ? prometheus::MetricType::Counter
                : family.type == Type::histogram ? prometheus::MetricType::Histogram
                                                 : prometheus::MetricType::Gauge;
    for (const Sample& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
      if (sample.histogram != nullptr) {
        metric.histogram = to_prometheus(*sample.histogram, sample.scale);
      } else {
        (family.type == Type::counter ? metric.counter.value : metric.gauge.value) = sample.value;
      }
      made.metric.push_back(std::move(metric));
    }
    out.push_back(std::move(made));
  }
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace foldline
