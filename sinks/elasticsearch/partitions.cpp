// Ownership, comparing and moving checkpoints.
#include "sinks/elasticsearch/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/fault_point.h"

namespace foldline::elasticsearch {

namespace {

const std::string kCheckpointBulk = fmt::format("/{}/_bulk?require_alias=true", kCheckpointAlias);

CommitResult fenced(std::string message, std::string hint = "another worker has taken the partition over") {
  return {CommitStatus::fenced, {ErrorCode::fenced, std::move(message), std::move(hint), false}, {}};
}

}  // namespace

CommitResult retry(Error error) {
  error.retryable = true;
  return {CommitStatus::retry, std::move(error), {}};
}

bool Partitions::moved_by(const PartitionCommit& part, const CommitBatch& batch, const Owned& owned) {
  const CheckpointDocument& stored = owned.document;
  return stored.has_offset && stored.checkpoint.owner == batch.owner && stored.checkpoint.batch_id == batch.batch_id &&
         !batch.batch_id.is_nil() && stored.checkpoint.next_offset == part.after.next_offset;
}

void Partitions::doubt(const CommitBatch& batch) {
  for (const PartitionCommit& part : batch.partitions) owned_[*part.topic_partition].in_doubt = true;
}

bool Partitions::all_moved(const CommitBatch& batch) const {
  return std::ranges::all_of(batch.partitions, [&](const PartitionCommit& part) {
    const auto found = owned_.find(*part.topic_partition);
    return found != owned_.end() && !found->second.in_doubt && moved_by(part, batch, found->second);
  });
}

std::int64_t Partitions::next_offset(const TopicPartition& topic_partition) const {
  const auto found = owned_.find(topic_partition);
  return found == owned_.end() || !found->second.document.has_offset ? -1 : found->second.document.checkpoint.next_offset;
}

Result<std::vector<CheckpointDocument>> Partitions::read(std::span<const TopicPartition> partitions) {
  std::vector<std::string> ids;
  for (const TopicPartition& topic_partition : partitions) ids.push_back(checkpoint_id(id_, topic_partition));
  std::vector<DocumentRef> refs;
  for (const std::string& id : ids) refs.push_back({id, {}});
  auto stored = cluster_.multi_get(kCheckpointAlias, refs, "reading the checkpoints");
  if (!stored) return fail(stored.error());
  std::vector<CheckpointDocument> out;
  for (const StoredDocument& document : *stored) {
    auto parsed = parse_checkpoint(document);
    if (!parsed) return fail(parsed.error());
    out.push_back(std::move(*parsed));
  }
  return out;
}

// Crash: some checkpoints have the new owner and write nothing; the next owner takes them over the same way.
Result<std::vector<OpenedPartition>> Partitions::take(const OpenRequest& request, const Histories& now) {
  histories_ = now;
  for (const TopicPartition& topic_partition : request.partitions) owned_.erase(topic_partition);
  if (auto ok = take_all(request.partitions, request.owner, &now); !ok) return fail(ok.error());
  // From here on no other owner's compare succeeds: what it commits next is a 409.
  auto refreshed = cluster_.call({Method::post, fmt::format("/{}/_refresh", kIdsAlias), ContentType::json, {}}, "refreshing processed IDs");
  if (!refreshed) return fail(refreshed.error());
  std::vector<OpenedPartition> out;
  for (const TopicPartition& topic_partition : request.partitions) {
    Owned& owned = owned_[topic_partition];
    OpenedPartition& opened = out.emplace_back();
    opened.found = owned.document.has_offset;
    opened.checkpoint = owned.document.checkpoint;
    if (!opened.found) continue;
    if (auto ok = load_ids(topic_partition, request.id_window, owned, opened); !ok) return fail(ok.error());
  }
  return out;
}

Result<void> Partitions::fence(std::span<const TopicPartition> partitions) { return take_all(partitions, Uuid::random(), nullptr); }

Result<void> Partitions::take_all(std::span<const TopicPartition> partitions, const Uuid& owner, const Histories* now) {
  std::vector<TopicPartition> left(partitions.begin(), partitions.end());
  for (int attempt = 1; !left.empty(); ++attempt) {
    if (auto ok = take_some(owner, now, left); !ok) return fail(ok.error());
    if (attempt == kOwnershipAttempts && !left.empty()) {
      return fail(ErrorCode::store_unavailable, fmt::format("taking over {} partition(s): their checkpoints keep changing", left.size()),
                  "is another worker committing to them? it is fenced as soon as we have them", true);
    }
  }
  return {};
}

// `now` null: the histories stay as they are, and are not compared.
Result<void> Partitions::take_some(const Uuid& owner, const Histories* now, std::vector<TopicPartition>& left) {
  const std::vector<TopicPartition> wanted = std::move(left);
  left.clear();
  auto stored = read(wanted);
  if (!stored) return fail(stored.error());
  BulkBody body;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    CheckpointDocument& document = (*stored)[k];
    // G26. Without an offset nothing stands on any history yet.
    if (document.has_offset && now != nullptr) {
      if (auto ok = compare_histories(document.histories, *now); !ok) return ok;
    }
    document.checkpoint.owner = owner;
    if (now != nullptr) {
      forget_other_indices(document.histories, *now);
      for (const auto& [shard, history] : *now) document.histories[shard] = history;
    }
    body.begin(document.exists ? BulkOp::index : BulkOp::create, {checkpoint_id(id_, wanted[k]), {}}, document.seq_no,
               document.primary_term);
    append_checkpoint(body.text(), id_, wanted[k], document);
    body.end();
  }
  constexpr std::string_view kDoing = "taking over partitions";
  auto items = cluster_.bulk(kCheckpointBulk, body, kDoing);
  FOLDLINE_FAULT_POINT("search.ownership_taken");
  if (!items) return fail(items.error().error);
  bool overloaded = false;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const ItemAnswer& item = (*items)[k];
    if (item.ok()) {
      CheckpointDocument& document = (*stored)[k];
      document.exists = true;
      document.seq_no = item.seq_no;
      document.primary_term = item.primary_term;
      owned_[wanted[k]].document = std::move(document);
    } else if (item.status == 409 || is_overload(item.status)) {
      overloaded = overloaded || item.status != 409;
      left.push_back(wanted[k]);
    } else {
      return fail(error_of(item, kDoing));
    }
  }
  if (overloaded) pause_before_attempt(kOverloadAttempts);
  return {};
}

