// Reading: poll, decode, deduplicate, project, fold. The hot path.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "engine/lane_impl.h"

namespace foldline {

namespace {

// Decoded together before any is folded: so many cache misses of the ID table overlap.
constexpr std::size_t kGroup = kDecodedTogether;

// The client fetches nothing while its queue is full, so it would not see a topic go and come again. Longer than a slow commit takes.
constexpr Duration kUnwatched = std::chrono::seconds(15);

}  // namespace

Hash128 Lane::Impl::event_id_hash(const Event& event) {
  if (event.replay != nullptr) return hash_event_id({}, event.replay->identity);  // G14: let through once, although its own ID is known
  std::string_view source;
  if (event.slots.size() > kSlotSource && event.slots[kSlotSource].is(Kind::text)) source = event.slots[kSlotSource].as_text();
  return id_hash(source, event.id);
}

std::size_t Lane::Impl::max_batch_rows() const { return std::min(deps.traits.max_batch_rows, deps.sink.batch_rows()); }

bool Lane::Impl::has_room() const {
  return !building->closed && building->entries().size() < options.max_batch_records &&
         building->arena().size_bytes() < options.max_batch_bytes && building->fold().row_count() < max_batch_rows();
}

bool Lane::Impl::read(Instant now) {
  const auto started = std::chrono::steady_clock::now();  // for the statistics only
  taken = 0;
  log_has_more = false;
  const auto left = [this] { return building->entries().size() - building->processed; };  // behind a cut
  if (!has_room()) {
    if (!full_since) full_since = now;
  } else if (!draining && left() == 0) {
    if (full_since && now - *full_since >= kUnwatched) log_distrusted = true;
    full_since.reset();
    const std::size_t wanted = std::min(options.max_poll_records, options.max_batch_records - building->entries().size());
    if (!log_distrusted) deps.log.poll(wanted, *this);
    log_has_more = taken >= wanted;
  }
  if (left() == 0) {
    handle_lost();
    return taken > 0;
  }
  process();
  const auto spent = std::chrono::steady_clock::now() - started;
  deps.stats.fold_us.observe(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count()));
  handle_lost();
  return true;
}

