// The batch behind the one under way. While a batch is being committed the next one becomes full, and has to wait. What can be done for it
// meanwhile is done: its rows are encoded, its entries counted, and its commit is queued behind the other on the executor, which begins it
// as soon as the store has answered, without asking the lane. So the store waits for little more than the bytes.
//
// One batch at a time is the store's (G5): the queued one leaves only when the answer has come and says `committed`, and it compares the
// checkpoints that this answer left (G1). Whatever else the answer is (fenced, refused, lost, letters not written), the queued job does
// nothing, and the lane goes on with the first batch as if there were no other; the second is committed behind it when its turn comes, with
// another batch ID, for nothing of it has left the process.
// Crash: of the two, none, the first, or both are in the store, in this order.
#include "common/fault_point.h"
#include "engine/lane_impl.h"

namespace foldline {

// Rows of a full batch change no more, but where they are folded again (halving, refold), and then these are not used.
void Lane::Impl::encode_ahead() {
  if (!sealed || !building || building->encoding_tried || building->entries().empty()) return;
  if (building->processed < building->entries().size() || (has_room() && !building->closed)) return;
  building->encoding_tried = true;
  building->closed = true;  // the sink may ask for more rows by now (batch_rows()): what is encoded must stay all that there is
  building->is_encoded = deps.sink.encode_ahead(building->fold().rows(), building->encoded);
}

// Only behind a whole batch on its first try, and without letters: those must not be written before it is known that their batch's turn has
// come at all (G28).
void Lane::Impl::queue_next(Instant now) {
  if (queued || !sealed || !building || !building->encoding_tried || !building->letters().empty()) return;
  if (building->arena().size_bytes() > options.max_batch_bytes / kQueuedShare) return;
  if (!job || job->kind != LaneJob::Kind::commit || waiting != Wait::none || !unstarted.empty()) return;
  if (sealed->ends.size() != 1 || !sealed->starts.empty() || sealed->refold || recheck_before_retry) return;
  FOLDLINE_FAULT_POINT("engine.folded");
  auto before = std::static_pointer_cast<CommitJob>(job);
  queued = seal_building(now);
  queued->commit = make_commit(*queued);
  queued->commit->gather();
  publish_sealed();
  queued_job = std::make_shared<CommitJob>();
  queued_job->commit = queued->commit;
  queued_job->behind = std::move(before);
  run_on_executor(queued_job,
                  [&sink = deps.sink, &letters = deps.letters](LaneJob& work) { static_cast<CommitJob&>(work).run(sink, letters); });
}

// `ended` has been dealt with: the queued job runs by now, or did nothing.
void Lane::Impl::go_on_behind(const CommitJob& ended) {
  if (!queued_job) return;
  if (ended.committed) {
    job = std::move(queued_job);
    queued_job.reset();
    job_since.reset();
    return;
  }
  queued_job->cancelled.store(true, std::memory_order_relaxed);
  queued_job.reset();
  queued->commit.reset();
}

}  // namespace foldline
