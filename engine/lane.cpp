#include "engine/lane.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/lane_impl.h"

namespace foldline {

std::string_view to_string(LaneState state) {
  switch (state) {
    case LaneState::idle: return "idle";
    case LaneState::opening: return "opening";
    case LaneState::running: return "running";
    case LaneState::waiting_store: return "waiting_store";
    case LaneState::waiting_letters: return "waiting_letters";
    case LaneState::waiting_log: return "waiting_log";
    case LaneState::stopped: return "stopped";
    case LaneState::fenced: return "fenced";
    case LaneState::draining: return "draining";
    case LaneState::drained: return "drained";
  }
  return "idle";
}

// Each reason once: a lane whose partitions are all stopped has no other reason than theirs, and what to do is mostly the same for all.
std::string LaneStatus::describe() const {
  const auto add = [](std::string& out, std::string_view message, std::string_view hint) {
    if (!message.empty()) out += fmt::format(": {}", message);
    if (!hint.empty()) out += fmt::format(" ({})", hint);
  };
  std::string out(to_string(state));
  const bool told_below = std::any_of(stopped_partitions.begin(), stopped_partitions.end(),
                                      [&](const StoppedPartition& p) { return p.error.message == error.message; });
  if (!told_below) add(out, error.message, error.hint);
  for (std::size_t i = 0; i < stopped_partitions.size(); ++i) {
    const auto& [topic_partition, why] = stopped_partitions[i];
    const bool same_hint_follows = i + 1 < stopped_partitions.size() && stopped_partitions[i + 1].error.hint == why.hint;
    out += fmt::format("{} {} stopped", i == 0 && told_below ? ":" : ";", topic_partition.to_string());
    add(out, without_name(topic_partition, why.message), same_hint_follows ? "" : why.hint);
  }
  return out;
}

std::string_view without_name(const TopicPartition& topic_partition, std::string_view message) {
  const std::string name = topic_partition.to_string() + ": ";
  return message.starts_with(name) ? message.substr(name.size()) : message;
}

namespace {

// A frozen server, or a network that swallows everything, ends no connection, and a sink waits minutes for an answer that may still come.
// Whoever looks at the worker hears of it much earlier.
constexpr Duration kSilence = std::chrono::seconds(15);

std::int64_t system_time_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::uint64_t seed_or_random(std::uint64_t seed) {
  if (seed != 0) return seed;
  const Uuid random = Uuid::random();
  std::uint64_t out = 0;
  std::memcpy(&out, random.bytes.data(), sizeof out);
  return out;
}

}  // namespace

Lane::Lane(LaneOptions options, LaneDependencies dependencies)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(dependencies))) {}
Lane::~Lane() = default;

void Lane::assign(std::vector<AssignedPartition> partitions, Instant now) { impl_->assign(std::move(partitions), now); }

void Lane::revoke(Instant now) { impl_->revoke(now); }

void Lane::drain(Instant now) {
  impl_->drain();
  impl_->publish_status(now);
}

void Lane::distrust_log() { impl_->log_distrusted = true; }

StepResult Lane::step(Instant now) { return impl_->step(now); }

bool Lane::busy() const {
  const auto runs = [](const auto& job) { return job != nullptr && !job->done.load(std::memory_order_acquire); };
  return runs(impl_->job) || runs(impl_->queued_job);
}

LaneState Lane::state() const { return impl_->public_state(); }

LaneStatus Lane::status() const {
  const std::lock_guard lock(impl_->status_mutex);
  return impl_->published;
}

Lane::Impl::Impl(LaneOptions lane_options, LaneDependencies dependencies)
    : options(std::move(lane_options)),
      deps(std::move(dependencies)),
      random(seed_or_random(options.seed)),
      lateness(deps.views),
      letter_log(std::find(options.redacted.begin(), options.redacted.end(), true) != options.redacted.end()),
      backoff(options.retry_backoff_min, options.retry_backoff_max),
      breaker(options.stop_above),
      store_breaker(options.stop_above) {
  if (!deps.wall_time_us) deps.wall_time_us = system_time_us;
}

void Lane::Impl::assign(std::vector<AssignedPartition> new_partitions, Instant now) {
  revoke(now);
  assignment = std::make_shared<const std::vector<AssignedPartition>>(std::move(new_partitions));
  partitions = std::vector<Partition>(assignment->size());
  if (!assignment->empty()) start_opening();
  publish_partitions();
  publish_status(now);
}

void Lane::Impl::revoke(Instant now) {
  abandon_job();
  drop_everything();
  partitions.clear();
  assignment.reset();
  draining = false;
  breaker.clear();
  store_breaker.clear();
  stop_error = {};
  enter(Phase::idle);
  publish_partitions();
  publish_status(now);
}

void Lane::Impl::drain() {
  if (phase == Phase::opening) {  // nothing has been folded
    abandon_job();
    drop_everything();
    enter(Phase::drained);
  }
  if (phase == Phase::idle) enter(Phase::drained);
  draining = phase == Phase::working;
}

