#include "cmd/foldline/rebuild.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include "cmd/foldline/positions.h"
#include "cmd/foldline/project.h"
#include "cmd/foldline/stop_signal.h"
#include "cmd/foldline/worker_parts.h"
#include "common/kafka/inspector.h"
#include "common/time.h"
#include "engine/rebuild.h"

namespace foldline {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLineEvery{5};  // of progress, where there is no terminal
constexpr std::chrono::milliseconds kBarEvery{200};
constexpr int kBarWidth = 30;
constexpr int kGoLiveAttempts = 12;
constexpr std::chrono::seconds kGoLivePause{2};

int complain(const Error& error) {
  std::cerr << "foldline rebuild: " << error.message << (error.hint.empty() ? "" : "\n  help: " + error.hint) << '\n';
  return 1;
}

// ---- where to start

using Offsets = std::map<TopicPartition, std::int64_t>;

Result<Offsets> parse_offsets(const std::string& text) {
  const auto positions = parse_positions(text);
  if (!positions) {
    return fail(ErrorCode::config, fmt::format("--from: \"{}\" is no {}", positions.error().text, positions.error().what),
                "write earliest, a time such as 2026-04-03T00:00:00Z, or topic:partition:offset,...");
  }
  Offsets out;
  for (const WrittenPosition& position : *positions) out[position.topic_partition] = position.offset;
  return out;
}

// `log` is parallel to the partitions. Checked before anything is made, so that a slip leaves nothing behind.
Result<void> apply_from(const std::string& from, const std::vector<LogBounds>& log, RebuildOptions& options) {
  std::vector<StartAt> starts(options.lane.start_at.size());  // earliest: a rebuild does not follow the file's start_at
  if (from == "earliest") {
    options.lane.start_at = std::move(starts);
    return {};
  }
  if (from.find(':') != std::string::npos && from.find('T') == 10) {
    const auto time = parse_timestamp_us(from);
    if (!time) return fail(ErrorCode::config, "--from: " + time.error().message, time.error().hint);
    for (StartAt& start : starts) start = {StartAt::Kind::timestamp, *time};
    options.lane.start_at = std::move(starts);
    return {};
  }
  auto offsets = parse_offsets(from);
  if (!offsets) return fail(offsets.error());
  options.lane.start_at = std::move(starts);
  for (AssignedPartition& partition : options.partitions) {
    const auto found = offsets->find(partition.topic_partition);
    if (found == offsets->end()) continue;
    const LogBounds& bounds = log[static_cast<std::size_t>(&partition - options.partitions.data())];
    if (found->second < bounds.low || found->second > bounds.high) {
      return fail(ErrorCode::config,
                  fmt::format("--from: {} can't start at offset {}: the log holds {} to {}", partition.topic_partition.to_string(),
                              found->second, bounds.low, bounds.high),
                  "choose an offset that the log holds");
    }
    partition.start_offset = found->second;
    offsets->erase(found);
  }
  if (offsets->empty()) return {};
  return fail(ErrorCode::config, fmt::format("--from: the projection does not read {}", offsets->begin()->first.to_string()),
              "name topics and partitions that it reads; all others start at the earliest record");
}

// Every partition that the projection reads, and where each ends now.
Result<std::vector<LogBounds>> find_partitions(const declarative::CompiledProjection& projection, RebuildOptions& options) {
  std::vector<LogBounds> log;
  auto inspector = kafka::Inspector::create(kafka_options(projection.file));
  if (!inspector) return fail(inspector.error());
  const auto topics = (*inspector)->topics();
  if (!topics) return fail(topics.error());
  for (const auto& [topic, count] : *topics) {
    const int source = source_of_topic(projection.file, topic);
    if (source < 0) continue;
    for (int i = 0; i < count; ++i) {
      const TopicPartition name{topic, i};
      const auto bounds = (*inspector)->watermarks(name);
      if (!bounds) return fail(bounds.error());
      options.partitions.push_back({name, static_cast<std::uint32_t>(source), false, -1});
      options.end_offsets.push_back(bounds->high);
      log.push_back({bounds->low, bounds->high});
    }
  }
  if (!options.partitions.empty()) return log;
  return fail(ErrorCode::log_unavailable, "there is no topic that the projection reads",
              "check the names under `topics`, and kafka.brokers");
}

// ---- what people see

class ProgressLine {
 public:
  void show(const RebuildProgress& now) {
    if (now.total == 0) return;  // partitions are being opened
    const auto at = Clock::now();
    if (at - shown_at_ < (terminal_ ? std::chrono::duration_cast<Clock::duration>(kBarEvery) : Clock::duration(kLineEvery))) return;
    shown_at_ = at;
    print(now);
  }
  void finish(const RebuildProgress& now) {
    print(now);
    if (terminal_) std::cerr << '\n';
  }

