// Committing: a sealed batch goes to the store in a job, and its answer says how to go on (G2, G3, G5, G28).
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/fault_point.h"
#include "engine/lane_impl.h"

namespace foldline {

namespace {

// After a commit: domains that it did not reach are waiting to be brought up (sinks/sink.h).
constexpr Duration kSettleInterval = std::chrono::seconds(1);

// For the statistics only: nothing is decided by it.
std::int64_t wall_time_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

bool Lane::Impl::worth_committing(Instant now) const {
  if (sealed || !unstarted.empty()) return true;
  if (!building) return false;
  // What was read and not looked at yet is not the batch's so far.
  if (building->processed > 0 && building->processed == building->entries().size()) return !filling(now);
  if (building->closed) return true;
  if (!draining && now < idle_commit_at) return false;
  for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
    if (building->end(slot) > partitions[slot].stored.checkpoint.next_offset) return true;
  }
  return false;
}

// Never without a record just taken, so whoever waits here is stepped again at once. `now` may be Instant::max().
bool Lane::Impl::filling(Instant now) const { return log_has_more && has_room() && now - building_since < options.fill_within; }

bool Lane::Impl::start_commit(Instant now) {
  if (job || now < retry_at) return false;
  if (worth_committing(now)) {
    if (!sealed) seal(now);
    submit_commit();
    return true;
  }
  if (draining) {
    draining = false;
    drop_everything();
    enter(Phase::drained);
    return true;
  }
  if (now < recheck_at && waiting == Wait::none && !log_distrusted) return false;
  start_recheck(now);
  return true;
}

void Lane::Impl::seal(Instant now) {
  FOLDLINE_FAULT_POINT("engine.folded");
  if (unstarted.empty()) {
    sealed = seal_building(now);
  } else {
    // A partition's first commit carries no rows: a store of several parts that is reached only in part must not forget where the
    // partition started, and with `latest` no event between this start and the next may be lost.
    sealed.emplace();
    sealed->batch = take_batch();
    sealed->starts = std::move(unstarted);
    sealed->ends = {0};
    unstarted.clear();
    idle_commit_at = now + options.idle_commit_interval;
  }
  publish_sealed();
}

Sealed Lane::Impl::seal_building(Instant now) {
  Sealed out;
  out.batch = std::move(building);
  out.bytes = out.batch->arena().size_bytes();
  out.ends = {out.batch->entries().size()};
  building = carry ? std::move(carry) : take_batch();
  carry.reset();
  building_since = now;
  idle_commit_at = now + options.idle_commit_interval;
  return out;
}

void Lane::Impl::publish_sealed() {
  const std::size_t behind = queued ? queued->batch->entries().size() : 0;
  deps.stats.committing_records.store(sealed->batch->entries().size() + behind, std::memory_order_relaxed);
  deps.stats.committing_bytes.store(sealed->bytes + (queued ? queued->bytes : 0), std::memory_order_relaxed);
}

Recheck Lane::Impl::make_recheck() const {
  Recheck out;
  out.owner = owner;
  for (std::size_t slot = 0; slot < partitions.size(); ++slot) {
    if (partitions[slot].state == Partition::State::stopped) continue;
    out.partitions.push_back((*assignment)[slot].topic_partition);
    out.expected.push_back(partitions[slot].stored);
  }
  return out;
}

// On the executor.
Result<Standing> Recheck::run(Sink& sink) const {
  auto found = sink.reload(partitions);
  if (!found) return fail(found.error());
  if (found->size() != partitions.size()) {
    return fail(ErrorCode::internal, "the sink reloaded another number of partitions than asked");
  }
  Standing standing = Standing::mine;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const OpenedPartition& now = (*found)[i];
    const bool moved_back = !expected[i].missing && expected[i].restart_at < 0 &&
                            (!now.found || now.checkpoint.next_offset < expected[i].checkpoint.next_offset);
    if (moved_back) return Standing::moved_back;
    if (now.found && now.checkpoint.owner != owner) standing = Standing::fenced;
  }
  return standing;
}

void Lane::Impl::submit_commit() {
  if (!sealed->commit) {
    if (sealed->refold) refold();
    sealed->commit = make_commit(*sealed);
  }
  auto commit_job = std::make_shared<CommitJob>();
  commit_job->commit = sealed->commit;
  if (recheck_before_retry || (options.exact_ids && !sealed->batch->letters().empty())) commit_job->recheck = make_recheck();
  submit(commit_job, [&sink = deps.sink, &letters = deps.letters](LaneJob& work) { static_cast<CommitJob&>(work).run(sink, letters); });
}

// G16: the second copy of an event becomes no letter. False: the result says how to go on.
bool CommitJob::ask_known_ids(Sink& sink) {
  auto known = sink.known_ids(commit->exact_ids);
  if (known && known->empty()) return true;
  if (known) {
    commit->result = {CommitStatus::refold, {}, {}, std::move(*known)};
  } else {
    commit->result = {CommitStatus::retry, known.error()};
  }
  return false;
}

