// Opening: ownership, the start of each partition, processed IDs (G1, G6, G15).
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/fault_point.h"
#include "engine/id_chunk.h"
#include "engine/lane_impl.h"

namespace foldline {

namespace {

constexpr const char* kRowsRememberOffsets =
    "each row of this store remembers the offsets of the log that is gone: restore the topic, or rebuild the projection";

constexpr const char* kOwnersChoice =
    "restore the topic, or rebuild the projection, or run with --on-lost-data earliest to go on at the log's start without what is gone";

Error lost_log(const TopicPartition& topic_partition, std::string what) {
  return {ErrorCode::log_lost, fmt::format("{}: {}", topic_partition.to_string(), std::move(what)), kOwnersChoice, false};
}

}  // namespace

void Lane::Impl::start_opening() {
  enter(Phase::opening);
  log_distrusted = false;
  full_since.reset();
  auto open = std::make_shared<OpenJob>();
  open->assignment = assignment;
  open->restart.resize(partitions.size());
  for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
    if (partitions[slot].state == Partition::State::stopped) continue;
    open->slots.push_back(slot);
    open->restart[slot] = partitions[slot].restart;
  }
  owner = make_uuid();
  open->owner = owner;
  open->options = options;
  open->traits = deps.traits;
  submit(open, [&sink = deps.sink, &log = deps.log](LaneJob& work) { static_cast<OpenJob&>(work).run(sink, log); });
}

// On the executor.
void OpenJob::run(Sink& sink, LogReader& log) {
  if (cancelled.load(std::memory_order_relaxed)) return;
  std::vector<TopicPartition> names;
  for (const std::uint32_t slot : slots) names.push_back((*assignment)[slot].topic_partition);
  auto found = sink.open({.partitions = names, .owner = owner, .id_window = options.id_window});
  if (!found || found->size() != slots.size()) {
    error = found ? Error{ErrorCode::internal, "the sink opened another number of partitions than asked", "", false} : found.error();
    error_is_the_stores = true;
    return;
  }
  FOLDLINE_FAULT_POINT("engine.opened");
  opened.resize(slots.size());
  log.ask_all_bounds();  // after the checkpoints were read: an end from before could lie below a checkpoint that another worker still moved
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    if (auto r = open_slot(log, slots[i], (*found)[i], opened[i]); !r) {
      if (r.error().code == ErrorCode::log_lost) {
        opened[i].lost = r.error();
        continue;
      }
      error = r.error();
      return;
    }
  }
}

Result<void> OpenJob::open_slot(LogReader& log, std::uint32_t slot, OpenedPartition& found, OpenedSlot& out) {
  const auto bounds = log.bounds(slot);
  if (!bounds) return fail(bounds.error());
  out.end_offset = bounds->high;
  out.window = IdWindow(options.id_window);
  std::int64_t start = 0;
  if (found.found) {
    if (auto r = open_known(slot, *bounds, found, out, start); !r) return r;
  } else {
    const auto vanished = checkpoint_vanished(log, slot);
    if (!vanished) return fail(vanished.error());
    auto first = *vanished ? Result<std::int64_t>(bounds->low) : first_offset(log, slot, *bounds);
    if (!first) return fail(first.error());
    start = out.next_offset = *first;
    out.stored.missing = true;
    out.stored.checkpoint.next_offset = *first;
  }
  plan_priming(slot, *bounds, found, out, start);
  return log.start(slot, start);
}

// G22: a store that can lose its data loses its checkpoints with it. The group's committed offset tells that there was one. True: there
// was, and the owner said `--on-lost-data earliest`.
Result<bool> OpenJob::checkpoint_vanished(LogReader& log, std::uint32_t slot) const {
  if (!traits.checkpoint_may_vanish) return false;
  const auto committed = log.committed_group_offset(slot);
  if (!committed) return fail(committed.error());
  if (!*committed) return false;
  const std::string name = (*assignment)[slot].topic_partition.to_string();
  std::string what =
      fmt::format("{}: the store has no checkpoint, but the group has committed offset {}: the store has lost its data", name, **committed);
  if (options.on_lost_data == OnLostData::earliest) {
    spdlog::warn("{}; going on at the log's start as told by --on-lost-data earliest", what);
    return true;
  }
  return fail(
      ErrorCode::log_lost, std::move(what),
      "restore the store's data; or, to build the views anew from the log, delete the group's offsets or run once with --on-lost-data "
      "earliest");
}

