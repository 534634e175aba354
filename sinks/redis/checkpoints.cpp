#include "sinks/redis/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "sinks/redis/errors.h"
#include "sinks/redis/slots.h"

namespace foldline::redis {

namespace {

template <class Number>
bool parse(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

constexpr std::size_t kOffsetDigits = 19;  // INT64_MAX

}  // namespace

const std::vector<std::string_view> kCheckpointFields = {"owner",        "next_offset",   "batch_id",    "topic_id",
                                                         "leader_epoch", "anchor_offset", "anchor_hash", "max_event_time_us"};

SystemKeys::SystemKeys(const ProjectionId& id) : prefix_(fmt::format("foldline:{{{}:g{}:b0}}:", id.projection, id.generation)) {}

SystemKeys SystemKeys::of_bucket(const ProjectionId& id, std::uint32_t bucket) {
  SystemKeys out;
  out.bucket_ = fmt::format("foldline:{}:", bucket_tag(id.projection, bucket));
  out.prefix_ = fmt::format("{}g{}:", out.bucket_, id.generation);
  return out;
}

std::string SystemKeys::place(const TopicPartition& partition) { return fmt::format("{}:{}", partition.partition, partition.topic); }

std::optional<TopicPartition> SystemKeys::parse_place(std::string_view text) {
  const std::size_t colon = text.find(':');
  TopicPartition out;
  if (colon == std::string_view::npos || !parse(text.substr(0, colon), out.partition)) return std::nullopt;
  out.topic = text.substr(colon + 1);
  return out;
}

std::string SystemKeys::checkpoint(const TopicPartition& partition) const { return checkpoint_at(place(partition)); }
std::string SystemKeys::ids(const TopicPartition& partition) const { return prefix_ + "ids:" + place(partition); }

std::string generations_key(std::string_view projection) { return fmt::format("foldline:{{{}}}:generations", projection); }
std::string cluster_key(std::string_view projection) { return fmt::format("foldline:{{{}}}:cluster", projection); }
std::string cluster_views_key(std::string_view projection) { return fmt::format("foldline:{{{}}}:views", projection); }
std::string switch_key(std::string_view projection) { return fmt::format("foldline:{{{}}}:switch", projection); }
std::string pending_key(std::string_view projection) { return switch_key(projection) + ":pending"; }

Result<StoredState> read_checkpoint(const redisReply* reply, const std::string& key) {
  const auto damaged = [&](std::string_view what) {
    return fail(ErrorCode::store_unavailable, fmt::format("the checkpoint {} {}", shown(key), what),
                "it is Foldline's own: restore it, or rebuild the projection", true);
  };
  if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY || reply->elements != kCheckpointFields.size()) {
    return damaged(fmt::format("can't be read: {}", shown(Reply::text_of(reply))));
  }
  const auto text = [&](std::size_t i) { return Reply::text_of(reply->element[i]); };
  StoredState out;
  out.owned = reply->element[0]->type != REDIS_REPLY_NIL;
  out.has_offset = reply->element[1]->type != REDIS_REPLY_NIL;
  if (!out.owned) return out;
  Checkpoint& checkpoint = out.checkpoint;
  const auto owner = Uuid::parse(text(0));
  if (!owner) return damaged("names no owner");
  checkpoint.owner = *owner;
  if (!out.has_offset) return out;
  const auto batch_id = Uuid::parse(text(2));
  const bool sound = batch_id && parse(text(1), checkpoint.next_offset) && parse(text(4), checkpoint.leader_epoch) &&
                     parse(text(5), checkpoint.anchor_offset) && parse(text(6), checkpoint.anchor_hash) &&
                     parse(text(7), checkpoint.max_event_time_us);
  if (!sound) return damaged("is damaged");
  checkpoint.batch_id = *batch_id;
  checkpoint.topic_id = text(3);
  return out;
}

OpenedPartition opened_of(const StoredState& stored) {
  OpenedPartition out;
  out.found = stored.has_offset;
  out.checkpoint = stored.checkpoint;
  return out;
}

std::string padded(std::int64_t offset) {
  std::string digits = std::to_string(std::max<std::int64_t>(0, offset));
  digits.insert(0, kOffsetDigits - digits.size(), '0');
  return digits;
}

std::vector<IdChunk> read_ids(const Reply& reply, std::int64_t next_offset, std::int64_t end_offset, std::int64_t window) {
  std::map<std::int64_t, std::string_view> chunks;
  for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
    std::int64_t first = 0;
    if (parse(reply.text(i), first) && first < end_offset) chunks[first] = reply.text(i + 1);
  }
  std::vector<IdChunk> out;
  for (auto at = chunks.begin(); at != chunks.end(); ++at) {
    // A chunk ends before the next begins; the last one reaches up to the checkpoint at most.
    const auto next = std::next(at);
    const std::int64_t last = (next == chunks.end() ? end_offset : next->first) - 1;
    if (last >= next_offset - window) out.push_back({at->first, last, std::string(at->second)});
  }
  return out;
}

}  // namespace foldline::redis
