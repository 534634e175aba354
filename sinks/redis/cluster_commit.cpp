// commit() in a cluster: shares, reads, one question to all buckets with rows, then bucket 0, then the others.
//
// Crash, at each step (G4, G5, G21):
//   before bucket 0's script has run     nothing of the batch is written
//   between bucket 0 and the others      IDs stand in bucket 0 and its checkpoint is ahead; the next owner goes on at the smallest, ignores
//                                        the IDs past it but for the letters among them, and folds the events for the others
//   some others written                  those are ahead, too: what they hold is dropped for them before folding (G4)
//   all written, an answer lost          the same batch again finds its ID in every bucket and is committed
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/redis/cluster_sink.h"
#include "sinks/redis/commit_script.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/sink.h"
#include "sinks/redis/verdict.h"

namespace foldline::redis {

namespace {

constexpr std::size_t kCommit = 0;  // places of the scripts
constexpr std::size_t kCheck = 1;

}  // namespace

CommitResult ClusterSink::commit(const CommitBatch& batch) {
  if (auto ok = plan(batch); !ok) {
    return refused(ok.error().code == ErrorCode::fenced ? CommitStatus::fenced : CommitStatus::rejected, ok.error());
  }
  const bool starts = std::any_of(batch.partitions.begin(), batch.partitions.end(), [](const auto& p) { return p.expected_missing; });
  for (int attempt = 1; attempt <= kReadAttempts; ++attempt) {
    if (auto result = read_rows()) return settled(std::move(*result));
    std::optional<CommitResult> result = ask_all();
    if (!result) result = write_all(starts);
    if (!result) {
      for (const PartitionCommit& part : batch.partitions) {
        Kept& kept = kept_.at(*part.topic_partition);
        kept.lane = part.after;
        kept.started = true;
      }
      return committed();
    }
    if (result->status != CommitStatus::committed) return settled(std::move(*result));  // committed: read the rows again
  }
  return refused(CommitStatus::retry, {ErrorCode::store_unavailable, "rows change between being read and being written, again and again",
                                       "another program writes into this projection's keys: stop it; the worker tries again", true});
}

// What one bucket is told of a partition. One that is ahead stays where it is, with all that its checkpoint says.
PartitionCommit ClusterSink::part_of(const PartitionCommit& part, const Kept& kept, std::uint32_t bucket) const {
  const StoredState& stored = kept.buckets[bucket];
  PartitionCommit out = part;
  out.expected_missing = !stored.has_offset;
  out.expected_offset = stored.has_offset ? stored.checkpoint.next_offset : 0;
  if (!part.expected_missing && stored.checkpoint.next_offset > part.after.next_offset) {
    out.after = stored.checkpoint;
    out.after.owner = part.after.owner;
    out.after.batch_id = part.after.batch_id;
  }
  if (bucket != 0) {
    out.ids = {};
    out.trim_ids_below = -1;
  } else if (part.trim_ids_below >= 0) {  // the engine counts from where the lane stands, and idle buckets are behind it (G15)
    const auto behind = std::min_element(kept.buckets.begin(), kept.buckets.end(), [](const StoredState& a, const StoredState& b) {
      return a.checkpoint.next_offset < b.checkpoint.next_offset;
    });
    const std::int64_t by = std::max<std::int64_t>(0, part.expected_offset - behind->checkpoint.next_offset);
    out.trim_ids_below = std::max<std::int64_t>(-1, part.trim_ids_below - by);
  }
  return out;
}

Result<void> ClusterSink::plan(const CommitBatch& batch) {
  if (batch.partitions.empty()) return fail(ErrorCode::internal, "a batch without partitions can't be fenced");
  planned_.clear();
  bool all = std::chrono::steady_clock::now() >= barrier_at_;
  for (const PartitionCommit& part : batch.partitions) {
    all = all || part.expected_missing;
    if (kept_.count(*part.topic_partition) != 0) continue;
    return fail(ErrorCode::fenced, fmt::format("{} was never opened", part.topic_partition->to_string()), "the lane opens it again");
  }
  std::vector<bool> meant(store_->buckets, all);
  meant[0] = true;
  const auto share_of = [&](std::uint32_t bucket) -> BucketCommit& {
    if (!buckets_[bucket]) buckets_[bucket] = std::make_unique<BucketCommit>(bucket);
    return *buckets_[bucket];
  };
  for (std::uint32_t b = 0; b < store_->buckets; ++b) share_of(b).begin(batch);
  for (const ViewRows& rows : batch.views) {
    if (rows.view >= store_->layouts.size()) {
      return fail(ErrorCode::internal, fmt::format("a batch names view {} of {}", rows.view, store_->layouts.size()));
    }
    const KeyName& name = store_->layouts[rows.view].name;
    for (FoldedRow* row : rows.rows) {
      const std::uint32_t bucket = name.bucket_of(row->key);
      meant[bucket] = true;
      buckets_[bucket]->add_row(rows.view, row);
    }
  }
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    if (!meant[b]) continue;
    BucketCommit& share = *buckets_[b];
    for (const PartitionCommit& part : batch.partitions) share.partitions.push_back(part_of(part, kept_.at(*part.topic_partition), b));
    if (auto ok = share.encode(store_->layouts, store_->keys[b], encoder_); !ok) return ok;
    planned_.push_back(&share);
  }
  if (all) barrier_at_ = std::chrono::steady_clock::now() + kBarrierInterval;
  return {};
}