// On the executor.
void CommitJob::run(Sink& sink, LetterSink& letters) {
  if (const auto before = std::exchange(behind, nullptr)) {
    if (!before->committed || cancelled.load(std::memory_order_relaxed)) return;
    commit->stand_on(*before->commit);
  }
  run_commit(sink, letters);
  committed = !commit->letters_error && standing == Standing::mine && commit->result.status == CommitStatus::committed;
}

void CommitJob::run_commit(Sink& sink, LetterSink& letters) {
  commit->prepare();
  FOLDLINE_FAULT_POINT("engine.prepared");
  commit->letters_error.reset();
  const bool has_letters = !commit->letters_written && !commit->letters.empty();
  if (has_letters && commit->exact && !ask_known_ids(sink)) return;
  // Behind that question: a store that fell back before it was asked did not know what it had known (G3).
  if (recheck) {
    auto now = recheck->run(sink);
    if (!now) {
      commit->result = {CommitStatus::retry, now.error()};
      return;
    }
    standing = *now;
    if (standing != Standing::mine) return;
  }
  if (has_letters) {  // G28: before the batch that skips their events
    if (auto r = letters.publish(commit->letters); !r) {
      commit->letters_error = r.error();
      return;
    }
  }
  commit->letters_written = true;
  FOLDLINE_FAULT_POINT("engine.letters_written");
  if (commit->parts.empty()) {  // every record was one of a partition that stopped
    commit->result = {CommitStatus::committed, {}};
    return;
  }
  const auto started = std::chrono::steady_clock::now();  // for the statistics only
  commit->result = sink.commit({.owner = commit->owner,
                                .batch_id = commit->batch_id,
                                .partitions = commit->parts,
                                .views = commit->rows,
                                .exact_ids = commit->exact_ids,
                                .encoded = commit->encoded});
  FOLDLINE_FAULT_POINT("engine.commit_answered");
  const auto spent = std::chrono::steady_clock::now() - started;
  commit->commit_us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  if (commit->result.status == CommitStatus::committed) commit->measure_latency(wall_time_us());
}

void Lane::Impl::finish_commit(CommitJob& ended, Instant now) {
  Commit& commit = *ended.commit;
  if (commit.letters_error) {
    deps.stats.letter_retries.fetch_add(1, std::memory_order_relaxed);
    wait_for(Wait::letters, *commit.letters_error, now);
    return;
  }
  if (!std::exchange(commit.letters_logged, true)) letter_log.add(commit.letters, now);
  for (BatchLetter& letter : commit.batch->letters()) {
    if (commit.letters_written && letter.entry >= commit.begin && letter.entry < commit.end) letter.written = true;
  }
  if (ended.standing != Standing::mine) {
    obey_standing(ended.standing);
    return;
  }
  deps.stats.commit_us.observe(commit.commit_us);
  deps.stats.rows_copied.fetch_add(commit.result.ways.copied, std::memory_order_relaxed);
  deps.stats.rows_updated.fetch_add(commit.result.ways.updated, std::memory_order_relaxed);
  deps.stats.rows_upserted.fetch_add(commit.result.ways.upserted, std::memory_order_relaxed);
  deps.stats.straight_refused.fetch_add(commit.result.ways.refused, std::memory_order_relaxed);
  switch (commit.result.status) {
    case CommitStatus::committed: on_committed(now); break;
    case CommitStatus::fenced: fence(std::move(commit.result.error)); break;
    case CommitStatus::rejected: on_rejected(std::move(commit.result.error), now); break;
    case CommitStatus::refold: on_refold(commit, now); break;
    case CommitStatus::retry:
      deps.stats.retries.fetch_add(1, std::memory_order_relaxed);
      recheck_before_retry = commit.result.error.code == ErrorCode::store_unavailable;
      wait_for(Wait::store, std::move(commit.result.error), now);
      break;
  }
}

void Lane::Impl::on_committed(Instant now) {
  const std::shared_ptr<Commit> commit = std::move(sealed->commit);
  sealed->commit.reset();
  recheck_before_retry = false;
  stop_waiting();
  // The commit compared as much as a re-read would.
  recheck_at = now + (deps.traits.domains > 1 ? kSettleInterval : options.recheck_interval);
  for (std::size_t i = 0; i < commit->parts.size(); ++i) {
    const std::uint32_t slot = commit->slots[i];
    Partition& partition = partitions[slot];
    partition.stored = position_after(*commit, i);
    if (commit->newest_record_us[i] != INT64_MIN) partition.newest_record_us = commit->newest_record_us[i];
    const std::int64_t next_offset = partition.stored.checkpoint.next_offset;
    auto& watermarks = partition.domain_next_offsets;
    if (std::ranges::all_of(watermarks, [&](std::int64_t w) { return w <= next_offset; })) watermarks.clear();
    if (!rows_ahead.empty()) rows_ahead.passed(*commit->parts[i].topic_partition, next_offset);
    FOLDLINE_FAULT_POINT("engine.checkpoint_moved");
    if (options.commit_group_offsets) deps.log.commit_group_offset(slot, next_offset);
  }
  FOLDLINE_FAULT_POINT("engine.group_offsets_queued");
  count_committed(*commit);
  sealed->begin = commit->end;
  sealed->ends.pop_back();
  sealed->starts.clear();
  if (!sealed->ends.empty()) return;
  std::shared_ptr<Batch> batch = std::move(sealed->batch);
  sealed.reset();
  commit->batch.reset();
  give_back(std::move(batch));
  if (!queued) return;
  sealed = std::exchange(queued, std::nullopt);
  publish_sealed();
}

