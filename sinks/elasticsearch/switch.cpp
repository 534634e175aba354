#include "sinks/elasticsearch/switch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/fault_point.h"
#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"
#include "sinks/elasticsearch/checkpoints.h"
#include "sinks/elasticsearch/partitions.h"

namespace foldline::elasticsearch {

namespace {

constexpr long kAcceptMissing[] = {404};
constexpr int kAliasAttempts = 10;
constexpr int kDeletedAtOnce = 1'000;  // documents of a bulk

// Every checkpoint of the generation gets an owner that nobody is.
Result<void> fence(Cluster& cluster, const ProjectionId& id) {
  const auto listed = list_checkpoints(cluster, id);
  if (!listed) return fail(listed.error());
  std::vector<TopicPartition> partitions;
  for (const ListedCheckpoint& checkpoint : *listed) partitions.push_back(checkpoint.topic_partition);
  return Partitions(cluster, id).fence(partitions);
}

// On which indices an alias stands.
Result<std::vector<std::string>> indices_of(Cluster& cluster, const std::string& alias) {
  auto answer = cluster.call({Method::get, "/_alias/" + percent_encoded(alias), ContentType::json, {}},
                             fmt::format("reading the alias {}", alias), kAcceptMissing);
  if (!answer) return fail(answer.error());
  std::vector<std::string> out;
  if (answer->status == 404) return out;
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  if (!parsed || !parsed->is(Kind::map)) {
    return fail(ErrorCode::store_unavailable, fmt::format("reading the alias {}: not an answer of a search store", alias), "", true);
  }
  for (const MapEntry& index : parsed->as_map()) out.emplace_back(index.key);
  return out;
}

std::string alias_action(std::string_view what, const ViewPlace& view, const std::string& more) {
  std::string out = fmt::format(R"({{"{}":{{"index":)", what);
  append_json_string(out, view.index);
  out += R"(,"alias":)";
  append_json_string(out, view.alias);
  return out + "," + more + "}}";
}

// What is left to do, as the body of POST /_aliases; empty: all stand where they should, or on a later generation: we were frozen for long.
// `must_exist` makes the whole call fail where somebody was faster: what a frozen process sends late changes nothing.
Result<std::string> alias_actions(Cluster& cluster, const GenerationRecord& record, const std::set<std::string>& aliases) {
  std::string out;
  const auto add = [&](const std::string& action) { out += (out.empty() ? "" : ",") + action; };
  for (const std::string& alias : aliases) {
    const auto standing = indices_of(cluster, alias);
    if (!standing) return fail(standing.error());
    const auto wanted = std::ranges::find(record.views, alias, &ViewPlace::alias);
    for (const std::string& index : *standing) {
      const auto number = generation_of(alias, index);
      if (number && *number > record.number) return std::string();
      if (number && *number != record.number) add(alias_action("remove", {alias, index}, R"("must_exist":true)"));
    }
    if (wanted != record.views.end() && std::ranges::find(*standing, wanted->index) == standing->end()) {
      add(alias_action("add", *wanted, R"("filter":)" + read_filter()));
    }
  }
  return out.empty() ? out : fmt::format(R"({{"actions":[{}]}})", out);
}

// All views at once: a reader of two views finds both of one generation.
Result<void> move_aliases(Cluster& cluster, const GenerationRecord& record, const std::set<std::string>& aliases) {
  constexpr std::string_view kDoing = "moving the aliases";
  for (int attempt = 1; attempt <= kAliasAttempts; ++attempt) {
    const auto actions = alias_actions(cluster, record, aliases);
    if (!actions) return fail(actions.error());
    if (actions->empty()) return {};
    auto moved = cluster.call({Method::post, "/_aliases", ContentType::json, *actions}, kDoing, kAcceptMissing);
    if (!moved) return fail(moved.error());
    if (moved->status != 404) continue;  // looks again, and finds them moved
    if (attempt == kAliasAttempts) return fail(error_of(*moved, kDoing));
    pause_before_attempt(1);  // somebody else has moved them
  }
  return fail(ErrorCode::store_unavailable, "moving the aliases: they keep changing", "who else changes them? try again", true);
}

Result<void> settle(Cluster& cluster, const std::string& projection, std::int64_t number) {
  const auto done = change_generations(cluster, projection, [number](GenerationsDocument& document) -> Result<bool> {
    GenerationRecord* record = document.find(number);
    if (record == nullptr || record->phase != Phase::switching) return false;
    for (GenerationRecord& other : document.generations) {
      if (other.phase == Phase::live) other.phase = Phase::retired;
    }
    record->phase = Phase::live;
    return true;
  });
  if (!done) return fail(done.error());
  return {};
}

Result<void> delete_documents(Cluster& cluster, std::string_view alias, const ProjectionId& id) {
  const std::string doing = fmt::format("deleting the documents of generation {} in {}", id.generation, alias);
  const std::string query = fmt::format(R"({{"size":{},"_source":false,"query":{}}})", kDeletedAtOnce, generation_query(id));
  for (;;) {
    auto refreshed = cluster.call({Method::post, fmt::format("/{}/_refresh", alias), ContentType::json, {}}, doing);
    if (!refreshed) return fail(refreshed.error());
    auto answer = cluster.call({Method::post, fmt::format("/{}/_search", alias), ContentType::json, query}, doing);
    if (!answer) return fail(answer.error());
    Arena arena;
    const auto parsed = parse_json(answer->body, arena);
    const Value* hits = parsed ? find_hits(*parsed) : nullptr;
    if (hits == nullptr) return fail(ErrorCode::store_unavailable, doing + ": no hits in the answer", "", true);
    if (hits->as_list().empty()) return {};
    BulkBody body;
    for (const Value& hit : hits->as_list()) body.remove({text(hit, "_id"), {}}, -1, 0);
    auto items = cluster.bulk(fmt::format("/{}/_bulk?require_alias=true", alias), body, doing);
    if (!items) return fail(items.error().error);
    const auto refused = std::ranges::find_if(*items, [](const ItemAnswer& item) { return !item.ok() && item.status != 404; });
    if (refused != items->end()) return fail(error_of(*refused, doing));
  }
}

Result<void> delete_first_topics(Cluster& cluster, const ProjectionId& id) {
  auto answer = cluster.call(
      {Method::remove, fmt::format("/{}/_doc/{}", kCheckpointAlias, percent_encoded(first_topics_id(id))), ContentType::json, {}},
      "deleting the first topics", kAcceptMissing);
  if (!answer) return fail(answer.error());
  return {};
}

Result<void> delete_index(Cluster& cluster, const std::string& index) {
  auto answer = cluster.call({Method::remove, "/" + percent_encoded(index), ContentType::json, {}},
                             fmt::format("deleting the index {}", index), kAcceptMissing);
  if (!answer) return fail(answer.error());
  return {};
}

// What is there to delete; empty where it is gone already. From here on it can only be dropped.
Result<std::optional<GenerationRecord>> begin_drop(Cluster& cluster, const std::string& projection, std::int64_t number) {
  std::optional<GenerationRecord> out;
  const auto begun = change_generations(cluster, projection, [&](GenerationsDocument& document) -> Result<bool> {
    out.reset();
    if (auto ok = take_over(cluster, projection, {}, document); !ok) return fail(ok.error());
    GenerationRecord* record = document.find(number);
    if (record == nullptr || record->phase == Phase::dropped) return false;
    if (record->phase == Phase::live) {
      return fail(ErrorCode::config, fmt::format("generation {} of {} is live", number, projection), "only others can be dropped");
    }
    if (record->phase == Phase::switching) {
      return fail(ErrorCode::config, fmt::format("generation {} of {} is going live, which can't be taken back", number, projection),
                  "finish it: foldline rebuild FILE --resume; or start a worker, which does the same");
    }
    out = *record;
    if (record->dropping) return false;
    return record->dropping = true;
  });
  if (!begun) return fail(begun.error());
  return out;
}

}  // namespace

Result<void> refresh_indices(Cluster& cluster, std::span<const ViewLayout> layouts) {
  for (const ViewLayout& layout : layouts) {
    const std::string doing = fmt::format("refreshing {}", layout.index);
    auto answer = cluster.call({Method::post, fmt::format("/{}/_refresh", percent_encoded(layout.index)), ContentType::json, {}}, doing);
    if (!answer) return fail(answer.error());
    Arena arena;
    const auto parsed = parse_json(answer->body, arena);
    const Value* shards = parsed ? find(*parsed, "_shards") : nullptr;
    if (shards == nullptr || integer(*shards, "failed").value_or(-1) != 0) {
      return fail(ErrorCode::store_unavailable, doing + ": a shard did not answer", "try again", true);
    }
  }
  return {};
}

Result<void> decide_switch(Cluster& cluster, const ProjectionId& id) {
  const auto decided = change_generations(cluster, id.projection, [&](GenerationsDocument& document) -> Result<bool> {
    GenerationRecord* record = document.find(id.generation);
    if (record != nullptr && record->phase == Phase::switching) return false;
    if (record == nullptr || record->phase != Phase::building || record->dropping) {
      return fail(ErrorCode::superseded, fmt::format("generation {} of {} is not in the making", id.generation, id.projection),
                  "look at the generations: foldline rebuild FILE --list");
    }
    record->phase = Phase::switching;
    return true;
  });
  if (!decided) return fail(decided.error());
  FOLDLINE_FAULT_POINT("search.switch_decided");
  return {};
}

Result<void> finish_switch(Cluster& cluster, const std::string& projection, std::int64_t number) {
  auto document = read_generations(cluster, projection);
  if (!document) return fail(document.error());
  const GenerationRecord* record = document->find(number);
  if (record == nullptr || record->phase != Phase::switching) return {};  // somebody else has finished it
  std::set<std::string> aliases;
  for (const ViewPlace& view : record->views) aliases.insert(view.alias);
  for (const GenerationRecord& other : document->generations) {
    if (other.phase != Phase::live) continue;
    if (auto ok = fence(cluster, {projection, other.number}); !ok) return ok;
    for (const ViewPlace& view : other.views) aliases.insert(view.alias);
  }
  FOLDLINE_FAULT_POINT("search.switch_fenced");
  if (auto ok = move_aliases(cluster, *record, aliases); !ok) return ok;
  FOLDLINE_FAULT_POINT("search.aliases_moved");
  if (auto ok = settle(cluster, projection, number); !ok) return ok;
  FOLDLINE_FAULT_POINT("search.switch_settled");
  return {};
}

// The checkpoints are fenced first, so that a rebuild that still runs ends; its bulk requests find no alias, and make no index (G27).
Result<void> drop_generation(Cluster& cluster, const std::string& projection, std::int64_t number) {
  auto record = begin_drop(cluster, projection, number);
  if (!record) return fail(record.error());
  if (!*record) return {};
  const ProjectionId id{projection, number};
  if (auto ok = fence(cluster, id); !ok) return ok;
  for (const ViewPlace& view : (*record)->views) {
    if (auto ok = delete_index(cluster, view.index); !ok) return ok;
  }
  for (const std::string_view alias : {kIdsAlias, kCheckpointAlias}) {
    if (auto ok = delete_documents(cluster, alias, id); !ok) return ok;
  }
  if (auto ok = delete_first_topics(cluster, id); !ok) return ok;
  const auto dropped = change_generations(cluster, projection, [number](GenerationsDocument& document) -> Result<bool> {
    GenerationRecord* gone = document.find(number);
    if (gone == nullptr || !gone->dropping) return false;
    *gone = {number, Phase::dropped, false, {}};
    return true;
  });
  if (!dropped) return fail(dropped.error());
  return {};
}

}  // namespace foldline::elasticsearch
