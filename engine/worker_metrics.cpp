#include "engine/worker_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace foldline {

namespace {

double load(const Counter& counter) { return static_cast<double>(counter.load(std::memory_order_relaxed)); }
double seconds(const Counter& micros) { return load(micros) / 1e6; }

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total_pages = 0;
  double resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void MetricsPage::add(const std::string& name, Type type, const std::string& help, Labels labels, double value) {
  Family& family = families_[name];
  family.type = type;
  family.help = help;
  labels.emplace_back("projection", projection_);
  family.samples.push_back({std::move(labels), value});
}

void MetricsPage::add_lane(std::size_t lane, const LaneStats& stats, const LaneStatus& status) {
  const std::string number = std::to_string(lane);
  const auto counter = [&](const std::string& name, const std::string& help, const Counter& value, Labels labels = {}) {
    labels.emplace_back("lane", number);
    add(name, Type::counter, help, std::move(labels), load(value));
  };
  counter("foldline_records_total", "Records read from Kafka", stats.records);
  counter("foldline_record_bytes_total", "Bytes of the records read: keys, values, headers", stats.record_bytes);
  const std::string events = "foldline_events_total";
  const std::string events_help = "Records by what became of them";
  counter(events, events_help, stats.events, {{"outcome", "folded"}});
  counter(events, events_help, stats.duplicates, {{"outcome", "duplicate"}});
  counter(events, events_help, stats.skipped, {{"outcome", "skipped"}});
  counter("foldline_events_ignored_total", "Folded events that no view handles", stats.ignored);
  counter("foldline_late_changes_total", "Changes of rows that had expired already, not applied", stats.late_changes);
  counter("foldline_primed_records_total", "Records before the start that were read for their event IDs only", stats.primed);
  const std::string letters = "foldline_letters_total";
  const std::string letters_help = "Dead letters by stage";
  counter(letters, letters_help, stats.letters_decode, {{"stage", "decode"}});
  counter(letters, letters_help, stats.letters_project, {{"stage", "project"}});
  counter(letters, letters_help, stats.letters_store, {{"stage", "store"}});
  counter("foldline_letters_rejected_total", "Dead letters made by a `reject` of the projection file (part of stage project)",
          stats.letters_rejected);
  counter("foldline_events_without_id_total", "Events without an ID: their position stands in", stats.missing_ids);
  counter("foldline_records_out_of_order_total", "Records dropped because their offset did not rise", stats.records_out_of_order);
  counter("foldline_commits_total", "Batches committed to the store", stats.batches);
  counter("foldline_rows_total", "Rows written to the store, after folding", stats.rows);
  counter("foldline_committed_events_total", "Events in committed batches", stats.committed_events);
  counter("foldline_batch_cuts_total", "Batches that ended early because an event could not be merged into them", stats.batch_cuts);
  counter("foldline_halvings_total", "Rejected batches that were split to find the guilty event", stats.halvings);
  counter("foldline_refolds_total", "Batches folded again because rows of the store already held a part of them", stats.refolds);
  counter("foldline_store_retries_total", "Commits tried again because the store was away or busy", stats.retries);
  counter("foldline_letter_retries_total", "Letters tried again because the dead-letter topic could not be written", stats.letter_retries);
  counter("foldline_fenced_total", "Commits refused because another worker owns a partition", stats.fenced);
  counter("foldline_rewinds_total", "Times the store's checkpoint had moved back and was followed", stats.rewinds);

  const Labels lane_label = {{"lane", number}};
  add("foldline_commit_seconds_sum", Type::counter, "Seconds in store commits", lane_label, seconds(stats.commit.sum_us));
  add("foldline_commit_seconds_count", Type::counter, "Store commits tried", lane_label, load(stats.commit.count));
  add("foldline_commit_seconds_max", Type::gauge, "The longest store commit", lane_label, seconds(stats.commit.max_us));
  add("foldline_fold_seconds_sum", Type::counter, "Seconds in decoding, projecting and folding", lane_label, seconds(stats.fold.sum_us));
  add("foldline_batch_records", Type::gauge, "Records in the newest committed batch", lane_label,
      static_cast<double>(stats.last_batch_records.load(std::memory_order_relaxed)));
  for (const LaneState state :
       {LaneState::idle, LaneState::opening, LaneState::running, LaneState::waiting_store, LaneState::waiting_letters,
        LaneState::waiting_log, LaneState::stopped, LaneState::fenced, LaneState::draining, LaneState::drained}) {
    add("foldline_lane_state", Type::gauge, "1 for the state that the lane is in",
        {{"lane", number}, {"state", std::string(to_string(state))}}, status.state == state ? 1 : 0);
  }
  for (const PartitionStats& partition : stats.partitions()) {
    const Labels labels = {{"topic", partition.topic_partition.topic}, {"partition", std::to_string(partition.topic_partition.partition)}};
    add("foldline_committed_offset", Type::gauge, "The checkpoint in the store", labels, static_cast<double>(partition.committed_offset));
    add("foldline_end_offset", Type::gauge, "The log's end, as last seen", labels, static_cast<double>(partition.end_offset));
    const bool known = partition.end_offset >= 0 && partition.committed_offset >= 0;
    if (known) {
      const std::int64_t lag = std::max<std::int64_t>(0, partition.end_offset - partition.committed_offset);
      add("foldline_lag", Type::gauge, "Records between the checkpoint and the log's end", labels, static_cast<double>(lag));
    }
    add("foldline_partition_stopped", Type::gauge, "1: the partition was stopped and needs its owner", labels, partition.stopped ? 1 : 0);
  }
}

void MetricsPage::add_worker(std::uint64_t rebalances, bool in_group) {
  add("foldline_rebalances_total", Type::counter, "Assignments received from the consumer group", {}, static_cast<double>(rebalances));
  add("foldline_in_group", Type::gauge, "1 while the worker is a member of its consumer group", {}, in_group ? 1 : 0);
  add("process_resident_memory_bytes", Type::gauge, "Resident memory", {}, resident_bytes());
}

std::string MetricsPage::text() const {
  std::vector<prometheus::MetricFamily> out;
  for (const auto& [name, family] : families_) {
    prometheus::MetricFamily made;
    made.name = name;
    made.help = family.help;
    made.type = family.type == Type::counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const Sample& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
      (family.type == Type::counter ? metric.counter.value : metric.gauge.value) = sample.value;
      made.metric.push_back(std::move(metric));
    }
    out.push_back(std::move(made));
  }
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace foldline
