// The bulks of a round: sent, waited for, and their answers taken in, by the one thread that commits.
#include <fmt/format.h>

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/elasticsearch/row_writer.h"

namespace foldline::elasticsearch {

// An empty one to fill. While all are under way the answer of one is waited for, which may stop the round.
RowWriter::Bulk& RowWriter::free_bulk(Round& round) {
  for (Bulk& bulk : bulks_) {
    if (!bulk.busy) return bulk;
  }
  if (bulks_.size() <= pool_.connections()) return bulks_.emplace_back();
  Bulk& ended = bulks_[pool_.wait()];
  take_answer(round, ended);
  return ended;
}

// The last one of a round, when nothing else is under way, needs no other thread.
void RowWriter::send(Round& round, Bulk& bulk, bool last) {
  if (bulk.sent.empty()) return;
  if (auto stopped = end_before()) {
    round.stopped = std::move(stopped);
    return;
  }
  FOLDLINE_FAULT_POINT("search.before_bulk");
  if (pool_.connections() == 1 || (last && pool_.under_way() == 0)) {
    bulk.answer = cluster_.bulk(round.path, bulk.body, round.doing);
    take_answer(round, bulk);
    return;
  }
  bulk.busy = true;
  const auto number =
      static_cast<std::size_t>(std::find_if(bulks_.begin(), bulks_.end(), [&](const Bulk& b) { return &b == &bulk; }) - bulks_.begin());
  pool_.start(number, [&round, &bulk](Cluster& cluster) { bulk.answer = cluster.bulk(round.path, bulk.body, round.doing); });
}

// Whatever becomes of the round: nothing is under way afterwards, and all that was written is known.
void RowWriter::drain(Round& round) {
  // Of a round that was stopped before its first request, what has to stand before it may be under way: write() waits for that.
  while (!before_under_way_ && pool_.under_way() > 0) take_answer(round, bulks_[pool_.wait()]);
  for (Bulk& bulk : bulks_) {  // one that was being filled when the round was stopped
    bulk.body.clear();
    bulk.sent.clear();
  }
}

void RowWriter::take_answer(Round& round, Bulk& bulk) {
  FOLDLINE_FAULT_POINT("search.bulk_answered");
  bulk.busy = false;
  if (bulk.answer) {
    take_items(round, bulk, *bulk.answer);
  } else {
    take_failure(round, bulk, bulk.answer.error());
  }
  bulk.body.clear();
  bulk.sent.clear();
}

void RowWriter::take_failure(Round& round, Bulk& bulk, BulkFailure& failure) {
  const auto stop = [&](CommitStatus status, Error error) {
    if (!round.stopped) round.stopped = CommitResult{status, std::move(error), {}};
  };
  if (failure.too_large && bulk.sent.size() == 1) {
    const Task& task = *bulk.sent[0];
    stop(CommitStatus::rejected,
         {ErrorCode::store_rejected,
          fmt::format("view {}: a document of {} bytes: {}", round.layout.view->name, task.end - task.begin, failure.error.message),
          "raise http.max_content_length of the cluster, or keep less in a document", false});
  } else if (failure.too_large) {
    limits_.max_bytes = std::max<std::size_t>(1, std::min(limits_.max_bytes, bulk.body.size_bytes() / 2));
    round.again.insert(round.again.end(), bulk.sent.begin(), bulk.sent.end());
  } else if (failure.overloaded) {
    round.waiting = std::move(failure.error);
    round.again.insert(round.again.end(), bulk.sent.begin(), bulk.sent.end());
  } else {
    // G5: whatever of it was carried out, the watermarks of those documents say so when they are met again.
    if (failure.may_be_done) maybe_written(round, bulk);
    failure.error.retryable = true;
    stop(CommitStatus::retry, std::move(failure.error));
  }
}

void RowWriter::take_items(Round& round, Bulk& bulk, const std::vector<ItemAnswer>& items) {
  std::optional<Error> refused;
  std::optional<Error> away;
  std::size_t created = 0;
  std::size_t existed = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Task& task = *bulk.sent[i];
    const ItemAnswer& item = items[i];
    if (i + kPrefetchedDocuments < items.size()) cache_.prefetch(bulk.sent[i + kPrefetchedDocuments]->hash);
    created += task.created && (item.ok() || item.status == 409) ? 1U : 0U;
    if (item.ok()) {
      written(round, task, bulk, item);
    } else if (item.status == 409) {
      existed += task.created ? 1U : 0U;
      task.known = false;
      task.conflicted = true;
      task.prior.reset();
      if (task.exists) task.prior = std::move(task.current);
      round.again.push_back(&task);
    } else if (is_overload(item.status)) {
      round.waiting = error_of(item, round.doing);
      round.again.push_back(&task);
    } else if (error_of(item, "").retryable) {
      away = error_of(item, round.doing);  // not to be waited out here
    } else if (!refused) {
      refused = error_of(item, fmt::format("view {}", round.layout.view->name));
      refused->code = ErrorCode::store_rejected;
    }
  }
  learn(round.layout, existed, created);
  if (round.stopped) return;
  if (refused) {
    round.stopped = CommitResult{CommitStatus::rejected, std::move(*refused), {}};
  } else if (away) {
    round.stopped = CommitResult{CommitStatus::retry, std::move(*away), {}};
  }
}

void RowWriter::written(Round& round, Task& task, const Bulk& bulk, const ItemAnswer& item) {
  undo_.written({&round.layout, std::string(task.id()), task.routing, task.exists, std::move(task.current.source), item.seq_no,
                 item.primary_term, task.watermarks});
  cache_.put(std::move(task.key), task.hash,
             {std::string(bulk.body.view().substr(task.begin, task.end - task.begin)), item.seq_no, item.primary_term});
}

void RowWriter::maybe_written(Round& round, const Bulk& bulk) {
  for (Task* task : bulk.sent) {
    undo_.written(
        {&round.layout, std::string(task->id()), task->routing, task->exists, std::move(task->current.source), -1, 0, task->watermarks});
  }
}

}  // namespace foldline::elasticsearch
