#include "engine/worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "engine/worker_metrics.h"

namespace foldline {

namespace {

constexpr std::chrono::milliseconds kGroupPoll{100};
constexpr std::chrono::milliseconds kStoreRetryMin{500};
constexpr std::chrono::milliseconds kStoreRetryMax{10'000};
constexpr std::chrono::seconds kTopicCheck{30};        // while all is well
constexpr std::chrono::seconds kTopicCheckTrouble{3};  // while something is missing
constexpr std::chrono::milliseconds kMetadataTimeout{1'000};
constexpr std::chrono::seconds kEndCheck{10};  // while there is something to catch up with
constexpr std::chrono::milliseconds kRejoinMin{500};
constexpr std::chrono::milliseconds kRejoinMax{3'000};

// What is left to be committed, and what has been read and committed so far: one that moves with every step forward.
struct Position {
  bool behind = false;
  std::int64_t sum = 0;
};

Position position_of(const std::vector<PartitionStats>& partitions, const LogEnds& ends) {
  Position out;
  for (const PartitionStats& partition : partitions) {
    if (partition.stopped) continue;
    const auto end = ends.find(partition.topic_partition);
    out.behind |= end != ends.end() && partition.committed_offset >= 0 && partition.committed_offset < end->second;
    out.sum += partition.committed_offset + partition.read_offset;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<LaneRunner>> new_lane(const std::string& name, const LaneOptions& options, const WorkerParts& parts, Store& store,
                                             kafka::Consumer& consumer) {
  auto sink = store.new_sink();
  if (!sink) return fail(sink.error());
  auto letters = parts.new_letters();
  if (!letters) return fail(letters.error());
  LaneOptions of_generation = options;
  of_generation.generation = store.generation();
  return std::make_unique<LaneRunner>(name, of_generation,
                                      LaneParts{.log = std::make_unique<KafkaLog>(consumer.new_queue()),
                                                .sink = std::move(*sink),
                                                .traits = store.traits(),
                                                .letters = std::move(*letters),
                                                .decoders = parts.new_decoders(),
                                                .projector = parts.new_projector(),
                                                .views = parts.views});
}

Worker::Worker(WorkerOptions options, WorkerParts parts) : options_(std::move(options)), parts_(std::move(parts)) {}

Worker::~Worker() {
  consumer_ = nullptr;  // leaves the group: on_revoke() still finds the lanes
  lanes_.clear();
}

void Worker::sleep_unless(const std::atomic<bool>& stop, std::chrono::milliseconds duration) {
  const auto until = std::chrono::steady_clock::now() + duration;
  while (!stop && std::chrono::steady_clock::now() < until) {
    beat_.touch(std::chrono::steady_clock::now());
    std::this_thread::sleep_for(std::min(kGroupPoll, duration));
  }
}

void Worker::set_phase(std::string phase) {
  const std::lock_guard lock(mutex_);
  phase_ = std::move(phase);
}

// True: prepared; false: told to stop before the store answered.
Result<bool> Worker::prepare_store(const std::atomic<bool>& stop) {
  auto pause = kStoreRetryMin;
  while (!stop) {
    beat_.touch(std::chrono::steady_clock::now());
    Result<void> prepared;
    if (auto opened = parts_.open_store()) {
      store_ = std::move(*opened);
      prepared = store_->prepare();
    } else {
      prepared = fail(opened.error());
    }
    if (prepared) return true;
    if (!prepared.error().retryable) return fail(prepared.error());
    spdlog::warn("store: {}; {}; trying again in {} ms", prepared.error().message, prepared.error().hint, pause.count());
    set_phase("waiting for the store: " + prepared.error().message +
              (prepared.error().hint.empty() ? "" : " (" + prepared.error().hint + ")"));
    sleep_unless(stop, pause);
    pause = std::min(pause * 2, kStoreRetryMax);
  }
  return false;
}

// Asks Kafka what there is, and the store what there was when this generation began.
Result<void> Worker::ask_first_topics() {
  const auto topics = consumer_->topics(kMetadataTimeout);
  if (!topics) return fail(topics.error());
  FirstTopics::Counts ours;
  for (const auto& [topic, partitions] : *topics) {
    if (parts_.source_of(topic) >= 0) ours[topic] = partitions;
  }
  const auto kept = store_->first_topics(FirstTopics::text(ours));
  if (!kept) return fail(kept.error());
  auto first = FirstTopics::parse(*kept);
  if (!first) return fail(first.error());
  first_topics_ = std::move(*first);
  return {};
}

// G6: before the group is joined, because `latest` must not be taken for a partition that is added from now on. True: known, or not
// needed; false: told to stop before.
Result<bool> Worker::learn_first_topics(const std::atomic<bool>& stop) {
  const auto& starts = options_.lane.start_at;
  if (std::all_of(starts.begin(), starts.end(), [](const StartAt& s) { return s.kind == StartAt::Kind::earliest; })) return true;
  auto pause = kStoreRetryMin;
  while (!stop) {
    const Result<void> asked = ask_first_topics();
    if (asked) return true;
    if (!asked.error().retryable) return fail(asked.error());
    spdlog::warn("{}; {}; trying again in {} ms", asked.error().message, asked.error().hint, pause.count());
    set_phase("learning which topics there are: " + asked.error().message);
    sleep_unless(stop, pause);
    pause = std::min(pause * 2, kStoreRetryMax);
  }
  return false;
}

Result<void> Worker::start_lanes() {
  auto consumer = kafka::Consumer::create(options_.consumer, *this);
  if (!consumer) return fail(consumer.error());
  consumer_ = std::move(*consumer);
  std::vector<std::unique_ptr<LaneRunner>> lanes;
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    auto lane = new_lane("lane-" + std::to_string(i), options_.lane, parts_, *store_, *consumer_);
    if (!lane) return fail(lane.error());
    lanes.push_back(std::move(*lane));
  }
  const std::lock_guard lock(mutex_);
  lanes_ = std::move(lanes);
  progress_.resize(lanes_.size());
  generation_ = store_->generation();
  return {};
}

Result<void> Worker::run(const std::atomic<bool>& stop) {
  auto prepared = prepare_store(stop);
  if (!prepared) return fail(prepared.error());
  if (!*prepared) return {};
  if (auto started = start_lanes(); !started) return started;
  auto learned = learn_first_topics(stop);
  if (!learned) return fail(learned.error());
  if (!*learned) return {};
  set_phase("joining the consumer group");
  if (auto joined = consumer_->subscribe(options_.subscription); !joined) return joined;
  spdlog::info("{}: joining group {}", options_.projection, options_.consumer.group);
  while (!stop) {
    beat_.touch(std::chrono::steady_clock::now());
    consumer_->poll(kGroupPoll);
    if (any_lane_fenced()) rejoin_after_fence(stop);
    if (auto over = superseded()) return fail(std::move(*over));
    watch_brokers();
    check_topics();
    ask_log_ends();
    watch_progress();
  }
  spdlog::info("{}: stopping: committing what is folded", options_.projection);
  draining_ = true;
  drain_lanes(options_.drain_timeout);
  for (const auto& lane : lanes_) lane->log().flush_group_offsets();
  consumer_->leave();
  spdlog::info("{}: left the group; stopped", options_.projection);
  return {};
}

namespace {

// A member that the group still knows by its group.instance.id gets back what it had, although its file now names other topics.
std::string foreign_problem(const std::string& partitions) {
  return fmt::format(
      "the group assigned {}, which this file does not read: the worker would sit there and do nothing (did its topics change under one "
      "group.instance.id? keep it stopped for longer than session.timeout.ms, or give it another one)",
      partitions);
}

}  // namespace

// Each lane takes every n-th partition, so that a topic's partitions spread. Runs inside Consumer::poll().
std::vector<kafka::PartitionQueue*> Worker::on_assign(const std::vector<TopicPartition>& partitions) {
  rebalances_.fetch_add(1, std::memory_order_relaxed);
  std::vector<kafka::PartitionQueue*> queues;
  std::vector<std::vector<AssignedPartition>> by_lane(lanes_.size());
  std::string names;
  std::string foreign;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const std::size_t lane = i % lanes_.size();
    queues.push_back(&lanes_[lane]->log().queue());
    const int source = parts_.source_of(partitions[i].topic);
    names += (names.empty() ? "" : " ") + partitions[i].to_string();
    if (source < 0) {  // never started
      foreign += (foreign.empty() ? "" : " ") + partitions[i].to_string();
      continue;
    }
    const bool added_later = first_topics_ && first_topics_->added_later(partitions[i]);
    by_lane[lane].push_back({partitions[i], static_cast<std::uint32_t>(source), added_later});
  }
  spdlog::info("{}: assigned {} partitions: {}", options_.projection, partitions.size(), names.empty() ? "none" : names);
  if (!draining_) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->assign(std::move(by_lane[i]));
  }
  {
    const std::lock_guard lock(mutex_);
    log_ends_.clear();
    foreign_partitions_ = foreign;
  }
  if (!foreign.empty()) spdlog::error("{}: {}", options_.projection, foreign_problem(foreign));
  next_end_check_ = std::chrono::steady_clock::now() + kEndCheck;
  set_phase("");
  return queues;
}

// G7: what is in flight gets revoke_timeout to commit; after that it is left, and the fence protects. Runs inside Consumer::poll().
void Worker::on_revoke(const std::vector<TopicPartition>& partitions) {
  spdlog::info("{}: {} partitions revoked", options_.projection, partitions.size());
  drain_lanes(options_.revoke_timeout);
  for (const auto& lane : lanes_) lane->revoke();
  set_phase("waiting for an assignment");
}

void Worker::drain_lanes(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (const auto& lane : lanes_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!lane->drain(std::max(left, std::chrono::milliseconds(1)))) {
      spdlog::warn("{}: a batch was left uncommitted; it is redone from the checkpoint: {}", options_.projection,
                   lane->status().describe());
    }
  }
}

bool Worker::any_lane_fenced() const {
  for (const auto& lane : lanes_) {
    if (lane->status().state == LaneState::fenced) return true;
  }
  return false;
}

// Another generation went live: its tables are no longer ours to write.
std::optional<Error> Worker::superseded() const {
  for (const auto& lane : lanes_) {
    const LaneStatus status = lane->status();
    if (status.state == LaneState::stopped && status.error.code == ErrorCode::superseded) return status.error;
  }
  return std::nullopt;
}

// G1: a fenced worker opens its partitions again only on a new assignment, after a jittered pause; so a thawed zombie can't take
// ownership back and forth.
void Worker::rejoin_after_fence(const std::atomic<bool>& stop) {
  std::uniform_int_distribution<std::int64_t> jitter(kRejoinMin.count(), kRejoinMax.count());
  const std::chrono::milliseconds pause(jitter(random_));
  spdlog::warn("{}: another worker owns a partition of ours: leaving the group, rejoining in {} ms", options_.projection, pause.count());
  consumer_->leave();
  for (const auto& lane : lanes_) lane->revoke();
  set_phase("fenced by another worker: rejoining the group");
  sleep_unless(stop, pause);
  if (stop) return;
  if (auto joined = consumer_->subscribe(options_.subscription); !joined) spdlog::error("{}", joined.error().message);
}

// G6: with no broker in sight a topic may be replaced unseen.
void Worker::watch_brokers() {
  const bool away = !consumer_->last_error().empty();
  if (away && !brokers_away_) {
    for (const auto& lane : lanes_) lane->distrust_log();
  }
  brokers_away_ = away;
}

// A consumer group is silent about a topic that is not there, and about brokers that went away: ask.
void Worker::check_topics() {
  const Instant now = std::chrono::steady_clock::now();
  const bool trouble = !topic_problem_.empty() || !consumer_->last_error().empty();
  if (now < next_topic_check_ && !(trouble && next_topic_check_ - now > kTopicCheckTrouble)) return;
  std::string problem;
  for (const std::string& topic : options_.subscription) {
    if (topic.starts_with('^')) continue;
    const Result<int> count = consumer_->partition_count(topic, kMetadataTimeout);
    if (!count) {
      problem = count.error().message + " (" + count.error().hint + ")";
      break;
    }
    if (*count == 0)
      problem += (problem.empty() ? "" : "; ") + ("topic " + topic + " does not exist, or this user may not see it: create it");
  }
  next_topic_check_ = std::chrono::steady_clock::now() + (problem.empty() ? kTopicCheck : kTopicCheckTrouble);
  if (problem == topic_problem_) return;
  if (problem.empty()) {
    spdlog::info("{}: all topics are there again", options_.projection);
  } else {
    spdlog::error("{}: {}", options_.projection, problem);
  }
  const std::lock_guard lock(mutex_);
  topic_problem_ = problem;
}

// The client hears of the log's end only with what it fetches, and it fetches nothing while its queue is full: in a long outage of the
// store the lag would stand still. So a broker is asked, as long as there is a lag or a lane that waits.
void Worker::ask_log_ends() {
  const Instant now = std::chrono::steady_clock::now();
  if (now < next_end_check_) return;
  next_end_check_ = now + kEndCheck;
  LogEnds found;
  for (const auto& lane : lanes_) {
    const std::vector<PartitionStats> partitions = lane->stats().partitions();
    const bool waits = lane->status().state != LaneState::running && lane->status().state != LaneState::idle;
    const bool behind = std::any_of(partitions.begin(), partitions.end(),
                                    [](const PartitionStats& p) { return p.committed_offset < p.end_offset || p.read_offset < 0; });
    if (partitions.empty() || (!waits && !behind)) continue;
    std::vector<TopicPartition> names;
    for (const PartitionStats& partition : partitions) names.push_back(partition.topic_partition);
    const auto marks = lane->log().queue().watermarks(names, kMetadataTimeout);
    if (!marks) continue;  // /readyz tells of brokers that are away
    for (std::size_t i = 0; i < names.size(); ++i) {
      if ((*marks)[i]) found[names[i]] = (*marks)[i]->high;
    }
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [name, end] : found) log_ends_[name] = end;
}

// A lane that says it runs, has records to read and reads none: a client that no longer fetches, or a bug of ours.
void Worker::watch_progress() {
  const Instant now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const Position position = position_of(lanes_[i]->stats().partitions(), log_ends_);
    progress_[i].observe(position.behind && lanes_[i]->status().state == LaneState::running, position.sum, now);
  }
}

Liveness Worker::liveness() const {
  const Instant now = std::chrono::steady_clock::now();
  const Duration limit = options_.stuck_after;
  const auto seconds = [](Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); };
  Liveness out;
  if (const Duration age = beat_.age(now); age > limit) {
    out.reasons.push_back(fmt::format("the group's thread has not moved for {} s", seconds(age)));
  }
  if (std::string failed = kafka::failed_client(); !failed.empty()) out.reasons.push_back("a Kafka client has failed for good: " + failed);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (std::string stuck = lanes_[i]->stuck(now, limit); !stuck.empty()) out.reasons.push_back(std::move(stuck));
    if (const Duration stalled = progress_[i].stalled_for(now); stalled > limit) {
      out.reasons.push_back(fmt::format("lane-{}: records wait in the log, and none was taken for {} s", i, seconds(stalled)));
    }
  }
  out.alive = out.reasons.empty();
  return out;
}

