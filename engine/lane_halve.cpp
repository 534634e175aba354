// Finding the poison in a rejected batch (G29): by ranges of its entries, so that what is committed is always a prefix of the log.
//
// A stack of range ends. The range at its top is [begin, end); committed, it is popped and the next begins where it ended; rejected, it
// is split before the middle one of its events; rejected with one event left, that event is a letter and the range is tried without it.
// One bad event among n costs about 2 log2 n commits, n bad ones 2 n.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "common/logging.h"
#include "engine/lane_impl.h"

namespace foldline {

std::shared_ptr<Commit> Lane::Impl::make_commit(Sealed& of) {
  auto commit = std::make_shared<Commit>();
  commit->batch = of.batch;
  commit->begin = of.begin;
  commit->end = of.ends.back();
  commit->last = of.ends.size() == 1 && of.starts.empty();
  commit->starts = of.starts;
  commit->refold = of.refold;
  commit->rows = (of.refold ? of.refold->fold : of.batch->fold()).rows();
  if (!of.refold && of.batch->is_encoded) commit->encoded = of.batch->encoded.get();
  for (const Partition& partition : partitions) commit->before.push_back(partition.stored);
  commit->owner = owner;
  commit->batch_id = make_uuid();
  commit->id_window = options.id_window;
  commit->exact = options.exact_ids;
  commit->failed_at_us = deps.wall_time_us();
  commit->generation = options.generation;
  return commit;
}

// The range's events once more, by themselves.
void Lane::Impl::refold() {
  auto& [arena, fold] = *sealed->refold;
  arena.reset();
  fold.begin(arena);
  ChangeList of_event;
  for (std::size_t i = sealed->begin; i < sealed->ends.back(); ++i) {
    const BatchEntry& entry = sealed->batch->entries()[i];
    if (entry.outcome != Outcome::event) continue;
    // Its slots are gone (decoder.h), so it is decoded again, into an event of its own: the batch's is its letter's.
    Event event;
    Record& record = entry.content->record;
    const std::uint32_t source = sealed->batch->assignment()[entry.slot].source;
    if (auto again = deps.decoders[source]->decode(record, arena, event); !again) {
      throw std::logic_error(
          fmt::format("{}, offset {}: the decoder took this event before, and does not now (G13): {}; a defect of Foldline",
                      record.topic_partition->to_string(), entry.offset, again.error().message));
    }
    if (event.replay == nullptr) event.record = &record;
    of_event.clear();
    if (!project_event(event, arena, of_event) && fold_changes(entry, event, of_event, fold).outcome == FoldOutcome::folded) continue;
    // An earlier event's `set`, now committed, had swallowed what can't be merged without it: the range ends here.
    sealed->ends.push_back(i);
    return;
  }
}

void Lane::Impl::on_rejected(Error error, Instant now) {
  deps.stats.halvings.fetch_add(1, std::memory_order_relaxed);
  const std::vector<BatchEntry>& entries = sealed->batch->entries();
  std::vector<std::size_t> live;
  for (std::size_t i = sealed->begin; i < sealed->ends.back(); ++i) {
    if (entries[i].outcome == Outcome::event && !entries[i].ignored) live.push_back(i);
  }
  sealed->commit.reset();
  if (!sealed->refold) sealed->refold = std::make_shared<Refold>(deps.views);
  if (live.empty()) {
    error.message = fmt::format("the store rejects a commit without rows: {}", error.message);
    wait_for(Wait::store, std::move(error), now);
  } else if (live.size() == 1) {
    on_poison(live.front(), std::move(error));
  } else {
    sealed->ends.push_back(live[live.size() / 2]);
  }
}

void Lane::Impl::on_poison(std::size_t index, Error error) {
  const BatchEntry& entry = sealed->batch->entries()[index];
  const std::size_t source = entry.content->event.source;  // of a replayed event, the original's
  if (source < options.redacted.size() && options.redacted[source]) {
    error.message = "its words are hidden because the source has redacted paths";
    error.hint.clear();
  }
  const std::string where = fmt::format("{}, offset {}", entry.content->record.topic_partition->to_string(), entry.offset);
  const Event& event = entry.content->event;
  const LogScope about({{"type", event.type}, {"event_id", event.id}, {"correlation_id", event.correlation_id}});
  spdlog::warn("{}: the store rejects the event: {}", where, error.message);
  if (options.letter_policy == config::LetterPolicy::stop) {
    error.message = fmt::format("offset {} can't be stored: {}", entry.offset, error.message);
    if (error.hint.empty()) error.hint = "the projection's dead_letter policy is stop: correct the projection or the event, then restart";
    stop_partition(entry.slot, std::move(error));
    rewind();  // what was read behind the event must not be committed
    return;
  }
  const std::string message = error.message;
  sealed->batch->add_letter(index, Stage::store, std::move(error));
  if (!store_breaker.add(true)) return;
  stop_lane({ErrorCode::store_rejected,
             fmt::format("the store rejected {} of the last {} events, the last one ({}): {}", store_breaker.letters(), Breaker::kEvents,
                         where, message),
             "correct the store's schema or the projection and restart, or raise dead_letter.stop_above", false});
}

}  // namespace foldline
