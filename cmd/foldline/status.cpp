#include "cmd/foldline/status.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>

#include "cmd/foldline/project.h"
#include "common/json.h"
#include "common/kafka/inspector.h"
#include "common/time.h"

namespace foldline {

namespace {

struct Line {
  TopicPartition topic_partition;
  std::int64_t checkpoint = -1;  // -1: none
  std::int64_t end = 0;
  std::int64_t lag = 0;
  std::int64_t max_event_time_us = INT64_MIN;
};

// Every partition that the projection reads, whether or not it has a checkpoint; and checkpoints of topics that are gone.
Result<std::vector<Line>> collect(const declarative::CompiledProjection& projection) {
  auto store = open_projection_store(projection);
  if (!store) return fail(store.error());
  auto checkpoints = (*store)->checkpoints();
  if (!checkpoints) return fail(checkpoints.error());
  auto inspector = kafka::Inspector::create(kafka_options(projection.file));
  if (!inspector) return fail(inspector.error());
  auto topics = (*inspector)->topics();
  if (!topics) return fail(topics.error());

  std::map<TopicPartition, Line> lines;
  for (const auto& [topic, partitions] : *topics) {
    if (source_of_topic(projection.file, topic) < 0) continue;
    for (int i = 0; i < partitions; ++i) lines[{topic, i}].topic_partition = {topic, i};
  }
  for (const StoredCheckpoint& stored : *checkpoints) {
    Line& line = lines[stored.topic_partition];
    line.topic_partition = stored.topic_partition;
    line.checkpoint = stored.checkpoint.next_offset;
    line.max_event_time_us = stored.checkpoint.max_event_time_us;
  }
  std::vector<Line> out;
  for (auto& [topic_partition, line] : lines) {
    const bool there = topics->contains(topic_partition.topic) && topic_partition.partition < (*topics)[topic_partition.topic];
    if (there) {
      auto bounds = (*inspector)->watermarks(topic_partition);
      if (!bounds) return fail(bounds.error());
      line.end = bounds->high;
      line.lag = std::max<std::int64_t>(0, bounds->high - std::max(line.checkpoint, bounds->low));
    } else {
      line.end = -1;
    }
    out.push_back(line);
  }
  return out;
}

std::string number_or(std::int64_t value, const char* otherwise) { return value < 0 ? otherwise : std::to_string(value); }
std::string time_or_dash(std::int64_t us) { return us == INT64_MIN ? "-" : format_timestamp(us); }

void print_table(const std::vector<Line>& lines, std::ostream& out) {
  std::size_t width = 5;
  for (const Line& line : lines) width = std::max(width, line.topic_partition.topic.size());
  out << fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {}\n", "TOPIC", width, "PARTITION", "CHECKPOINT", "END", "LAG",
                     "NEWEST EVENT");
  std::int64_t lag = 0;
  for (const Line& line : lines) {
    lag += line.lag;
    out << fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {}\n", line.topic_partition.topic, width, line.topic_partition.partition,
                       number_or(line.checkpoint, "none"), number_or(line.end, "gone"), line.lag, time_or_dash(line.max_event_time_us));
  }
  out << fmt::format("{} partitions, lag {}\n", lines.size(), lag);
}

void print_json(const std::vector<Line>& lines, const std::string& projection, std::ostream& out) {
  std::string text = "{\"projection\":";
  append_json(text, Value::text(projection));
  text += ",\"partitions\":[";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += i == 0 ? "{\"topic\":" : ",{\"topic\":";
    append_json(text, Value::text(lines[i].topic_partition.topic));
    fmt::format_to(std::back_inserter(text), ",\"partition\":{},\"checkpoint\":{},\"end\":{},\"lag\":{}}}",
                   lines[i].topic_partition.partition, number_or(lines[i].checkpoint, "null"), number_or(lines[i].end, "null"),
                   lines[i].lag);
  }
  out << text << "]}\n";
}

}  // namespace

int print_status(const StatusOptions& options, std::ostream& out, std::ostream& err) {
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  const auto lines = collect(*projection);
  if (!lines) return complain(err, lines.error());
  if (options.json) {
    print_json(*lines, projection->file.projection, out);
  } else {
    print_table(*lines, out);
  }
  return 0;
}

void add_status(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* status = app.add_subcommand("status", "Show checkpoint, log end and lag of every partition");
  status->footer("Example:\n  foldline status config/examples/orders-analytics.yaml");
  status->add_option("FILE", options->file, "the projection file")->required();
  status->add_option("--shared", options->shared, "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  status->add_flag("--json", options->json, "print JSON");
  status->callback([options, &exit_code] { exit_code = print_status(*options, std::cout, std::cerr); });
}

}  // namespace foldline
