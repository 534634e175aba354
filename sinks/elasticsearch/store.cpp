#include "sinks/elasticsearch/store.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <set>

#include "common/json.h"
#include "sinks/elasticsearch/prepare.h"

namespace foldline::elasticsearch {

namespace {

constexpr int kMaxListedCheckpoints = 10'000;  // the servers' own bound of one search (index.max_result_window)

const Value* find(const Value& map, std::string_view key) {
  if (!map.is(Kind::map)) return nullptr;
  for (const MapEntry& entry : map.as_map()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<ElasticsearchStore>> ElasticsearchStore::make(const StoreOptions& options, const ProjectionId& id,
                                                                     const std::vector<ViewSchema>& views) {
  auto shared = std::make_shared<StoreShared>();
  shared->id = id;
  if (id.generation == 0) shared->id.generation = 1;  // the live one: there is no other yet
  shared->views = views;
  shared->http = options.http;
  shared->limits = options.limits;
  shared->tombstones = options.tombstones;
  shared->cache_bytes = options.cache_bytes;
  if (options.http.urls.empty()) return fail(ErrorCode::config, "a search store needs a `url`", "write url: \"${SEARCH_URL}\"");
  std::set<std::string> names;
  for (const ViewSchema& view : shared->views) {
    auto layout = make_layout(view, static_cast<std::uint32_t>(shared->layouts.size()), shared->id);
    if (!layout) return fail(layout.error());
    if (!names.insert(layout->index).second) {
      return fail(ErrorCode::config, fmt::format("view {}: another view keeps the index {} too", view.name, layout->index),
                  "give one of the views another name");
    }
    shared->layouts.push_back(std::move(*layout));
  }
  return std::unique_ptr<ElasticsearchStore>(new ElasticsearchStore(std::move(shared), options.family));
}

Result<void> ElasticsearchStore::prepare() {
  Cluster cluster(shared_->http);
  auto server = check_server(cluster, family_);
  if (!server) return fail(server.error());
  spdlog::info("search: {}", *server);
  if (auto ok = prepare_system_index(cluster, kCheckpointIndex, kCheckpointAlias); !ok) return ok;
  if (auto ok = prepare_system_index(cluster, kIdsIndex, kIdsAlias); !ok) return ok;
  for (const ViewLayout& layout : shared_->layouts) {
    if (auto ok = prepare_view(cluster, layout); !ok) return ok;
  }
  return {};
}

Result<std::unique_ptr<Sink>> ElasticsearchStore::new_sink() { return std::make_unique<ElasticsearchSink>(shared_); }

Result<std::vector<StoredCheckpoint>> ElasticsearchStore::checkpoints() {
  constexpr std::string_view kDoing = "reading the checkpoints";
  constexpr long kAccepted[] = {404};
  Cluster cluster(shared_->http);
  std::vector<StoredCheckpoint> out;
  auto refreshed = cluster.call({Method::post, fmt::format("/{}/_refresh", kCheckpointAlias), ContentType::json, {}}, kDoing, kAccepted);
  if (!refreshed) return fail(refreshed.error());
  if (refreshed->status == 404) return out;
  std::string query =
      fmt::format(R"({{"size":{},"sort":[{{"topic":"asc"}},{{"partition":"asc"}}],"query":{{"bool":{{"filter":[)", kMaxListedCheckpoints);
  query += R"({"term":{"projection":)";
  append_json_string(query, shared_->id.projection);
  query += fmt::format(R"(}}}},{{"term":{{"generation":{}}}}}]}}}}}})", shared_->id.generation);
  auto answer = cluster.call({Method::post, fmt::format("/{}/_search", kCheckpointAlias), ContentType::json, query}, kDoing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  const Value* hits = parsed ? find(*parsed, "hits") : nullptr;
  const Value* list = hits == nullptr ? nullptr : find(*hits, "hits");
  if (list == nullptr || !list->is(Kind::list)) return fail(ErrorCode::store_unavailable, "reading the checkpoints: no hits", "", true);
  for (const Value& hit : list->as_list()) {
    const Value* source = find(hit, "_source");
    if (source == nullptr) continue;
    std::string raw;
    append_json(raw, *source);
    bool has_offset = false;
    auto checkpoint = parse_listed_checkpoint(raw, has_offset);
    if (!checkpoint) return fail(checkpoint.error());
    if (has_offset) out.push_back(std::move(*checkpoint));
  }
  return out;
}

Result<std::string> ElasticsearchStore::first_topics(const std::string& now) {
  constexpr std::string_view kDoing = "reading the first topics";
  Cluster cluster(shared_->http);
  const std::string id = fmt::format("{}:g{}:first-topics", shared_->id.projection, shared_->id.generation);
  BulkBody body;
  body.begin(BulkOp::create, {id, {}}, -1, 0);
  body.text() += R"({"first_topics":)";
  append_json_string(body.text(), now);
  body.text() += '}';
  body.end();
  auto items = cluster.bulk(fmt::format("/{}/_bulk?require_alias=true", kCheckpointAlias), body, kDoing);
  if (!items) return fail(items.error().error);
  if (items->front().ok()) return now;
  if (items->front().status != 409) return fail(error_of(items->front(), kDoing));
  const DocumentRef ref{id, {}};
  auto found = cluster.multi_get(kCheckpointAlias, {&ref, 1}, kDoing);
  if (!found) return fail(found.error());
  Arena arena;
  const auto parsed = parse_json(found->front().source, arena);
  const Value* kept = parsed ? find(*parsed, "first_topics") : nullptr;
  if (kept == nullptr || !kept->is(Kind::text)) {
    return fail(ErrorCode::store_unavailable, "the document of the first topics is gone", "the worker tries again", true);
  }
  return std::string(kept->as_text());
}

Result<void> ElasticsearchStore::ping() {
  Cluster cluster(shared_->http);
  auto server = check_server(cluster, family_);
  if (!server) return fail(server.error());
  return {};
}

}  // namespace foldline::elasticsearch