// Reads the batch's checkpoints anew.
std::optional<CommitResult> Partitions::look_again(const CommitBatch& batch) {
  std::vector<TopicPartition> names;
  for (const PartitionCommit& part : batch.partitions) names.push_back(*part.topic_partition);
  auto stored = read(names);
  if (!stored) return retry(stored.error());
  for (std::size_t i = 0; i < names.size(); ++i) {
    Owned& owned = owned_[names[i]];
    owned.document = std::move((*stored)[i]);
    owned.in_doubt = false;
    if (moved_by(batch.partitions[i], batch, owned)) remember_moved(batch.partitions[i], owned);
  }
  return std::nullopt;
}

std::optional<CommitResult> Partitions::compare(const CommitBatch& batch) {
  bool in_doubt = false;
  for (const PartitionCommit& part : batch.partitions) {
    const auto found = owned_.find(*part.topic_partition);
    if (found == owned_.end()) return fenced(fmt::format("{} was not opened here", part.topic_partition->to_string()), "the lane reloads");
    in_doubt = in_doubt || found->second.in_doubt;
  }
  if (in_doubt) {
    if (auto stopped = look_again(batch)) return stopped;
  }
  for (const PartitionCommit& part : batch.partitions) {
    const Owned& owned = owned_.find(*part.topic_partition)->second;
    const CheckpointDocument& stored = owned.document;
    const std::string name = part.topic_partition->to_string();
    if (!stored.exists) return fenced(fmt::format("the checkpoint of {} is gone", name), "the lane opens it again");
    if (stored.checkpoint.owner != batch.owner) {
      return fenced(
          fmt::format("the checkpoint of {} belongs to {}, not to {}", name, stored.checkpoint.owner.to_string(), batch.owner.to_string()));
    }
    if (moved_by(part, batch, owned)) continue;
    if (stored.has_offset == part.expected_missing || (stored.has_offset && stored.checkpoint.next_offset != part.expected_offset)) {
      const std::string found = stored.has_offset ? fmt::format("at {}", stored.checkpoint.next_offset) : "missing";
      const std::string expected = part.expected_missing ? "missing" : fmt::format("at {}", part.expected_offset);
      return fenced(fmt::format("the checkpoint of {} is {}, not {}", name, found, expected), "the lane reloads");
    }
  }
  return std::nullopt;
}

// The last step of a commit. Crash: some partitions' checkpoints have moved and some have not; the documents hold all of them, and the next
// owner of those that have not reads events that the documents' watermarks already include.
std::optional<CommitResult> Partitions::move(const CommitBatch& batch) {
  constexpr std::string_view kDoing = "moving the checkpoints";
  for (int attempt = 1; attempt <= kOverloadAttempts; ++attempt) {
    std::vector<const PartitionCommit*> parts;
    BulkBody body;
    for (const PartitionCommit& part : batch.partitions) {
      Owned& owned = owned_[*part.topic_partition];
      if (moved_by(part, batch, owned)) continue;
      CheckpointDocument after = owned.document;
      after.has_offset = true;
      after.checkpoint = part.after;
      after.checkpoint.owner = batch.owner;
      after.checkpoint.batch_id = batch.batch_id;
      body.begin(BulkOp::index, {checkpoint_id(id_, *part.topic_partition), {}}, after.seq_no, after.primary_term);
      append_checkpoint(body.text(), id_, *part.topic_partition, after);
      body.end();
      parts.push_back(&part);
    }
    if (parts.empty()) return std::nullopt;
    FOLDLINE_FAULT_POINT("search.before_checkpoints");
    auto items = cluster_.bulk(kCheckpointBulk, body, kDoing);
    if (!items) {
      // G5: never guess. The compare of the next attempt reads what became of it.
      for (const PartitionCommit* part : parts) owned_[*part->topic_partition].in_doubt = true;
      return retry(items.error().error);
    }
    bool conflict = false;
    std::optional<Error> failed;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const ItemAnswer& item = (*items)[i];
      Owned& owned = owned_[*parts[i]->topic_partition];
      if (item.ok()) {
        owned.document.has_offset = true;
        owned.document.checkpoint = parts[i]->after;
        owned.document.checkpoint.owner = batch.owner;
        owned.document.checkpoint.batch_id = batch.batch_id;
        owned.document.seq_no = item.seq_no;
        owned.document.primary_term = item.primary_term;
        remember_moved(*parts[i], owned);
      } else if (item.status == 409) {
        conflict = owned.in_doubt = true;
      } else {
        failed = error_of(item, kDoing);
        if (!is_overload(item.status)) return retry(std::move(*failed));
      }
    }
    // Another owner, or this very batch, moved by an attempt whose answer was lost.
    if (conflict) {
      if (auto stopped = compare(batch)) return stopped;
    }
    if (!conflict && !failed) return std::nullopt;
    if (failed && attempt == kOverloadAttempts) return retry(std::move(*failed));
    pause_before_attempt(attempt);
  }
  return retry({ErrorCode::store_unavailable, "the checkpoints conflict again and again", "the worker tries again", true});
}

}  // namespace foldline::elasticsearch