bool Lane::Impl::on_record(const Record& record) {
  ++taken;
  log_error.reset();
  if (record.slot >= partitions.size()) return true;
  Partition& partition = partitions[record.slot];
  if (partition.state == Partition::State::stopped || partition.state == Partition::State::opening) return true;
  if (record.offset <= partition.seen_offset) {  // G6: offsets only rise; anything else is a bug of the client
    deps.stats.records_out_of_order.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  partition.seen_offset = record.offset;
  if (record.offset < partition.prime_until) prime(partition, record);
  const bool before_anchor = record.offset < partition.stored.checkpoint.anchor_offset && record.offset < partition.next_offset;
  if (before_anchor) return true;
  if (partition.state == Partition::State::verifying && !verify_anchor(partition, record)) return true;
  if (record.offset == partition.stored.checkpoint.anchor_offset) {
    partition.newest_record_us = record.timestamp_us;
    partitions_to_publish = true;
  }
  if (record.offset < partition.next_offset) return true;  // the anchor, which is applied already
  building->stage(record, options.max_record_bytes);
  partition.next_offset = record.offset + 1;
  return building->entries().size() < options.max_batch_records && building->arena().size_bytes() < options.max_batch_bytes;
}

// Decoded apart from any batch, which is given up again every so often.
void Lane::Impl::prime(Partition& partition, const Record& record) {
  constexpr std::size_t kPrimedTogether = 1'000;
  if (!primer) primer = take_batch();
  if (primer->entries().size() >= kPrimedTogether) primer->begin(assignment);
  primer->stage(record, options.max_record_bytes);
  BatchRecord& content = *primer->entries().back().content;
  if (primer->entries().back().too_large) return;
  const auto decoded = deps.decoders[content.event.source]->decode(content.record, primer->arena(), content.event);
  deps.stats.primed.fetch_add(1, std::memory_order_relaxed);
  if ((decoded && *decoded == Decoded::skipped) || (content.event.replay == nullptr && content.event.id.empty())) return;
  partition.window.record(event_id_hash(content.event), record.offset);
}

// G6: the first record from the anchor's offset on tells whether this is the log that was read.
bool Lane::Impl::verify_anchor(Partition& partition, const Record& record) {
  const Checkpoint& checkpoint = partition.stored.checkpoint;
  const std::string name = (*assignment)[record.slot].topic_partition.to_string();
  if (record.offset == checkpoint.anchor_offset && anchor_hash(record) != checkpoint.anchor_hash) {
    partition.state = Partition::State::stopped;  // takes nothing more until handle_lost() has decided
    lost.emplace_back(record.slot, Error{ErrorCode::log_lost,
                                         fmt::format("{}: the record at offset {} is not the one that was applied: this is another log",
                                                     name, record.offset),
                                         "the topic was re-created: rebuild the projection, or run with --on-lost-data earliest", false});
    return false;
  }
  if (record.offset > checkpoint.anchor_offset) {
    spdlog::info("{}: the record at offset {} is no longer retained; that this is the log which was read can't be verified (G6)", name,
                 checkpoint.anchor_offset);
  }
  partition.state = Partition::State::active;
  return true;
}

void Lane::Impl::on_end(std::uint32_t slot, std::int64_t offset) {
  if (slot >= partitions.size()) return;
  log_error.reset();
  Partition& partition = partitions[slot];
  partition.end_offset = std::max(partition.end_offset, offset);
  if (partition.state == Partition::State::verifying && offset >= partition.next_offset) {
    // Nothing is left from the anchor on: compacted away, or there were only control records.
    partition.state = Partition::State::active;
  }
  if (partition.state != Partition::State::active || offset <= partition.next_offset) return;
  ++taken;
  building->reach_end(slot, offset);
  partition.next_offset = offset;
}

void Lane::Impl::on_error(std::uint32_t slot, const Error& error) {
  if (slot >= partitions.size()) return;
  Partition& partition = partitions[slot];
  if (partition.state != Partition::State::active && partition.state != Partition::State::verifying) return;
  if (error.code == ErrorCode::log_lost) {
    ++taken;
    partition.state = Partition::State::stopped;
    Error where = error;
    where.message = fmt::format("reading on at offset {}: {}", partition.next_offset, error.message);
    lost.emplace_back(slot, std::move(where));
    return;
  }
  if (!log_error) spdlog::warn("{}: {}", (*assignment)[slot].topic_partition.to_string(), error.message);
  log_error = error;
}

void Lane::Impl::handle_lost() {
  if (lost.empty() || phase != Phase::working) return;
  for (auto& [slot, error] : std::exchange(lost, {})) {
    if (phase != Phase::working) return;
    lose_partition(slot, std::move(error));
  }
}

void Lane::Impl::process() {
  Batch& batch = *building;
  while (batch.processed < batch.entries().size()) {
    const std::size_t from = batch.processed;
    const std::size_t to = std::min(from + kGroup, batch.entries().size());
    if (from > 0 && (batch.arena().size_bytes() >= options.max_batch_bytes || batch.fold().row_count() >= max_batch_rows())) {
      cut(from);
      return;
    }
    forget_group();
    group_begin = from;
    // One stage for all before the next one for any: each keeps its own code and tables near, and cache misses overlap.
    for (std::size_t i = from; i < to; ++i) decode(i);
    for (std::size_t i = from; i < to; ++i) project(i);
    for (std::size_t i = from; i < to; ++i) {
      if (!fold(i)) {
        deps.stats.batch_cuts.fetch_add(1, std::memory_order_relaxed);
        cut(i);
        return;
      }
      if (phase != Phase::working) return;  // the breaker struck
      batch.processed = i + 1;
    }
  }
  forget_group();
}

// Everything from `index` on is the next batch's.
void Lane::Impl::cut(std::size_t index) {
  forget_group();
  carry = take_batch();
  building->move_tail(index, *carry);
  building->closed = true;
}

void Lane::Impl::decode(std::size_t index) {
  BatchEntry& entry = building->entries()[index];
  Event& event = entry.content->event;
  if (entry.too_large) {
    entry.outcome = Outcome::failed;
    decode_errors.emplace_back(
        index, Error{ErrorCode::limit, fmt::format("a record of {} bytes is larger than Foldline takes", entry.content->omitted_bytes),
                     "the limit is --max-record-bytes", false});
    deps.decoders[event.source]->identify(entry.content->record, building->arena(), event);
  } else if (auto decoded = deps.decoders[event.source]->decode(entry.content->record, building->arena(), event); !decoded) {
    entry.outcome = Outcome::failed;
    decode_errors.emplace_back(index, std::move(decoded.error()));
  } else {
    entry.outcome = *decoded == Decoded::skipped ? Outcome::skipped : Outcome::decoded;
  }
  if (event.replay == nullptr) event.record = &entry.content->record;
  // This generation has folded the event in its own place, or made a letter of it there.
  if (event.replay != nullptr && event.replay->generation != options.generation) entry.outcome = Outcome::skipped;
  if (entry.outcome == Outcome::skipped || (event.replay == nullptr && event.id.empty()))
    return;  // G14: a position can't come twice, so it needs no remembering
  entry.has_id = true;
  entry.id = event_id_hash(event);
  partitions[entry.slot].window.prefetch(entry.id);
}

// A function of the event alone (G13), so nothing of the events before it has to be known. Duplicates are projected for nothing: whether an
// event is one may be asked only when all before it are in the batch, for the window remembers the last occurrence.
void Lane::Impl::project(std::size_t index) {
  const BatchEntry& entry = building->entries()[index];
  Projected& out = projected.emplace_back();
  out.begin = projected_changes.size();
  out.end = out.begin;
  if (entry.outcome != Outcome::decoded) return;
  if (auto refused = project_event(entry.content->event, building->arena(), projected_changes)) {
    out.refused = std::move(refused);
    return;
  }
  out.end = projected_changes.size();
  for (std::size_t i = out.begin; i < out.end; ++i) building->fold().prefetch(projected_changes[i]);
}

// Appends all of the event's changes, or none.
std::unique_ptr<Refused> Lane::Impl::project_event(const Event& event, Arena& arena, ChangeList& out) {
  const std::size_t begin = out.size();
  if (auto r = deps.projector->project(event, arena, out); !r) {
    out.resize(begin);
    return std::make_unique<Refused>(Refused{Stage::project, std::move(r.error())});
  }
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (auto r = deps.sink.check(deps.views[out[i].view], out[i]); !r) {
      out.resize(begin);
      return std::make_unique<Refused>(Refused{Stage::store, std::move(r.error())});
    }
  }
  return nullptr;
}