 private:
  void print(const RebuildProgress& now) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    const double share = now.total == 0 ? 1.0 : static_cast<double>(now.done) / static_cast<double>(now.total);
    const double rate = seconds > 0 ? static_cast<double>(now.done) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(now.total - now.done) / rate : 0;
    const std::string text = fmt::format("{:5.1f}%  {} of {} records, {:.0f} a second, {:.0f} s left{}", share * 100, now.done, now.total,
                                         rate, left, now.letters == 0 ? "" : fmt::format(", {} dead letters", now.letters));
    if (!terminal_) {
      std::cerr << text << '\n';
      return;
    }
    const int filled = static_cast<int>(share * kBarWidth);
    std::cerr << fmt::format("\r[{:#<{}}{:.<{}}] {}\033[K", "", filled, "", kBarWidth - filled, text) << std::flush;
  }

  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point shown_at_{};
};

// ---- generations

int list(const std::vector<Generation>& generations) {
  std::cout << "GENERATION  STATE\n";
  for (const Generation& generation : generations) {
    if (generation.state == GenerationState::dropped) continue;
    std::cout << fmt::format("{:>10}  {}\n", generation.number, to_string(generation.state));
  }
  return 0;
}

bool is_switching(const Generation& generation) {
  return generation.state == GenerationState::switching || generation.state == GenerationState::retiring;
}

int drop(Store& store, const std::vector<Generation>& generations, GenerationState state) {
  int dropped = 0;
  for (const Generation& generation : generations) {
    if (is_switching(generation)) {
      return complain({ErrorCode::config,
                       fmt::format("generation {} is {}: nothing can be dropped now", generation.number, to_string(generation.state)),
                       "let it go live: --resume", false});
    }
  }
  for (const Generation& generation : generations) {
    if (generation.state != state && generation.state != GenerationState::dropping) continue;  // what was interrupted goes on either way
    if (auto done = store.drop_generation(generation.number); !done) return complain(done.error());
    std::cout << fmt::format("dropped generation {}, which was {}\n", generation.number, to_string(generation.state));
    ++dropped;
  }
  if (dropped == 0) std::cout << fmt::format("there is no generation that is {}\n", to_string(state));
  return 0;
}

// The generation to fill: the one in the making with --resume, else a new one. One that is going live needs no filling any more.
Result<Generation> choose(const std::vector<Generation>& generations, bool resume) {
  std::int64_t greatest = 1;
  for (const Generation& generation : generations) {
    greatest = std::max(greatest, generation.number);
    const bool switching = generation.state == GenerationState::switching;
    if (generation.state != GenerationState::building && !switching) continue;
    if (resume) return generation;
    return fail(ErrorCode::config,
                fmt::format("generation {} is {} already", generation.number, switching ? "going live" : "in the making"),
                switching ? "go on with it: --resume" : "go on with it: --resume; or drop it: --abandon");
  }
  if (resume) {
    // A worker may have finished what this one is to go on with.
    const auto live = std::ranges::find(generations, GenerationState::live, &Generation::state);
    const std::string now = live == generations.end() ? "" : fmt::format(": generation {} is live", live->number);
    return fail(ErrorCode::config, "there is no generation in the making to go on with" + now, "start one without --resume");
  }
  return Generation{greatest + 1, GenerationState::building};
}

// Of stores that go live in steps.
class SwitchLine {
 public:
  void show(const GoLiveProgress& now) {
    const auto at = Clock::now();
    const auto every = terminal_ ? std::chrono::duration_cast<Clock::duration>(kBarEvery) : Clock::duration(kLineEvery);
    if (now.moved == 0 || at - shown_at_ < every) return;
    shown_at_ = at;
    print(now);
  }
  void finish(const GoLiveProgress& last) {
    if (last.moved == 0) return;
    print(last);
    if (terminal_) std::cerr << '\n';
  }

 private:
  void print(const GoLiveProgress& now) const {
    const std::string text =
        fmt::format("going live: {} keys have moved, {:.1f} s", now.moved, std::chrono::duration<double>(Clock::now() - began_).count());
    std::cerr << (terminal_ ? "\r" + text + "\033[K" : text + "\n") << std::flush;
  }

  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point shown_at_ = began_;
};

// Readers of the live tables can hold it up; they are waited for, in turns, so that nobody queues behind us for long. False: stopped.
Result<bool> go_live(Store& store, const std::atomic<bool>& stop) {
  Result<bool> done = false;
  SwitchLine line;
  GoLiveProgress last;
  const GoLiveStep step = [&](const GoLiveProgress& now) {
    line.show(last = now);
    return !stop;
  };
  for (int attempt = 1; attempt <= kGoLiveAttempts; ++attempt) {
    done = store.go_live(step);
    if (done || !done.error().retryable || stop) break;
    std::cerr << fmt::format("waiting to go live: {}\n", done.error().message);
    std::this_thread::sleep_for(kGoLivePause);
  }
  line.finish(last);
  return done;
}