void Lane::Impl::count_committed(const Commit& commit) {
  LaneStats& stats = deps.stats;
  const auto add = [](Counter& counter, std::uint64_t n) { counter.fetch_add(n, std::memory_order_relaxed); };
  std::uint64_t rows = 0;
  for (const ViewRows& view : commit.rows) rows += view.rows.size();
  add(stats.batches, 1);
  add(stats.rows, rows);
  add(stats.records, commit.counts.records);
  add(stats.record_bytes, commit.counts.record_bytes);
  add(stats.events, commit.counts.events);
  add(stats.committed_events, commit.counts.events);
  add(stats.ignored, commit.counts.ignored);
  add(stats.late_changes, commit.counts.late);
  add(stats.duplicates, commit.counts.duplicates);
  add(stats.skipped, commit.counts.skipped);
  add(stats.letters_decode, commit.counts.letters_decode);
  add(stats.letters_project, commit.counts.letters_project);
  add(stats.letters_store, commit.counts.letters_store);
  add(stats.letters_rejected, commit.counts.letters_rejected);
  add(stats.missing_ids, commit.counts.missing_ids);
  stats.batch_records.observe(commit.counts.records);
  stats.latency_us.add(commit.latency_us);
  for (std::size_t type = 0; type < commit.counts.by_type.size(); ++type) {
    for (std::size_t outcome = 0; outcome < kEventOutcomes; ++outcome) {
      if (const std::uint64_t n = commit.counts.by_type[type][outcome]; n > 0) add(stats.events_by_type[type][outcome], n);
    }
  }
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    for (std::size_t code = 0; code < kLetterCodes.size(); ++code) {
      if (const std::uint64_t n = commit.counts.letters_by_code[stage][code]; n > 0) add(stats.letters_by_code[stage][code], n);
    }
  }
  for (const PartitionCommit& part : commit.parts) {
    const std::int64_t newest = std::max(stats.last_event_time_us.load(std::memory_order_relaxed), part.after.max_event_time_us);
    stats.last_event_time_us.store(newest, std::memory_order_relaxed);
  }
  // The breaker need not remember more good events than it looks back at.
  const std::uint64_t good = std::min<std::uint64_t>(commit.counts.events, Breaker::kEvents);
  for (std::uint64_t i = 0; i < good; ++i) store_breaker.add(false);
}

void Lane::Impl::start_recheck(Instant now) {
  recheck_at = now + options.recheck_interval;
  auto check = std::make_shared<RecheckJob>();
  check->recheck = make_recheck();
  submit(check, [&sink = deps.sink](LaneJob& work) {
    auto& mine = static_cast<RecheckJob&>(work);
    mine.standing = mine.recheck.run(sink);
  });
}

void Lane::Impl::finish_recheck(RecheckJob& ended, Instant now) {
  if (!ended.standing) {
    recheck_before_retry = true;
    wait_for(Wait::store, ended.standing.error(), now);
    return;
  }
  if (*ended.standing == Standing::mine) stop_waiting();
  obey_standing(*ended.standing);
  if (*ended.standing == Standing::mine && log_distrusted) verify_log();
}

void Lane::Impl::obey_standing(Standing standing) {
  if (standing == Standing::fenced) fence({ErrorCode::fenced, "another worker owns a partition's checkpoint", "", false});
  if (standing != Standing::moved_back) return;
  spdlog::warn("a checkpoint moved back: the store was restored or failed over; reading again from there (G3)");
  deps.stats.rewinds.fetch_add(1, std::memory_order_relaxed);
  rewind();
}

// G2: the batch, the next one, caches and IDs go; the store's checkpoint is the truth for whoever opens next.
void Lane::Impl::fence(Error error) {
  deps.stats.fenced.fetch_add(1, std::memory_order_relaxed);
  if (error.hint.empty()) error.hint = "nothing to do: the worker rejoins its group and goes on from the store's checkpoint";
  spdlog::warn("fenced: {}", error.message);
  abandon_job();
  drop_everything();
  stop_error = std::move(error);
  enter(Phase::fenced);
}

}  // namespace foldline