void Lane::Impl::forget_group() {
  decode_errors.clear();
  projected.clear();
  projected_changes.clear();
}

bool Lane::Impl::fold(std::size_t index) {
  BatchEntry& entry = building->entries()[index];
  Partition& partition = partitions[entry.slot];
  entry.type = deps.stats.types.index_of(entry.content->event.type);
  if (partition.state == Partition::State::stopped) {
    entry.outcome = Outcome::dropped;
    return true;
  }
  if (entry.outcome == Outcome::skipped) return true;
  if (entry.has_id && partition.window.check_and_record(entry.id, entry.offset)) {
    entry.outcome = Outcome::duplicate;
    return true;
  }
  if (entry.outcome == Outcome::failed) {
    const auto error = std::find_if(decode_errors.begin(), decode_errors.end(), [&](const auto& e) { return e.first == index; });
    become_letter(index, Stage::decode, std::move(error->second));
    return true;
  }
  if (!partition.store_letters.empty() && partition.store_letters.erase(entry.offset) > 0) {
    // Half of it may be past; its letter was acknowledged before (G28).
    building->add_letter(index, Stage::store, {ErrorCode::store_rejected, "rejected by the store", "", false}, true);
    return true;
  }
  Projected& event = projected[index - group_begin];
  if (event.refused) {
    become_letter(index, event.refused->stage, std::move(event.refused->error));
    return true;
  }
  entry.horizon_us = partition.max_event_time_us;
  const std::span<const Change> of_event = std::span(projected_changes).subspan(event.begin, event.end - event.begin);
  FoldResult result = fold_changes(entry, entry.content->event, of_event, building->fold());
  switch (result.outcome) {
    case FoldOutcome::cut: return false;
    case FoldOutcome::refused: become_letter(index, Stage::store, std::move(result.error)); return true;
    case FoldOutcome::folded: break;
  }
  entry.outcome = Outcome::event;
  entry.ignored = nothing_left;
  entry.late_changes = static_cast<std::uint16_t>(std::min<std::size_t>(late_changes, UINT16_MAX));
  entry.event_time_us = bounded_event_time_us(entry.content->event);
  partition.max_event_time_us = std::max(partition.max_event_time_us, entry.event_time_us);
  breaker.add(false);
  return true;
}