// What an interrupted go_live() has left, as the store says.
void tell_left(Store& store, std::int64_t number, const std::string& file) {
  const auto generations = store.generations();
  const bool switching = generations && std::any_of(generations->begin(), generations->end(), [&](const Generation& g) {
                           return g.number == number && g.state == GenerationState::switching;
                         });
  if (switching) {
    std::cerr << fmt::format(
        "generation {} is going live and has not ended: readers see some rows of it and some of the old one, and no worker runs.\n"
        "  go on: foldline rebuild {} --resume\n",
        number, file);
    return;
  }
  std::cerr << fmt::format("generation {} is filled and not live; try again: foldline rebuild {} --resume\n", number, file);
}

int make_live(Store& store, const RebuildCommand& command, std::int64_t number) {
  const auto live = go_live(store, stop_on_signals());
  if (!live) complain(live.error());
  if (!live || !*live) {
    tell_left(store, number, command.file);
    return 1;
  }
  std::cout << fmt::format(
      "generation {} is live. Workers of the old one end by themselves; started again they go on with this one.\n"
      "The old one is kept; when you need it no more: foldline rebuild {} --drop-old\n",
      number, command.file);
  return 0;
}

// True: filled; false: told to stop, and said so.
Result<bool> fill(const Projection& projection, const RebuildCommand& command, RebuildOptions options, Store& store) {
  const std::int64_t number = store.generation();
  std::cerr << fmt::format("generation {}: filling it from {} partitions{}\n", number, options.partitions.size(),
                           command.resume ? ", going on where it was left" : "");
  ProgressLine line;
  RebuildProgress last;
  Rebuild rebuild(std::move(options), worker_parts(projection), store);
  Result<bool> filled = rebuild.run(stop_on_signals(), [&](const RebuildProgress& now) { line.show(last = now); });
  line.finish(last);
  if (filled && !*filled) {
    std::cerr << fmt::format(
        "interrupted: generation {} is kept as far as it is; the live one is untouched.\n"
        "  go on: foldline rebuild {} --resume     drop it: foldline rebuild {} --abandon\n",
        number, command.file, command.file);
  }
  return filled;
}

int build(const Projection& projection, const RebuildCommand& command, const Generation& generation) {
  const bool switching = generation.state == GenerationState::switching;
  RebuildOptions options;
  options.consumer.client = kafka_options(projection->file);
  options.consumer.group = projection->file.group + "-rebuild";
  options.lane = lane_options(projection->file);
  if (command.max_batch_records != 0) options.lane.max_batch_records = command.max_batch_records;
  if (!switching) {
    const auto log = find_partitions(*projection, options);
    if (!log) return complain(log.error());
    if (auto applied = apply_from(command.from, *log, options); !applied) return complain(applied.error());
  }
  auto store = open_projection_store(*projection, generation.number);
  if (!store) return complain(store.error());
  if (auto prepared = (*store)->prepare(); !prepared) return complain(prepared.error());
  if (!switching) {
    const auto filled = fill(projection, command, std::move(options), **store);
    if (!filled) return complain(filled.error());
    if (!*filled) return 1;
  }
  return make_live(**store, command, generation.number);
}

}  // namespace

int rebuild_projection(const RebuildCommand& command) {
  const Projection projection = load_projection(command.file, command.shared, std::cerr);
  if (projection == nullptr) return 1;
  auto store = open_projection_store(*projection);
  if (!store) return complain(store.error());
  const auto generations = (*store)->generations();
  if (!generations) return complain(generations.error());
  if (command.list) return list(*generations);
  if (command.drop_old) return drop(**store, *generations, GenerationState::retired);
  if (command.abandon) return drop(**store, *generations, GenerationState::building);
  const auto generation = choose(*generations, command.resume);
  return generation ? build(projection, command, *generation) : complain(generation.error());
}

void add_rebuild(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RebuildCommand>();
  CLI::App* rebuild = app.add_subcommand("rebuild", "Fill a new generation of a projection's views beside the live one, then make it live");
  rebuild->footer(
      "The live generation is kept up meanwhile by its workers. An interrupted rebuild loses nothing: --resume goes on.\n"
      "Example:\n  foldline rebuild config/examples/orders-analytics.yaml --from earliest");
  rebuild->add_option("FILE", options->file, "the projection file")->required();
  rebuild->add_option("--shared", options->shared,
                      "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  rebuild
      ->add_option("--from", options->from,
                   "earliest, a time such as 2026-04-03T00:00:00Z, or topic:partition:offset,... (others from their earliest record)")
      ->capture_default_str();
  rebuild->add_option("--max-batch-records", options->max_batch_records, "records in one commit at most; default 20,000");
  auto* resume = rebuild->add_flag("--resume", options->resume, "go on with the generation in the making");
  auto* list_flag = rebuild->add_flag("--list", options->list, "only show the generations");
  auto* drop_flag = rebuild->add_flag("--drop-old", options->drop_old, "only drop the generations that were live before");
  auto* abandon = rebuild->add_flag("--abandon", options->abandon, "only drop the generation in the making");
  resume->excludes(list_flag, drop_flag, abandon);
  drop_flag->excludes(list_flag, abandon);
  abandon->excludes(list_flag);
  rebuild->callback([options, &exit_code] { exit_code = rebuild_projection(*options); });
}

}  // namespace foldline