// G15: what the window reaches back to and no chunk holds is read from the log once more, for the IDs alone: a projection that starts in
// the middle must take for a duplicate what would have been one had it started at the beginning (G14).
void OpenJob::plan_priming(std::uint32_t slot, const LogBounds& bounds, const OpenedPartition& found, OpenedSlot& out,
                           std::int64_t& start) const {
  const std::uint32_t source = (*assignment)[slot].source;
  if (options.id_window <= 0 || (source < options.has_ids.size() && !options.has_ids[source])) return;
  const std::int64_t reach = std::max(bounds.low, out.next_offset - options.id_window);
  const std::int64_t known = found.ids.empty() ? out.next_offset : std::min(found.ids.front().first_offset, out.next_offset);
  if (reach >= known) return;
  out.prime_until = known;
  start = std::min(start, reach);
}

Result<void> OpenJob::open_known(std::uint32_t slot, const LogBounds& bounds, OpenedPartition& found, OpenedSlot& out,
                                 std::int64_t& start) {
  const TopicPartition& name = (*assignment)[slot].topic_partition;
  const Checkpoint& checkpoint = found.checkpoint;
  const bool below = checkpoint.next_offset < bounds.low;
  const bool above = checkpoint.next_offset > bounds.high;
  out.stored.checkpoint = checkpoint;
  out.domain_next_offsets = std::move(found.domain_next_offsets);
  out.next_offset = start = checkpoint.next_offset;
  if (below || above || restart[slot]) {
    Error lost = lost_log(name, fmt::format("the checkpoint stands at offset {}, the log holds {} to {}{}", checkpoint.next_offset,
                                            bounds.low, bounds.high, restart[slot] ? ", and it is another log" : ""));
    if (options.on_lost_data == OnLostData::stop) return fail(std::move(lost));
    if (traits.domains > 1) {
      lost.hint = "in a store of several parts the projection must be rebuilt";
      return fail(std::move(lost));
    }
    // Offsets of another log mean nothing to rows that remember those of the old one: its first events would be taken for known ones.
    if (traits.row_watermarks && (above || restart[slot])) {
      lost.hint = kRowsRememberOffsets;
      return fail(std::move(lost));
    }
    spdlog::warn("{}; going on at {} as told by --on-lost-data earliest", lost.message, bounds.low);
    out.next_offset = start = bounds.low;
    out.stored.restart_at = bounds.low;
    // Retention leaves the offsets' meaning; another log does not, and its IDs are nothing to this one.
    if (!below || restart[slot]) {
      out.stored.forget_ids_below = INT64_MAX;
      return {};
    }
  } else if (checkpoint.anchor_offset >= bounds.low) {
    start = checkpoint.anchor_offset;
    out.verify_anchor = true;
  } else if (checkpoint.anchor_offset >= 0) {
    spdlog::info("{}: the record at offset {} is no longer retained; that this is the log which was read can't be verified (G6)",
                 name.to_string(), checkpoint.anchor_offset);
  }
  return load_ids(found, out);
}

Result<std::int64_t> OpenJob::first_offset(LogReader& log, std::uint32_t slot, const LogBounds& bounds) const {
  const AssignedPartition& partition = (*assignment)[slot];
  if (partition.start_offset >= 0) {
    if (partition.start_offset >= bounds.low && partition.start_offset <= bounds.high) return partition.start_offset;
    return fail(ErrorCode::log_lost,
                fmt::format("{}: can't start at offset {}: the log holds {} to {}", partition.topic_partition.to_string(),
                            partition.start_offset, bounds.low, bounds.high),
                "choose an offset that the log holds");
  }
  if (partition.added_later || partition.source >= options.start_at.size()) return bounds.low;
  const StartAt& start_at = options.start_at[partition.source];
  switch (start_at.kind) {
    case StartAt::Kind::earliest: return bounds.low;
    case StartAt::Kind::latest: return bounds.high;
    case StartAt::Kind::timestamp: return log.offset_for_time(slot, start_at.timestamp_us);
  }
  return bounds.low;
}