// Also for halving, into a fold of its own (G13: the same event gives the same changes).
FoldResult Lane::Impl::fold_changes(const BatchEntry& entry, const Event& event, std::span<const Change> of_event, Fold& into) {
  late_changes = 0;
  const Record& record = entry.content->record;
  const bool some_are_late = lateness.any() && entry.horizon_us != INT64_MIN;
  const bool some_are_applied = !partitions[entry.slot].domain_next_offsets.empty() || !rows_ahead.empty();
  if (some_are_late || some_are_applied) {
    changes.assign(of_event.begin(), of_event.end());
    if (some_are_late) late_changes = lateness.drop(changes, entry.horizon_us);
    if (some_are_applied) drop_applied_changes(record);
    of_event = changes;
  }
  nothing_left = of_event.empty();
  const std::int64_t bounded_us = bounded_event_time_us(event);  // G12: an event from the future keeps no row alive
  const std::int64_t time_us = bounded_us == INT64_MIN ? event.time_us : bounded_us;
  if (!deps.traits.row_watermarks) return into.add(of_event, {}, time_us);
  return into.add(of_event, EventOrigin{record.topic_partition, record.offset}, time_us);
}

// G4: before folding, so that the result does not depend on how batches are cut.
void Lane::Impl::drop_applied_changes(const Record& record) {
  const std::vector<std::int64_t>& watermarks = partitions[record.slot].domain_next_offsets;
  std::erase_if(changes, [&](const Change& change) {
    if (!rows_ahead.empty() && rows_ahead.includes(deps.views[change.view], change, record)) return true;
    const std::uint32_t domain = watermarks.empty() ? 0 : deps.sink.domain_of(change.view, change.key, change.key_hash);
    return domain < watermarks.size() && record.offset < watermarks[domain];
  });
}

void Lane::Impl::become_letter(std::size_t index, Stage stage, Error error) {
  const BatchEntry& entry = building->entries()[index];
  if (options.letter_policy == config::LetterPolicy::stop) {
    error.message = fmt::format("offset {} can't be applied: {}", entry.offset, error.message);
    if (error.hint.empty()) error.hint = "the projection's dead_letter policy is stop: correct the projection or the event, then restart";
    building->entries()[index].outcome = Outcome::dropped;
    stop_partition(entry.slot, std::move(error));
    return;
  }
  const bool counts = error.code != ErrorCode::rejected;  // G19: a clause's own reject is no fault
  Error first = error;
  building->add_letter(index, stage, std::move(error));
  if (breaker.add(counts)) {
    stop_lane({first.code,
               fmt::format("{} of the last {} events would become letters, the last one ({}, offset {}): {}", breaker.letters(),
                           Breaker::kEvents, entry.content->record.topic_partition->to_string(), entry.offset, first.message),
               "correct the cause and restart, or raise dead_letter.stop_above", false});
  }
}

}  // namespace foldline
