#include "sinks/elasticsearch/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::string_view kRebuild =
    "it was restored, or made anew from a copy that had missed writes: documents may lack acknowledged changes. Delete the projection's "
    "indices and its documents in foldline-checkpoints and foldline-ids, and let it build them again (G26)";

void append_text(std::string& out, std::string_view name, std::string_view value) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
  out += ',';
}

void append_number(std::string& out, std::string_view name, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "\"{}\":{},", name, value);
}

tl::unexpected<Error> damaged(std::string_view source) {
  return fail(ErrorCode::internal, fmt::format("a checkpoint is not what Foldline wrote: {}", source.substr(0, 300)),
              "something else writes to foldline-checkpoints; restore the document, or rebuild the projection");
}

const Value* find(const Value& map, std::string_view key) {
  if (!map.is(Kind::map)) return nullptr;
  for (const MapEntry& entry : map.as_map()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::optional<std::int64_t> integer(const Value& map, std::string_view key) {
  const Value* value = find(map, key);
  if (value == nullptr || !value->is(Kind::integer)) return std::nullopt;
  return value->as_int();
}

std::string text(const Value& map, std::string_view key) {
  const Value* value = find(map, key);
  return value != nullptr && value->is(Kind::text) ? std::string(value->as_text()) : std::string();
}

bool read_checkpoint(const Value& map, CheckpointDocument& out) {
  const auto owner = Uuid::parse(text(map, "owner"));
  if (!owner) return false;
  Checkpoint& checkpoint = out.checkpoint;
  checkpoint.owner = *owner;
  if (const Value* histories = find(map, "histories"); histories != nullptr && histories->is(Kind::map)) {
    for (const MapEntry& entry : histories->as_map()) {
      if (entry.value.is(Kind::text)) out.histories.emplace(entry.key, entry.value.as_text());
    }
  }
  const auto next_offset = integer(map, "next_offset");
  if (!next_offset) return true;
  out.has_offset = true;
  checkpoint.next_offset = *next_offset;
  checkpoint.batch_id = Uuid::parse(text(map, "batch_id")).value_or(Uuid{});
  checkpoint.topic_id = text(map, "topic_id");
  checkpoint.leader_epoch = static_cast<std::int32_t>(integer(map, "leader_epoch").value_or(-1));
  checkpoint.anchor_offset = integer(map, "anchor_offset").value_or(-1);
  checkpoint.anchor_hash = static_cast<std::uint64_t>(integer(map, "anchor_hash").value_or(0));  // its 64 bits, signed
  checkpoint.max_event_time_us = integer(map, "max_event_time_us").value_or(INT64_MIN);
  return true;
}

// "orders-g1/0" → "orders-g1"
std::string_view index_of(std::string_view shard) { return shard.substr(0, shard.rfind('/')); }

bool has_index(const Histories& histories, std::string_view index) {
  return std::any_of(histories.begin(), histories.end(), [&](const auto& entry) { return index_of(entry.first) == index; });
}

}  // namespace

std::string system_index_body(std::string_view alias) {
  const bool ids = alias == kIdsAlias;
  // Only what is searched for is indexed; the rest stands in the document alone.
  return fmt::format(
      R"({{"settings":{{"number_of_shards":1,"auto_expand_replicas":"0-1"}},"mappings":{{"dynamic":false,"properties":{{)"
      R"("projection":{{"type":"keyword"}},"generation":{{"type":"long"}},"topic":{{"type":"keyword"}},"partition":{{"type":"integer"}}{}}}}},)"
      R"("aliases":{{"{}":{{}}}}}})",
      ids ? R"(,"first_offset":{"type":"long"},"last_offset":{"type":"long"})" : "", alias);
}

std::string checkpoint_id(const ProjectionId& id, const TopicPartition& topic_partition) {
  return fmt::format("{}:g{}:{}-{}", id.projection, id.generation, topic_partition.topic, topic_partition.partition);
}

void append_place(std::string& out, const ProjectionId& id, const TopicPartition& topic_partition) {
  append_text(out, "projection", id.projection);
  append_number(out, "generation", id.generation);
  append_text(out, "topic", topic_partition.topic);
  append_number(out, "partition", topic_partition.partition);
}

void append_checkpoint(std::string& out, const ProjectionId& id, const TopicPartition& topic_partition,
                       const CheckpointDocument& document) {
  const Checkpoint& checkpoint = document.checkpoint;
  out += '{';
  append_place(out, id, topic_partition);
  append_text(out, "owner", checkpoint.owner.to_string());
  if (document.has_offset) {
    append_number(out, "next_offset", checkpoint.next_offset);
    append_text(out, "batch_id", checkpoint.batch_id.to_string());
    append_text(out, "topic_id", checkpoint.topic_id);
    append_number(out, "leader_epoch", checkpoint.leader_epoch);
    append_number(out, "anchor_offset", checkpoint.anchor_offset);
    append_number(out, "anchor_hash", static_cast<std::int64_t>(checkpoint.anchor_hash));
    append_number(out, "max_event_time_us", checkpoint.max_event_time_us);
  }
  out += R"("histories":{)";
  bool first = true;
  for (const auto& [shard, history] : document.histories) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, shard);
    out += ':';
    append_json_string(out, history);
  }
  out += "}}";
}