// G15: what lies at or past the resume offset belongs to a commit that did not reach every part of the store.
Result<void> OpenJob::load_ids(const OpenedPartition& found, OpenedSlot& out) const {
  std::size_t bytes = 0;
  for (const IdChunk& chunk : found.ids) bytes += chunk.packed.size();
  out.window.reserve(bytes / 17);
  PastIds past;
  for (const IdChunk& chunk : found.ids) {
    if (auto r = foldline::load_ids(chunk.packed, out.next_offset, out.window, past); !r) return r;
  }
  out.store_letters.insert(past.store_letters.begin(), past.store_letters.end());
  if (!past.any && !found.ids.empty()) {
    out.stored.tail_first_offset = found.ids.back().first_offset;
    out.stored.tail_bytes = found.ids.back().packed.size();
  }
  return {};
}

void Lane::Impl::finish_opening(OpenJob& open, Instant now) {
  if (open.error) {
    const bool final = open.error->code == ErrorCode::internal || open.error->code == ErrorCode::superseded;
    if (final && !open.error->retryable) {
      stop_lane(std::move(*open.error));
    } else {
      wait_for(open.error_is_the_stores ? Wait::store : Wait::log, std::move(*open.error), now);
    }
    return;
  }
  take_opened(open);
  stop_waiting();
  recheck_at = now + options.recheck_interval;
  idle_commit_at = now;
  building = take_batch();
  enter(Phase::working);
}

void Lane::Impl::take_opened(OpenJob& open) {
  for (std::size_t i = 0; i < open.slots.size(); ++i) {
    const std::uint32_t slot = open.slots[i];
    OpenedSlot& opened = open.opened[i];
    Partition& partition = partitions[slot];
    partition.restart = false;
    if (opened.lost) {
      stop_partition(slot, std::move(*opened.lost));
      continue;
    }
    partition.stored = opened.stored;
    partition.window = std::move(opened.window);
    partition.domain_next_offsets = std::move(opened.domain_next_offsets);
    auto& watermarks = partition.domain_next_offsets;
    if (std::ranges::all_of(watermarks, [&](std::int64_t w) { return w <= opened.next_offset; })) watermarks.clear();
    partition.store_letters = std::move(opened.store_letters);
    partition.next_offset = opened.next_offset;
    partition.prime_until = opened.prime_until;
    partition.seen_offset = -1;
    partition.end_offset = opened.end_offset;
    partition.max_event_time_us = opened.stored.checkpoint.max_event_time_us;
    partition.state = opened.verify_anchor ? Partition::State::verifying : Partition::State::active;
    if (opened.stored.missing || opened.stored.restart_at >= 0) unstarted.push_back(slot);
  }
}

// G6: a topic that was replaced while nobody looked gives itself away by its anchor's record alone, once its offsets have gone past ours.
// So nothing is taken from the log before that record has been compared. (A topic ID would tell as well; librdkafka before 2.3 gives none.)
// What had been taken is committed before, and the checkpoints were found to be ours a moment ago: who was frozen past its session must
// not take them back from their new owner (G1).
void Lane::Impl::verify_log() {
  spdlog::info("the log was not watched for a while: opening it again at the checkpoints, to see that it is still the same one (G6)");
  deps.stats.log_rechecks.fetch_add(1, std::memory_order_relaxed);
  rewind();
}

void Lane::Impl::rewind() {
  abandon_job();
  drop_everything();
  for (Partition& partition : partitions) {
    if (partition.state != Partition::State::stopped) partition.state = Partition::State::opening;
    partition.window.clear();
  }
  if (draining) {  // nothing is left to finish
    draining = false;
    enter(Phase::drained);
    return;
  }
  start_opening();
}

void Lane::Impl::lose_partition(std::uint32_t slot, Error error) {
  if (error.hint.empty()) error.hint = kOwnersChoice;  // the client's own words, while reading, name no way out
  if (options.on_lost_data == OnLostData::stop || deps.traits.domains > 1 || deps.traits.row_watermarks) {
    if (deps.traits.row_watermarks) error.hint = kRowsRememberOffsets;
    stop_partition(slot, std::move(error));
    return;
  }
  spdlog::warn("{}; starting anew as told by --on-lost-data earliest", error.message);
  partitions[slot].restart = true;
  partitions[slot].state = Partition::State::opening;
  rewind();
}

}  // namespace foldline
