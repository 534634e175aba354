// open(), which takes a partition over in every bucket, and reload(), which looks at all of them and brings up the idle ones.
#include "sinks/redis/cluster_sink.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/redis/check_change.h"
#include "sinks/redis/commit_script.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/ownership.h"

namespace foldline::redis {

namespace {

constexpr std::string_view kState = "live";  // there is one generation (docs/redis.md)

tl::unexpected<Error> lost_bucket(const TopicPartition& partition, std::size_t bucket) {
  return fail(ErrorCode::store_unavailable,
              fmt::format("bucket {} of the cluster has no checkpoint of {}, and others have: its master has lost its data", bucket,
                          partition.to_string()),
              "restore the data of that master, or delete the projection's keys and its group's offsets: it is then folded anew (G22)",
              true);
}

}  // namespace

void add_checkpoint_read(Request& out, const SystemKeys& keys, const TopicPartition& partition) {
  out.begin(2 + kCheckpointFields.size()).add("HMGET").add(keys.checkpoint(partition));
  for (const std::string_view field : kCheckpointFields) out.add(field);
}

ClusterSink::ClusterSink(std::shared_ptr<const ClusterShared> store)
    : store_(std::move(store)), cluster_(store_->address, store_->timeouts, {kCommitScript, check_script()}) {
  buckets_.resize(store_->buckets);
}

Result<void> ClusterSink::check(const ViewSchema& view, const Change& change) const {
  return check_change(store_->layouts[change.view], view, change);
}

std::uint32_t ClusterSink::domain_of(std::uint32_t view, const Value* key, std::uint64_t /*key_hash*/) const {
  return store_->layouts[view].name.bucket_of(key);
}

// Bucket by bucket, in no order: a commit of the owner before that comes between is written to some buckets and refused by the others, and
// where each of them stands is what its own call has read. Crash, at each step: ownership without a commit changes no data. Processed IDs
// are read afterwards: nobody else can commit any more.
Result<std::vector<OpenedPartition>> ClusterSink::open(const OpenRequest& request) {
  std::vector<OpenedPartition> out;
  kept_.clear();
  owner_ = request.owner;
  if (request.partitions.empty()) return out;
  std::vector<Request> requests(store_->buckets);
  std::vector<ClusterCall> calls;
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    const SystemKeys& keys = store_->keys[b];
    add_open(requests[b], request, keys, keys.generations(), store_->id, kState, keys.never());
    calls.push_back({store_->slots[b], &requests[b]});
  }
  const auto answers = cluster_.ask(calls);
  FOLDLINE_FAULT_POINT("redis.ownership_taken");
  std::vector<std::vector<StoredState>> found(request.partitions.size());
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    if (answers[b].lost()) return fail(answers[b].error);
    const Reply& reply = answers[b].replies.front();
    if (reply.is_error()) return fail(refusal("taking partitions over", reply.text()));
    auto states = read_opened(reply, request, store_->keys[b], store_->id, kState);
    if (!states) return fail(states.error());
    for (std::size_t i = 0; i < found.size(); ++i) found[i].push_back(std::move((*states)[i]));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto opened = describe(request.partitions[i], found[i]);
    if (!opened) return fail(opened.error());
    Kept kept;
    kept.buckets = std::move(found[i]);
    kept.started = opened->found;
    kept.lane = opened->checkpoint;
    kept_.insert_or_assign(request.partitions[i], std::move(kept));
    out.push_back(std::move(*opened));
  }
  if (request.id_window > 0) {
    if (auto ok = load_ids(request, out); !ok) return fail(ok.error());
  }
  return out;
}

// Where the lane goes on: the smallest. Bucket 0 was the last that the partition's first commit reached, so without it nothing was folded
// into any; and with it, one that is missing was lost.
Result<OpenedPartition> ClusterSink::describe(const TopicPartition& partition, const std::vector<StoredState>& buckets) const {
  if (!buckets.front().has_offset) {
    for (std::size_t b = 1; b < buckets.size(); ++b) {
      if (buckets[b].has_offset && buckets[b].checkpoint.anchor_offset >= 0) return lost_bucket(partition, 0);
    }
    return opened_of(buckets.front());
  }
  const StoredState* smallest = &buckets.front();
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    if (!buckets[b].has_offset) return lost_bucket(partition, b);
    if (buckets[b].checkpoint.next_offset < smallest->checkpoint.next_offset) smallest = &buckets[b];
  }
  OpenedPartition out = opened_of(*smallest);
  for (const StoredState& state : buckets) out.domain_next_offsets.push_back(state.checkpoint.next_offset);
  return out;
}