Result<CheckpointDocument> parse_checkpoint(const StoredDocument& stored) {
  CheckpointDocument out;
  if (!stored.found) return out;
  Arena arena;
  const auto parsed = parse_json(stored.source, arena);
  if (!parsed || !read_checkpoint(*parsed, out)) return damaged(stored.source);
  out.exists = true;
  out.seq_no = stored.seq_no;
  out.primary_term = stored.primary_term;
  return out;
}

Result<StoredCheckpoint> parse_listed_checkpoint(std::string_view source, bool& has_offset) {
  Arena arena;
  const auto parsed = parse_json(source, arena);
  CheckpointDocument document;
  if (!parsed || !read_checkpoint(*parsed, document)) return damaged(source);
  StoredCheckpoint out;
  out.topic_partition = {text(*parsed, "topic"), static_cast<std::int32_t>(integer(*parsed, "partition").value_or(-1))};
  out.checkpoint = document.checkpoint;
  has_offset = document.has_offset;
  return out;
}

Result<Histories> read_histories(Cluster& cluster, std::span<const std::string> indices) {
  std::string names;
  for (const std::string& index : indices) names += (names.empty() ? "" : ",") + percent_encoded(index);
  constexpr std::string_view kDoing = "reading the shards' histories";
  auto answer = cluster.call({Method::get,
                              "/" + names +
                                  "/_stats?level=shards&filter_path=indices.*.shards.*.routing.primary,"
                                  "indices.*.shards.*.commit.user_data.history_uuid",
                              ContentType::json,
                              {}},
                             kDoing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  Histories out;
  const Value* found = parsed ? find(*parsed, "indices") : nullptr;
  if (found == nullptr || !found->is(Kind::map)) {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: none is there yet", kDoing), "the worker tries again", true);
  }
  for (const MapEntry& index : found->as_map()) {
    const Value* shards = find(index.value, "shards");
    if (shards == nullptr || !shards->is(Kind::map)) continue;
    for (const MapEntry& shard : shards->as_map()) {
      if (!shard.value.is(Kind::list)) continue;
      for (const Value& copy : shard.value.as_list()) {
        const Value* routing = find(copy, "routing");
        const Value* primary = routing == nullptr ? nullptr : find(*routing, "primary");
        const Value* commit = find(copy, "commit");
        const Value* user_data = commit == nullptr ? nullptr : find(*commit, "user_data");
        if (primary == nullptr || !primary->is(Kind::boolean) || !primary->as_bool() || user_data == nullptr) continue;
        const std::string history = text(*user_data, "history_uuid");
        if (!history.empty()) out[fmt::format("{}/{}", index.key, shard.key)] = history;
      }
    }
  }
  for (const std::string& index : indices) {
    if (has_index(out, index)) continue;
    return fail(ErrorCode::store_unavailable, fmt::format("{}: no primary of {} has started", kDoing, index), "the worker tries again",
                true);
  }
  return out;
}

void forget_other_indices(Histories& recorded, const Histories& now) {
  std::erase_if(recorded, [&](const auto& entry) { return !has_index(now, index_of(entry.first)); });
}

Result<void> compare_histories(const Histories& recorded, const Histories& now) {
  for (const auto& [shard, history] : recorded) {
    if (!has_index(now, index_of(shard))) continue;  // of a view that the file no longer has
    const auto found = now.find(shard);
    if (found == now.end()) {
      return fail(ErrorCode::store_unavailable, fmt::format("the shard {} is not there, and the checkpoint stands on it", shard),
                  "bring the shard back; the worker tries again", true);
    }
    if (found->second != history) {
      return fail(ErrorCode::internal,
                  fmt::format("the shard {} has another history ({}) than the one that the checkpoint stands on ({})", shard, found->second,
                              history),
                  std::string(kRebuild));
    }
  }
  return {};
}

}  // namespace foldline::elasticsearch