StepResult Lane::Impl::step(Instant now) {
  StepResult result;
  result.progressed = act(now);
  watch_job(now);
  publish_status(now);
  publish_queues();
  if (std::exchange(partitions_to_publish, false)) publish_partitions();
  letter_log.tick(now);
  result.state = public_state();
  if (!result.progressed) result.wake_at = wake_at(now);
  return result;
}

bool Lane::Impl::act(Instant now) {
  bool progressed = false;
  if (job && job->done.load(std::memory_order_acquire)) {
    handle_job(now);
    progressed = true;
  }
  if (phase == Phase::opening && !job && now >= retry_at) {
    start_opening();
    return true;
  }
  if (phase != Phase::working) return progressed;
  progressed |= read(now);
  if (phase == Phase::working) progressed |= start_commit(now);
  if (phase == Phase::working) encode_ahead();
  if (phase == Phase::working) queue_next(now);
  return progressed;
}

// An opening lane says so by itself.
void Lane::Impl::watch_job(Instant now) {
  if (job && !job_since) job_since = now;
  const bool was_silent = silent;
  silent = job && job->kind != LaneJob::Kind::open && now - *job_since >= kSilence;
  if (silent && !was_silent) spdlog::warn("waiting for the store: {}; {}", silence().message, silence().hint);
}

Error Lane::Impl::silence() {
  return {ErrorCode::store_unavailable,
          fmt::format("a commit has had no answer for {} s", std::chrono::floor<std::chrono::seconds>(kSilence).count()),
          "is the store frozen, overloaded, or the network silent? The worker goes on when an answer comes, or tries again by itself",
          true};
}

void Lane::Impl::handle_job(Instant now) {
  const std::shared_ptr<LaneJob> ended = std::move(job);
  job.reset();
  switch (ended->kind) {
    case LaneJob::Kind::open: finish_opening(static_cast<OpenJob&>(*ended), now); break;
    case LaneJob::Kind::commit:
      finish_commit(static_cast<CommitJob&>(*ended), now);
      go_on_behind(static_cast<const CommitJob&>(*ended));
      break;
    case LaneJob::Kind::recheck: finish_recheck(static_cast<RecheckJob&>(*ended), now); break;
  }
  publish_partitions();
}

void Lane::Impl::submit(std::shared_ptr<LaneJob> new_job, std::function<void(LaneJob&)> run) {
  job = new_job;
  job_since.reset();
  run_on_executor(std::move(new_job), std::move(run));
}

void Lane::Impl::run_on_executor(std::shared_ptr<LaneJob> new_job, std::function<void(LaneJob&)> run) {
  deps.executor.submit([mine = std::move(new_job), work = std::move(run)] {
    work(*mine);
    mine->done.store(true, std::memory_order_release);
  });
}

void Lane::Impl::abandon_job() {
  if (job) job->cancelled.store(true, std::memory_order_relaxed);
  if (queued_job) queued_job->cancelled.store(true, std::memory_order_relaxed);
  job.reset();
  queued_job.reset();
}

// A batch that a job still reads lives on in the job.
void Lane::Impl::drop_everything() {
  rows_ahead.clear();
  if (building) give_back(std::move(building));
  if (carry) give_back(std::move(carry));
  building.reset();
  carry.reset();
  primer.reset();
  sealed.reset();
  queued.reset();
  unstarted.clear();
  lost.clear();
  forget_group();
  log_error.reset();
  recheck_before_retry = false;
  stop_waiting();
}

void Lane::Impl::enter(Phase next) { phase = next; }

void Lane::Impl::wait_for(Wait what, Error error, Instant now) {
  if (waiting != what) {
    const std::string_view whom = what == Wait::store ? "store" : what == Wait::letters ? "dead-letter topic" : "log";
    spdlog::warn("waiting for the {}: {}{}{}", whom, error.message, error.hint.empty() ? "" : "; ", error.hint);
  }
  waiting = what;
  wait_error = std::move(error);
  retry_at = now + backoff.next(random);
}

void Lane::Impl::stop_waiting() {
  waiting = Wait::none;
  wait_error = {};
  retry_at = {};
  backoff.reset();
}

// What was folded and not sent is dropped; the store's checkpoint is where the owner's next start goes on.
void Lane::Impl::stop_lane(Error error) {
  spdlog::error("stopped: {} ({})", error.message, error.hint);
  abandon_job();
  drop_everything();
  stop_error = std::move(error);
  enter(Phase::stopped);
}

void Lane::Impl::stop_partition(std::uint32_t slot, Error error) {
  const TopicPartition& name = (*assignment)[slot].topic_partition;
  spdlog::error("{} stopped: {} ({})", name.to_string(), without_name(name, error.message), error.hint);
  partitions[slot].state = Partition::State::stopped;
  partitions[slot].stop = std::move(error);
  if (building) building->forget_end(slot);
  if (carry) carry->forget_end(slot);
  deps.log.stop(slot);
  publish_partitions();  // the metric tells at once, not at the next commit or recheck
}