// Also those past the smallest checkpoint: which events the store had rejected there, must be known (G28).
Result<void> ClusterSink::load_ids(const OpenRequest& request, std::vector<OpenedPartition>& opened) {
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (!opened[i].found) continue;
    const std::string key = store_->keys[0].ids(request.partitions[i]);
    Request read;
    read.command({"HGETALL", key});
    const auto reply = cluster_.ask_one(key, read, "reading processed IDs");
    if (!reply) return fail(reply.error());
    opened[i].ids = read_ids(*reply, opened[i].checkpoint.next_offset, opened[i].domain_next_offsets.front(), request.id_window);
  }
  return {};
}

// By partition, then by bucket.
Result<std::vector<std::vector<StoredState>>> ClusterSink::read_checkpoints(std::span<const TopicPartition> partitions) {
  std::vector<Request> requests(store_->buckets);
  std::vector<ClusterCall> calls;
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    for (const TopicPartition& partition : partitions) add_checkpoint_read(requests[b], store_->keys[b], partition);
    calls.push_back({store_->slots[b], &requests[b]});
  }
  const auto answers = cluster_.ask(calls);
  std::vector<std::vector<StoredState>> out(partitions.size());
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    if (answers[b].lost()) return fail(answers[b].error);
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const Reply& reply = answers[b].replies[i];
      if (reply.is_error()) return fail(refusal("reading the checkpoints", reply.text()));
      auto stored = read_checkpoint(reply, store_->keys[b].checkpoint(partitions[i]));
      if (!stored) return fail(stored.error());
      out[i].push_back(std::move(*stored));
    }
  }
  return out;
}

// G3, of each bucket: one that is behind what this sink knows of it makes the lane go back, and one of another owner fences it. Where none
// is, the partition stands where the lane does.
Result<std::vector<OpenedPartition>> ClusterSink::reload(std::span<const TopicPartition> partitions) {
  std::vector<OpenedPartition> out;
  if (partitions.empty()) return out;
  auto found = read_checkpoints(partitions);
  if (!found) return fail(found.error());
  bool all_mine = true;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const std::vector<StoredState>& buckets = (*found)[i];
    const auto kept = kept_.find(partitions[i]);
    const auto stranger = std::find_if(buckets.begin(), buckets.end(), [&](const StoredState& s) { return s.checkpoint.owner != owner_; });
    bool mine = kept != kept_.end() && kept->second.started && stranger == buckets.end();
    for (std::size_t b = 0; mine && b < buckets.size(); ++b) {
      mine = buckets[b].has_offset && buckets[b].checkpoint.next_offset >= kept->second.buckets[b].checkpoint.next_offset;
    }
    all_mine = all_mine && mine;
    if (mine) {
      out.push_back({.found = true, .checkpoint = kept->second.lane, .domain_next_offsets = {}, .ids = {}});
      out.back().checkpoint.owner = owner_;
      continue;
    }
    const auto smallest = std::min_element(buckets.begin(), buckets.end(), [](const StoredState& a, const StoredState& b) {
      return (a.has_offset ? a.checkpoint.next_offset : -1) < (b.has_offset ? b.checkpoint.next_offset : -1);
    });
    out.push_back(opened_of(*smallest));
    if (stranger != buckets.end()) out.back().checkpoint.owner = stranger->checkpoint.owner;
  }
  if (all_mine) {
    if (auto ok = bring_up(); !ok) return fail(ok.error());
  }
  return out;
}

// The barrier (G23): a batch of no rows for the buckets that the lane's last commits held nothing for. A bucket that refuses it will
// say so again to the next commit, or when it is looked at.
Result<void> ClusterSink::bring_up() {
  planned_.clear();
  const CommitBatch barrier{.owner = owner_, .batch_id = Uuid::random(), .partitions = {}, .views = {}};
  for (std::uint32_t b = 0; b < store_->buckets; ++b) {
    if (!buckets_[b]) buckets_[b] = std::make_unique<BucketCommit>(b);
    BucketCommit& share = *buckets_[b];
    share.begin(barrier);
    for (const auto& [partition, kept] : kept_) {
      if (!kept.started || kept.buckets[b].checkpoint.next_offset >= kept.lane.next_offset) continue;
      PartitionCommit part;
      part.topic_partition = &partition;
      part.expected_offset = kept.buckets[b].checkpoint.next_offset;
      part.after = kept.lane;
      share.partitions.push_back(part);
    }
    if (share.partitions.empty()) continue;
    if (auto ok = share.encode(store_->layouts, store_->keys[b], encoder_); !ok) return ok;
    share.skip_reads();
    planned_.push_back(&share);
  }
  if (planned_.empty()) return {};
  const auto result = write(planned_);
  barrier_at_ = std::chrono::steady_clock::now() + kBarrierInterval;
  if (result && result->status == CommitStatus::retry) return fail(result->error);
  if (result) spdlog::info("redis: idle buckets are not brought up: {}", result->error.message);
  return {};
}

}  // namespace foldline::redis
