#include "sinks/elasticsearch/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::string_view kRebuild =
    "it was restored, or made anew from a copy that had missed writes: documents may lack acknowledged changes. Build them anew: "
    "foldline rebuild FILE (G26)";

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

std::string first_topics_id(const ProjectionId& id) { return fmt::format("{}:g{}:first-topics", id.projection, id.generation); }

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

std::string generation_query(const ProjectionId& id) {
  std::string out = R"({"bool":{"filter":[{"term":{"projection":)";
  append_json_string(out, id.projection);
  out += fmt::format(R"(}}}},{{"term":{{"generation":{}}}}}]}}}})", id.generation);
  return out;
}

Result<std::vector<ListedCheckpoint>> list_checkpoints(Cluster& cluster, const ProjectionId& id) {
  constexpr std::string_view kDoing = "reading the checkpoints";
  constexpr long kAccepted[] = {404};
  std::vector<ListedCheckpoint> out;
  auto refreshed = cluster.call({Method::post, fmt::format("/{}/_refresh", kCheckpointAlias), ContentType::json, {}}, kDoing, kAccepted);
  if (!refreshed) return fail(refreshed.error());
  if (refreshed->status == 404) return out;
  const std::string query =
      fmt::format(R"({{"size":{},"sort":[{{"topic":"asc"}},{{"partition":"asc"}}],"query":{}}})", kMaxListed, generation_query(id));
  auto answer = cluster.call({Method::post, fmt::format("/{}/_search", kCheckpointAlias), ContentType::json, query}, kDoing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  const Value* shards = parsed ? find(*parsed, "_shards") : nullptr;
  const Value* list = parsed ? find_hits(*parsed) : nullptr;
  if (list == nullptr || shards == nullptr || integer(*shards, "failed").value_or(-1) != 0) {
    return fail(ErrorCode::store_unavailable, "reading the checkpoints: a shard did not answer", "", true);
  }
  for (const Value& hit : list->as_list()) {
    const Value* source = find(hit, "_source");
    if (source == nullptr) continue;
    ListedCheckpoint& listed = out.emplace_back();
    if (!read_checkpoint(*source, listed.document)) {
      std::string raw;
      append_json(raw, *source);
      return damaged(raw);
    }
    listed.document.exists = true;
    listed.topic_partition = {text(*source, "topic"), static_cast<std::int32_t>(integer(*source, "partition").value_or(-1))};
  }
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