bool Lane::Impl::all_stopped() const {
  return std::all_of(partitions.begin(), partitions.end(), [](const Partition& p) { return p.state == Partition::State::stopped; });
}

Instant Lane::Impl::wake_at(Instant now) const {
  Instant at = Instant::max();
  if (job) return at;  // its end wakes the loop
  if (phase == Phase::opening) at = retry_at;
  if (phase == Phase::working) {
    at = waiting == Wait::none ? recheck_at : retry_at;
    if (waiting == Wait::none && !worth_committing(now) && worth_committing(Instant::max())) {
      at = std::min(at, idle_commit_at);
    }
  }
  return std::max(at, now);
}

LaneState Lane::Impl::public_state() const {
  switch (phase) {
    case Phase::idle: return LaneState::idle;
    case Phase::stopped: return LaneState::stopped;
    case Phase::fenced: return LaneState::fenced;
    case Phase::drained: return LaneState::drained;
    case Phase::opening:
    case Phase::working: break;
  }
  if (draining) return LaneState::draining;
  if (waiting == Wait::store || silent) return LaneState::waiting_store;
  if (waiting == Wait::letters) return LaneState::waiting_letters;
  if (waiting == Wait::log) return LaneState::waiting_log;
  if (phase == Phase::opening) return LaneState::opening;
  if (all_stopped() && !sealed) return LaneState::stopped;
  return log_error ? LaneState::waiting_log : LaneState::running;
}

void Lane::Impl::publish_status(Instant now) {
  LaneStatus next;
  next.state = public_state();
  if (next.state == LaneState::stopped || next.state == LaneState::fenced) {
    next.error = stop_error;
  } else if (waiting != Wait::none) {
    next.error = wait_error;
  } else if (silent) {
    next.error = silence();
  } else if (log_error) {
    next.error = *log_error;
  }
  std::size_t stopped = 0;
  for (const Partition& partition : partitions) stopped += partition.stop ? 1U : 0U;
  const std::lock_guard lock(status_mutex);
  if (next.state == published.state && next.error.message == published.error.message && stopped == published.stopped_partitions.size()) {
    return;
  }
  next.since = next.state == published.state ? published.since : now;
  for (std::size_t slot = 0; slot < partitions.size(); ++slot) {
    if (partitions[slot].stop) next.stopped_partitions.push_back({(*assignment)[slot].topic_partition, *partitions[slot].stop});
  }
  if (next.state == LaneState::stopped && next.error.message.empty() && !next.stopped_partitions.empty()) {
    next.error = next.stopped_partitions.front().error;
  }
  published = std::move(next);
}

void Lane::Impl::publish_partitions() {
  std::vector<PartitionStats> out(partitions.size());
  for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
    Partition& partition = partitions[slot];
    const bool opened = partition.state != Partition::State::opening;
    if (opened) partition.end_offset = std::max({partition.end_offset, deps.log.known_end(slot), partition.next_offset});
    out[slot].topic_partition = (*assignment)[slot].topic_partition;
    out[slot].committed_offset = opened && !partition.stored.missing ? partition.stored.checkpoint.next_offset : -1;
    out[slot].read_offset = opened ? partition.next_offset : -1;
    out[slot].end_offset = partition.end_offset;
    out[slot].max_event_time_us = partition.stored.checkpoint.max_event_time_us;
    out[slot].newest_record_us = partition.newest_record_us;
    out[slot].stopped = partition.stop.has_value();
  }
  deps.stats.set_partitions(std::move(out));
}

void Lane::Impl::publish_queues() {
  const auto put = [](Batch* batch, Counter& records, Counter& bytes) {
    records.store(batch != nullptr ? batch->entries().size() : 0, std::memory_order_relaxed);
    bytes.store(batch != nullptr ? batch->arena().size_bytes() : 0, std::memory_order_relaxed);
  };
  put(building.get(), deps.stats.building_records, deps.stats.building_bytes);
  if (!sealed) put(nullptr, deps.stats.committing_records, deps.stats.committing_bytes);
  std::size_t ids = 0;
  for (const Partition& partition : partitions) ids += partition.window.size();
  deps.stats.processed_ids.store(ids, std::memory_order_relaxed);
}

std::shared_ptr<Batch> Lane::Impl::take_batch() {
  std::shared_ptr<Batch> batch;
  if (free_batches.empty()) {
    batch = std::make_shared<Batch>(deps.views);
  } else {
    batch = std::move(free_batches.back());
    free_batches.pop_back();
  }
  batch->begin(assignment);
  return batch;
}

void Lane::Impl::give_back(std::shared_ptr<Batch> batch) {
  // Two are in use at a time, three where one is queued, one more after a cut.
  if (batch.use_count() == 1 && free_batches.size() < 2) free_batches.push_back(std::move(batch));
}

Uuid Lane::Impl::make_uuid() {
  if (options.seed == 0) return Uuid::random();
  Uuid out;
  for (std::size_t i = 0; i < out.bytes.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(out.bytes.data() + i, &word, sizeof word);
  }
  return out;
}

}  // namespace foldline
