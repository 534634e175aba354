#include "sinks/elasticsearch/sink.h"

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/elasticsearch/check_change.h"
#include "sinks/elasticsearch/generations.h"

namespace foldline::elasticsearch {

std::vector<std::string> StoreShared::indices() const {
  std::vector<std::string> out = {std::string(kCheckpointIndex), std::string(kIdsIndex)};
  for (const ViewLayout& layout : layouts) out.push_back(layout.index);
  return out;
}

ElasticsearchSink::ElasticsearchSink(std::shared_ptr<const StoreShared> store)
    : store_(std::move(store)),
      cluster_(store_->http),
      partitions_(cluster_, store_->id),
      rows_(cluster_, store_->http, store_->layouts, store_->limits, store_->cache_bytes, store_->requests_under_way),
      purge_(cluster_, store_->layouts, store_->id, store_->tombstones) {
  ++store_->sinks;
}

Result<std::vector<OpenedPartition>> ElasticsearchSink::open(const OpenRequest& request) {
  if (request.owner.is_nil()) return fail(ErrorCode::internal, "an owner needs a UUID");
  const std::size_t cache_bytes = store_->cache_bytes / store_->sinks;
  rows_.reset(true, cache_bytes);  // G2: also when nothing is assigned
  if (request.partitions.empty()) return std::vector<OpenedPartition>{};
  if (auto ok = check_state(cluster_, store_->id, store_->building); !ok) return fail(ok.error());
  const std::vector<std::string> indices = store_->indices();
  auto histories = read_histories(cluster_, indices);
  if (!histories) return fail(histories.error());
  auto opened = partitions_.take(request, *histories);
  if (!opened) return opened;
  // Again: whoever lets another generation go live decides first and fences then (switch.h). Its fence found our ownership, or we find what
  // it decided.
  if (auto ok = check_state(cluster_, store_->id, store_->building); !ok) return fail(ok.error());
  rows_.reset(std::any_of(opened->begin(), opened->end(), [](const OpenedPartition& partition) { return partition.found; }), cache_bytes);
  return opened;
}

Result<std::vector<OpenedPartition>> ElasticsearchSink::reload(std::span<const TopicPartition> partitions) {
  if (partitions.empty()) return std::vector<OpenedPartition>{};
  // A store that came back from a copy is told by its histories, not by checkpoints that happen to look the same.
  const std::vector<std::string> indices = store_->indices();
  auto histories = read_histories(cluster_, indices);
  if (!histories) return fail(histories.error());
  if (auto ok = compare_histories(partitions_.histories(), *histories); !ok) return fail(ok.error());
  auto documents = partitions_.read(partitions);
  if (!documents) return fail(documents.error());
  std::vector<OpenedPartition> out;
  for (CheckpointDocument& document : *documents) {
    OpenedPartition& opened = out.emplace_back();
    opened.found = document.has_offset;
    opened.checkpoint = document.checkpoint;
  }
  return out;
}

CommitResult ElasticsearchSink::commit(const CommitBatch& batch) {
  if (batch.partitions.empty()) {
    return {CommitStatus::rejected, {ErrorCode::internal, "a batch without partitions can't be fenced", "", false}, {}};
  }
  CommitResult out = commit_steps(batch);
  // Committed: nothing is to be put back any more. Fenced: nothing is ours to put back.
  if (out.status == CommitStatus::committed || out.status == CommitStatus::fenced) rows_.forget_undo();
  if (out.status == CommitStatus::committed) purge_.run_when_due(partitions_);
  return out;
}

CommitResult ElasticsearchSink::commit_steps(const CommitBatch& batch) {
  if (auto stopped = partitions_.compare(batch)) return std::move(*stopped);
  if (partitions_.all_moved(batch)) return {CommitStatus::committed, {}, {}};  // G5: by an attempt whose answer was lost
  FOLDLINE_FAULT_POINT("search.compared");
  // The writer of the rows calls it before it writes the first one, also where there is none (G15).
  const auto write_ids = [&] { return partitions_.write_ids(batch); };
  if (CommitResult written = rows_.write(batch, write_ids); written.status != CommitStatus::committed) {
    // Indices that are gone may be gone because the generation is: then the checkpoints are somebody else's.
    if (written.status == CommitStatus::retry) partitions_.doubt(batch);
    return written;
  }
  FOLDLINE_FAULT_POINT("search.rows_written");
  if (auto stopped = partitions_.move(batch)) return std::move(*stopped);
  FOLDLINE_FAULT_POINT("search.checkpoints_moved");
  return {CommitStatus::committed, {}, {}};
}

Result<void> ElasticsearchSink::check(const ViewSchema& view, const Change& change) const {
  return check_change(store_->layouts[change.view], view, change);
}

}  // namespace foldline::elasticsearch
