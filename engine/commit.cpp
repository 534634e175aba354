#include "engine/commit.h"

#include <algorithm>

#include "sinks/dead_letter/reason.h"

namespace foldline {

namespace {

std::optional<std::string> owned(const std::optional<std::string_view>& bytes) {
  return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
}

// Below the checkpoint as it was, less the window: a domain that this commit does not reach still stands there (G15). Not at every
// commit: a few times a window is enough.
std::int64_t trim_below(const Commit& commit, std::int64_t from_offset, std::int64_t next_offset) {
  const std::int64_t step = commit.id_window / 16 + 1;
  const std::int64_t below = from_offset - commit.id_window;
  return commit.id_window > 0 && below > 0 && next_offset / step != from_offset / step ? below : -1;
}

PartitionCommit describe_part(const Commit& commit, std::uint32_t slot, const Moved& moved) {
  const StoredPosition& before = commit.before[slot];
  const IdPacker& ids = commit.packers[slot];
  PartitionCommit part;
  part.topic_partition = &commit.batch->assignment()[slot].topic_partition;
  part.expected_offset = before.checkpoint.next_offset;
  part.expected_missing = before.missing;
  part.after = before.checkpoint;
  part.after.owner = commit.owner;
  part.after.batch_id = commit.batch_id;
  part.after.next_offset = std::max(before.checkpoint.next_offset, moved.next_offset);
  part.after.max_event_time_us = std::max(before.checkpoint.max_event_time_us, moved.max_event_time_us);
  if (moved.last != nullptr) {
    part.after.anchor_offset = moved.last->offset;
    part.after.anchor_hash = anchor_hash(*moved.last);
  }
  if (!ids.empty()) {
    part.ids = ids.bytes();
    part.ids_first_offset = ids.first_offset();
    part.ids_last_offset = ids.last_offset();
    // A store writes a chunk anew to append to it, so what is not light traffic begins one of its own.
    const bool grows = before.tail_first_offset >= 0 && before.tail_bytes + part.ids.size() <= kSealedChunkBytes;
    if (grows) part.tail_first_offset = before.tail_first_offset;
  }
  part.trim_ids_below = trim_below(commit, before.checkpoint.next_offset, part.after.next_offset);
  if (before.restart_at >= 0) {
    part.after.next_offset = before.restart_at;
    part.after.anchor_offset = -1;
    part.trim_ids_below = before.forget_ids_below;
  }
  return part;
}

}  // namespace

void Commit::gather() {
  if (gathered) return;
  gathered = true;
  moved.resize(before.size());
  packers.resize(before.size());
  for (std::size_t i = begin; i < end; ++i) {
    const BatchEntry& entry = batch->entries()[i];
    if (entry.outcome == Outcome::dropped) continue;
    Moved& m = moved[entry.slot];
    m.touched = true;
    m.next_offset = entry.offset + 1;
    m.last = &entry;
    m.max_event_time_us = std::max(m.max_event_time_us, entry.event_time_us);
    const bool store_letter = is_store_letter(i);
    if (id_window > 0 && (entry.has_id || store_letter)) packers[entry.slot].add(entry.id, entry.offset, store_letter);
    if (exact && entry.has_id && (entry.outcome == Outcome::event || entry.outcome == Outcome::letter)) {
      exact_ids.push_back(entry.id);
      exact_entries.push_back(i);
    }
    count(entry);
  }
}

void Commit::stand_on(const Commit& committed) {
  before = committed.before;
  for (std::size_t i = 0; i < committed.parts.size(); ++i) before[committed.slots[i]] = position_after(committed, i);
}

void Commit::prepare() {
  if (prepared) return;
  prepared = true;
  gather();
  for (const std::uint32_t slot : starts) moved[slot].touched = true;
  for (std::uint32_t slot = 0; last && slot < moved.size(); ++slot) {
    if (batch->end(slot) <= std::max(moved[slot].next_offset, before[slot].checkpoint.next_offset)) continue;
    moved[slot].touched = true;
    moved[slot].next_offset = batch->end(slot);
  }
  for (std::uint32_t slot = 0; slot < moved.size(); ++slot) {
    if (moved[slot].touched) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end(), [this](std::uint32_t a, std::uint32_t b) {
    return batch->assignment()[a].topic_partition < batch->assignment()[b].topic_partition;
  });
  for (const std::uint32_t slot : slots) {
    parts.push_back(describe_part(*this, slot, moved[slot]));
    newest_record_us.push_back(moved[slot].last != nullptr ? moved[slot].last->content->record.timestamp_us : INT64_MIN);
  }
  for (const BatchLetter& letter : batch->letters()) {
    const BatchEntry& entry = batch->entries()[letter.entry];
    if (letter.entry < begin || letter.entry >= end || entry.outcome != Outcome::letter) continue;
    counts.letters_decode += letter.stage == Stage::decode ? 1U : 0U;
    counts.letters_project += letter.stage == Stage::project ? 1U : 0U;
    counts.letters_store += letter.stage == Stage::store ? 1U : 0U;
    counts.letters_rejected += letter.error.code == ErrorCode::rejected ? 1U : 0U;
    ++counts.letters_by_code[static_cast<std::size_t>(letter.stage)][letter_code_index(letter.error.code)];
    if (!letter.written) letters.push_back(make_letter(entry, letter, failed_at_us, generation));
  }
}

bool Commit::is_store_letter(std::size_t index) const {
  if (batch->entries()[index].outcome != Outcome::letter) return false;
  const auto& all = batch->letters();
  const auto found =
      std::lower_bound(all.begin(), all.end(), index, [](const BatchLetter& letter, std::size_t i) { return letter.entry < i; });
  return found != all.end() && found->entry == index && found->stage == Stage::store;
}

void Commit::count(const BatchEntry& entry) {
  const bool event = entry.outcome == Outcome::event;
  ++counts.records;
  counts.record_bytes += entry.size_bytes;
  counts.events += event ? 1U : 0U;
  counts.ignored += event && entry.ignored ? 1U : 0U;
  counts.late += event ? entry.late_changes : 0U;
  counts.missing_ids += event && !entry.has_id ? 1U : 0U;
  counts.duplicates += entry.outcome == Outcome::duplicate ? 1U : 0U;
  counts.skipped += entry.outcome == Outcome::skipped ? 1U : 0U;
  const auto by_type = [&](EventOutcome outcome) { ++counts.by_type[entry.type][static_cast<std::size_t>(outcome)]; };
  switch (entry.outcome) {
    case Outcome::event: by_type(EventOutcome::folded); break;
    case Outcome::duplicate: by_type(EventOutcome::duplicate); break;
    case Outcome::skipped: by_type(EventOutcome::skipped); break;
    case Outcome::letter: by_type(EventOutcome::letter); break;
    case Outcome::staged:
    case Outcome::decoded:
    case Outcome::failed:
    case Outcome::dropped: break;
  }
}

// A producer's clock may be ahead of ours: such an event took no time at all.
void Commit::measure_latency(std::int64_t now_us) {
  for (std::size_t i = begin; i < end; ++i) {
    const BatchEntry& entry = batch->entries()[i];
    if (entry.outcome != Outcome::event) continue;
    const std::int64_t spent_us = std::max<std::int64_t>(0, now_us - entry.timestamp_us);
    latency_us.observe(kLatencyBucketsUs, static_cast<std::uint64_t>(spent_us));
  }
}

StoredPosition position_after(const Commit& commit, std::size_t part) {
  const PartitionCommit& moved = commit.parts[part];
  StoredPosition out = commit.before[commit.slots[part]];
  out.missing = false;
  out.checkpoint = moved.after;
  out.restart_at = -1;
  out.forget_ids_below = -1;
  if (!moved.ids.empty() && moved.tail_first_offset >= 0) {
    out.tail_bytes += moved.ids.size();
  } else if (!moved.ids.empty()) {
    out.tail_first_offset = moved.ids_first_offset;
    out.tail_bytes = moved.ids.size();
  }
  return out;
}

Letter make_letter(const BatchEntry& entry, const BatchLetter& letter, std::int64_t failed_at_us, std::int64_t generation) {
  const Event& event = entry.content->event;
  const Record& record = *event.record;  // of a replayed event, the original: it stays one letter, whatever it is tried
  Letter out;
  out.stage = letter.stage;
  out.code = letter.error.code;
  out.reason = letter_reason(letter.error);
  out.error = letter.error.hint.empty() ? letter.error.message : letter.error.message + " (" + letter.error.hint + ")";
  out.failed_at_us = failed_at_us;
  out.generation = generation;
  if (event.replay != nullptr) out.retry_count = event.replay->retry_count + 1;
  out.topic_partition = *record.topic_partition;
  out.offset = record.offset;
  out.timestamp_us = record.timestamp_us;
  out.key = owned(record.key);
  out.value = owned(record.value);
  if (entry.too_large) out.omitted_bytes = entry.content->omitted_bytes;
  for (const Header& header : record.headers) out.headers.emplace_back(header.name, owned(header.value));
  out.event_id = event.id;
  out.event_type = event.type;
  out.correlation_id = event.correlation_id;
  return out;
}

}  // namespace foldline
