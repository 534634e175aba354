#include "cmd/foldline/status.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>

#include "cmd/foldline/dlq_letters.h"
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
  Uuid owner;
};

struct LetterCounts {
  std::size_t open = 0;
  std::size_t replayed = 0;
  std::size_t discarded = 0;
};

struct Status {
  std::vector<Line> lines;
  std::int64_t lag = 0;
  std::vector<Generation> generations;  // at least the live one
  std::optional<LetterCounts> letters;  // nullopt: nobody asked

  [[nodiscard]] std::int64_t live_generation() const {
    for (const Generation& each : generations) {
      if (each.state == GenerationState::live) return each.number;
    }
    return 1;
  }
};

// A store that keeps one generation refuses to list them: it is the first.
Result<std::vector<Generation>> generations_of(Store& store) {
  auto generations = store.generations();
  if (!generations && generations.error().code != ErrorCode::config) return generations;
  if (!generations || generations->empty()) return std::vector<Generation>{{1, GenerationState::live}};
  std::erase_if(*generations, [](const Generation& each) { return each.state == GenerationState::dropped; });
  return generations;
}

Result<LetterCounts> count_letters(const Projection& projection, std::ostream& err) {
  auto letters = DeadLetters::open(projection);
  if (!letters) return fail(letters.error());
  if (auto read = (*letters)->read(std::nullopt, err); !read) return fail(read.error());
  LetterCounts out;
  for (const LetterHead& head : (*letters)->index().letters()) {
    switch (head.state) {
      case LetterState::open: ++out.open; break;
      case LetterState::replayed: ++out.replayed; break;
      case LetterState::discarded: ++out.discarded; break;
    }
  }
  return out;
}

// Every partition that the projection reads, whether or not it has a checkpoint; and checkpoints of topics that are gone.
Result<std::vector<Line>> collect_lines(const declarative::CompiledProjection& projection, Store& store) {
  auto checkpoints = store.checkpoints();
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
    line.owner = stored.checkpoint.owner;
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

Result<Status> collect(const Projection& projection, const StatusOptions& options, std::ostream& err) {
  auto store = open_projection_store(*projection);
  if (!store) return fail(store.error());
  Status out;
  auto lines = collect_lines(*projection, **store);
  if (!lines) return fail(lines.error());
  out.lines = std::move(*lines);
  for (const Line& line : out.lines) out.lag += line.lag;
  auto generations = generations_of(**store);
  if (!generations) return fail(generations.error());
  out.generations = std::move(*generations);
  if (!options.letters) return out;
  auto letters = count_letters(projection, err);
  if (!letters) return fail(letters.error());
  out.letters = *letters;
  return out;
}

std::string number_or(std::int64_t value, const char* otherwise) { return value < 0 ? otherwise : std::to_string(value); }
std::string time_or_dash(std::int64_t us) { return us == INT64_MIN ? "-" : format_timestamp(us); }

void print_table(const Status& status, std::ostream& out) {
  std::size_t width = 5;
  for (const Line& line : status.lines) width = std::max(width, line.topic_partition.topic.size());
  out << fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {}\n", "TOPIC", width, "PARTITION", "CHECKPOINT", "END", "LAG",
                     "NEWEST EVENT");
  for (const Line& line : status.lines) {
    out << fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {}\n", line.topic_partition.topic, width, line.topic_partition.partition,
                       number_or(line.checkpoint, "none"), number_or(line.end, "gone"), line.lag, time_or_dash(line.max_event_time_us));
  }
  out << fmt::format("{} partitions, lag {}, generation {}\n", status.lines.size(), status.lag, status.live_generation());
  for (const Generation& each : status.generations) {
    if (each.state == GenerationState::building) out << fmt::format("generation {} is in the making\n", each.number);
  }
  if (!status.letters) return;
  out << fmt::format("letters: {} open, {} replayed, {} discarded\n", status.letters->open, status.letters->replayed,
                     status.letters->discarded);
}

void append_line(std::string& text, const Line& line) {
  text += "{\"topic\":";
  append_json(text, Value::text(line.topic_partition.topic));
  const bool timed = line.max_event_time_us != INT64_MIN;
  fmt::format_to(std::back_inserter(text),
                 ",\"partition\":{},\"checkpoint\":{},\"end\":{},\"lag\":{},\"newestEvent\":", line.topic_partition.partition,
                 number_or(line.checkpoint, "null"), number_or(line.end, "null"), line.lag);
  append_json(text, timed ? Value::timestamp(line.max_event_time_us) : Value::null());
  text += ",\"owner\":";
  append_json(text, line.owner.is_nil() ? Value::null() : Value::uuid(line.owner));
  text += '}';
}

void print_json(const Status& status, const config::ProjectionFile& file, std::ostream& out) {
  std::string text = "{\"projection\":";
  append_json(text, Value::text(file.projection));
  text += ",\"store\":";
  append_json(text, Value::text(file.store.kind));
  fmt::format_to(std::back_inserter(text), ",\"generation\":{},\"generations\":[", status.live_generation());
  for (std::size_t i = 0; i < status.generations.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}{{\"number\":{},\"state\":\"{}\"}}", i == 0 ? "" : ",", status.generations[i].number,
                   to_string(status.generations[i].state));
  }
  fmt::format_to(std::back_inserter(text), "],\"lag\":{},\"partitions\":[", status.lag);
  for (std::size_t i = 0; i < status.lines.size(); ++i) {
    if (i > 0) text += ',';
    append_line(text, status.lines[i]);
  }
  text += ']';
  if (status.letters) {
    fmt::format_to(std::back_inserter(text), ",\"letters\":{{\"open\":{},\"replayed\":{},\"discarded\":{}}}", status.letters->open,
                   status.letters->replayed, status.letters->discarded);
  }
  out << text << "}\n";
}

}  // namespace

int print_status(const StatusOptions& options, std::ostream& out, std::ostream& err) {
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  const auto status = collect(projection, options, err);
  if (!status) return complain(err, status.error());
  if (options.json) {
    print_json(*status, projection->file, out);
  } else {
    print_table(*status, out);
  }
  return 0;
}

void add_status(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* status = app.add_subcommand("status", "Show checkpoint, log end and lag of every partition");
  status->footer(
      "Exit codes: 0 printed; 1 the file, the store or Kafka did not do.\n"
      "Example:\n  foldline status config/examples/orders-analytics.yaml");
  status->add_option("FILE", options->file, "the projection file")->required();
  status->add_option("--shared", options->shared, "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  status->add_flag("--letters", options->letters, "count the dead letters too, which reads their topics");
  status->add_flag("--json", options->json, "print JSON");
  status->callback([options, &exit_code] { exit_code = print_status(*options, std::cout, std::cerr); });
}

}  // namespace foldline