// Nothing: every bucket that is not done has its words.
std::optional<CommitResult> ClusterSink::read_rows() {
  std::vector<BucketCommit*> reading;
  for (BucketCommit* share : planned_) {
    if (share->done) continue;
    if (share->reads()) {
      reading.push_back(share);
    } else {
      share->skip_reads();
    }
  }
  if (reading.empty()) return std::nullopt;
  std::vector<Request> requests(reading.size());
  std::vector<ClusterCall> calls;
  for (std::size_t i = 0; i < reading.size(); ++i) {
    reading[i]->add_reads(store_->keys[reading[i]->bucket], requests[i]);
    calls.push_back({store_->slots[reading[i]->bucket], &requests[i]});
  }
  const auto answers = cluster_.ask(calls);
  FOLDLINE_FAULT_POINT("redis.rows_read");
  std::optional<CommitResult> rejected;
  for (std::size_t i = 0; i < reading.size(); ++i) {
    if (answers[i].lost()) return refused(CommitStatus::retry, answers[i].error);
    auto result = reading[i]->take_reads(answers[i].replies, store_->keys[reading[i]->bucket]);
    if (!result) continue;
    if (result->status == CommitStatus::committed) {
      applied(*reading[i]);
    } else if (result->status != CommitStatus::rejected) {
      return result;
    } else if (!rejected) {
      rejected = std::move(result);
    }
  }
  return rejected;
}

Result<std::vector<ClusterAnswer>> ClusterSink::run(std::span<BucketCommit* const> buckets, std::size_t script) {
  const auto sha1 = cluster_.script_sha1(script);
  if (!sha1) return fail(sha1.error());
  std::vector<Request> requests(buckets.size());
  std::vector<ClusterCall> calls;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i]->add_script(*sha1, store_->keys[buckets[i]->bucket], requests[i]);
    calls.push_back({store_->slots[buckets[i]->bucket], &requests[i]});
  }
  return cluster_.ask(calls);
}

