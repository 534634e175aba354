// open(): taking partitions over from whoever had them (G1); and reload(), which only looks (G3).
#include <fmt/format.h>

#include "common/fault_point.h"
#include "sinks/redis/commit_script.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/ownership.h"
#include "sinks/redis/sink.h"

namespace foldline::redis {

void add_open(Request& out, const OpenRequest& request, const SystemKeys& keys, const std::string& generations, const ProjectionId& id,
              std::string_view state, const std::string& never) {
  const std::size_t partitions = request.partitions.size();
  const std::size_t key_count = 2 * partitions + 2 + (never.empty() ? 0 : 1);
  out.begin(3 + key_count + 4 + partitions).add("EVAL").add(kOpenScript).add(static_cast<std::int64_t>(key_count));
  for (const TopicPartition& partition : request.partitions) out.add(keys.checkpoint(partition));
  for (const TopicPartition& partition : request.partitions) out.add(keys.ids(partition));
  out.add(keys.partitions()).add(generations);
  if (!never.empty()) out.add(never);
  out.add(static_cast<std::int64_t>(partitions)).add(request.owner.to_string()).add(id.generation).add(state);
  for (const TopicPartition& partition : request.partitions) out.add(SystemKeys::place(partition));
}

Result<std::vector<StoredState>> read_opened(const Reply& reply, const OpenRequest& request, const SystemKeys& keys, const ProjectionId& id,
                                             std::string_view state) {
  if (reply.text(0) == kSystem) {
    return fail(ErrorCode::store_unavailable, fmt::format("Foldline's own key {}: {}", shown(reply.text(1)), shown(reply.text(2))),
                "another program has written there: restore it, or rebuild the projection", true);
  }
  if (reply.text(0) == "superseded") {
    return fail(ErrorCode::superseded,
                fmt::format("generation {} of {} is {}, not {}", id.generation, id.projection, shown(reply.text(1)), state),
                "restart the worker: it goes on with the live generation");
  }
  const redisReply* found = reply.at(1);
  if (found == nullptr || found->type != REDIS_REPLY_ARRAY || found->elements != request.partitions.size()) {
    return fail(ErrorCode::internal, "the open script answered something else than checkpoints");
  }
  std::vector<StoredState> out;
  for (std::size_t i = 0; i < request.partitions.size(); ++i) {
    auto stored = read_checkpoint(found->element[i], keys.checkpoint(request.partitions[i]));
    if (!stored) return fail(stored.error());
    stored->checkpoint.owner = request.owner;
    out.push_back(std::move(*stored));
  }
  return out;
}

// Crash, at each step: ownership is one script, all partitions or none; without a commit it changes no data, and the next owner takes over
// the same way. Processed IDs are read afterwards: nobody else can commit any more.
Result<std::vector<OpenedPartition>> RedisSink::open(const OpenRequest& request) {
  auto out = take_ownership(request);
  if (!out) return out;
  if (request.id_window > 0) {
    if (auto ok = load_ids(request, *out); !ok) return fail(ok.error());
  }
  return out;
}

Result<std::vector<OpenedPartition>> RedisSink::take_ownership(const OpenRequest& request) {
  const std::size_t partitions = request.partitions.size();
  std::vector<OpenedPartition> out;
  if (partitions == 0) return out;
  Request open;
  add_open(open, request, store_->keys, generations_key(store_->id.projection), store_->id, store_->building ? "building" : "live");
  const auto replies = ask(open);  // twice is the same as once: it is the same owner
  if (!replies) return fail(replies.error());
  FOLDLINE_FAULT_POINT("redis.ownership_taken");
  const Reply& reply = replies->front();
  if (reply.is_error()) {
    if (needs_other_server(reply.text()) && session_) session_->connection.close();
    return fail(refusal("taking partitions over", reply.text()));
  }
  const auto stored = read_opened(reply, request, store_->keys, store_->id, store_->building ? "building" : "live");
  if (!stored) return fail(stored.error());
  for (const StoredState& state : *stored) out.push_back(opened_of(state));
  return out;
}

// One partition at a time: a window of 250,000 IDs is some 5 MB.
Result<void> RedisSink::load_ids(const OpenRequest& request, std::vector<OpenedPartition>& opened) {
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (!opened[i].found) continue;
    Request read;
    read.command({"HGETALL", store_->keys.ids(request.partitions[i])});
    const auto replies = ask(read);
    if (!replies) return fail(replies.error());
    if (replies->front().is_error()) return fail(refusal("reading processed IDs", replies->front().text()));
    opened[i].ids = read_ids(replies->front(), opened[i].checkpoint.next_offset, opened[i].checkpoint.next_offset, request.id_window);
  }
  return {};
}

Result<std::vector<OpenedPartition>> RedisSink::reload(std::span<const TopicPartition> partitions) {
  std::vector<OpenedPartition> out;
  if (partitions.empty()) return out;
  Request read;
  for (const TopicPartition& partition : partitions) {
    read.begin(2 + kCheckpointFields.size()).add("HMGET").add(store_->keys.checkpoint(partition));
    for (const std::string_view field : kCheckpointFields) read.add(field);
  }
  const auto replies = ask(read);
  if (!replies) return fail(replies.error());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Reply& reply = (*replies)[i];
    if (reply.is_error()) return fail(refusal("reading the checkpoints", reply.text()));
    const auto stored = read_checkpoint(reply, store_->keys.checkpoint(partitions[i]));
    if (!stored) return fail(stored.error());
    out.push_back(opened_of(*stored));
  }
  return out;
}

}  // namespace foldline::redis