Readiness Worker::readiness() const {
  const std::lock_guard lock(mutex_);
  Readiness out;
  if (draining_) out.reasons.emplace_back("stopping");
  if (!phase_.empty()) out.reasons.push_back(phase_);
  if (!topic_problem_.empty()) out.reasons.push_back(topic_problem_);
  if (!foreign_partitions_.empty()) out.reasons.push_back(foreign_problem(foreign_partitions_));
  if (consumer_ != nullptr && topic_problem_.empty()) {
    if (std::string error = consumer_->last_error(); !error.empty()) out.reasons.push_back("kafka: " + error);
  }
  for (const auto& lane : lanes_) {
    const LaneStatus status = lane->status();
    if ((status.state != LaneState::running && status.state != LaneState::idle) || !status.stopped_partitions.empty()) {
      out.reasons.push_back(status.describe());
    }
  }
  out.ready = out.reasons.empty();
  return out;
}

std::string Worker::metrics() const {
  WorkerFacts facts;
  facts.version = options_.version;
  facts.ready = readiness().ready;
  facts.alive = liveness().alive;
  const std::int64_t now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const std::lock_guard lock(mutex_);
  MetricsPage page(options_.projection);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const LaneStats& stats = lanes_[i]->stats();
    page.add_lane(i, stats, lanes_[i]->status());
    page.add_queues(i, stats,
                    {.prefetched_records = lanes_[i]->log().queue().length(),
                     .prefetch_limit_bytes = options_.consumer.queue_kbytes * 1024,
                     .batch_limit_records = options_.lane.max_batch_records,
                     .batch_limit_bytes = options_.lane.max_batch_bytes});
    page.add_partitions(stats.partitions(), log_ends_, now_us);
  }
  if (!lanes_.empty()) facts.store_requests = store_->requests();  // lanes are made of a store that stays
  facts.rebalances = rebalances_.load(std::memory_order_relaxed);
  facts.generation = generation_;
  facts.in_group = phase_.empty() && !draining_;
  page.add_worker(facts);
  return page.text();
}

}  // namespace foldline