// G28: may every bucket's rows be written? Nothing, or `committed` where rows must be read again: as write().
// A retry finds some buckets done: those say so.
std::optional<CommitResult> ClusterSink::ask_all() {
  std::vector<BucketCommit*> asked;
  for (BucketCommit* share : planned_) {
    if (!share->done && share->has_rows()) asked.push_back(share);
  }
  if (asked.empty() || planned_.size() == 1) return std::nullopt;
  const auto answers = run(asked, kCheck);
  if (!answers) return refused(CommitStatus::retry, answers.error());
  FOLDLINE_FAULT_POINT("redis.checked");
  std::optional<CommitResult> rejected;
  bool changed = false;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const ClusterAnswer& answer = (*answers)[i];
    if (answer.lost()) return refused(CommitStatus::retry, answer.error);
    const Reply& reply = answer.replies.front();
    if (reply.is_error()) return refused(CommitStatus::retry, refusal("asking whether a batch can be written", reply.text()));
    if (reply.text(0) == kChecked) continue;
    if (reply.text(0) == kChanged) {
      changed = true;
      continue;
    }
    CommitResult result = verdict_of(asked[i]->batch, reply);
    if (result.status == CommitStatus::committed) {
      applied(*asked[i]);
    } else if (result.status != CommitStatus::rejected) {
      return result;
    } else if (!rejected) {
      rejected = std::move(result);
    }
  }
  if (rejected) return rejected;
  return changed ? std::optional(committed()) : std::nullopt;
}

std::optional<CommitResult> ClusterSink::write_all(bool starts) {
  std::vector<BucketCommit*> first;
  std::vector<BucketCommit*> others;
  for (BucketCommit* share : planned_) {
    if (!share->done) (share->bucket == 0 ? first : others).push_back(share);
  }
  if (starts) std::swap(first, others);
  if (auto result = write(first)) return result;
  FOLDLINE_FAULT_POINT("redis.first_bucket_written");
  return write(others);
}

// Nothing: all are written. `committed`: some row is not as it was read.
std::optional<CommitResult> ClusterSink::write(std::span<BucketCommit* const> buckets) {
  if (buckets.empty()) return std::nullopt;
  FOLDLINE_FAULT_POINT("redis.before_script");
  const auto answers = run(buckets, kCommit);
  FOLDLINE_FAULT_POINT("redis.script_answered");
  if (!answers) return refused(CommitStatus::retry, answers.error());
  std::optional<CommitResult> worst;
  const auto keep = [&](CommitResult result) {  // a fence counts most, then what can be tried again
    const auto rank = [](CommitStatus s) { return s == CommitStatus::fenced ? 3 : s == CommitStatus::retry ? 2 : 1; };
    if (!worst || rank(result.status) > rank(worst->status)) worst = std::move(result);
  };
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const ClusterAnswer& answer = (*answers)[i];
    if (answer.lost()) {
      keep(refused(CommitStatus::retry, answer.error));
      continue;
    }
    const Reply& reply = answer.replies.front();
    if (reply.is_error()) {
      keep(refused(CommitStatus::retry, refusal("committing", reply.text())));
    } else if (reply.text(0) == kChanged) {
      spdlog::info("redis: {} was changed by another program between being read and being written; reading it again", shown(reply.text(1)));
      keep(committed());
    } else if (CommitResult result = verdict_of(buckets[i]->batch, reply); result.status == CommitStatus::committed) {
      applied(*buckets[i]);
    } else {
      keep(std::move(result));
    }
  }
  return worst;
}

void ClusterSink::applied(BucketCommit& share) {
  share.done = true;
  for (const PartitionCommit& part : share.partitions) {
    StoredState& stored = kept_.at(*part.topic_partition).buckets[share.bucket];
    stored.owned = stored.has_offset = true;
    stored.checkpoint = part.after;
  }
}

// A verdict that comes once some bucket is written: only another program's write in between can cause it. The events can't become letters
// any more for those buckets; the lane opens again, finds them ahead, and the others' rows are tried alone.
CommitResult ClusterSink::settled(CommitResult result) const {
  const bool some = std::any_of(planned_.begin(), planned_.end(), [](const BucketCommit* share) { return share->done; });
  if (result.status != CommitStatus::rejected || !some) return result;
  result.error.message += "; other buckets hold the batch already";
  result.error.hint = "another program writes into this projection's keys: stop it; the worker opens the partitions again";
  return refused(CommitStatus::fenced, std::move(result.error));
}

}  // namespace foldline::redis
