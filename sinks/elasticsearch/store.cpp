#include "sinks/elasticsearch/store.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"
#include "sinks/elasticsearch/checkpoints.h"
#include "sinks/elasticsearch/generations.h"
#include "sinks/elasticsearch/prepare.h"
#include "sinks/elasticsearch/switch.h"

namespace foldline::elasticsearch {

namespace {

constexpr int kBindAttempts = 5;  // of finding the live generation while others go live

std::vector<ViewPlace> places_of(const StoreShared& shared) {
  std::vector<ViewPlace> out;
  for (const ViewLayout& layout : shared.layouts) out.push_back({layout.read_alias, layout.index});
  return out;
}

// Those of views that the file no longer has stay: a drop has to find them. True: there was something to add.
bool add_places(std::vector<ViewPlace>& known, const std::vector<ViewPlace>& now) {
  const std::size_t before = known.size();
  for (const ViewPlace& place : now) {
    if (std::ranges::find(known, place) == known.end()) known.push_back(place);
  }
  return known.size() > before;
}

GenerationState state_of(const GenerationRecord& record) {
  switch (record.phase) {
    case Phase::building:
    case Phase::switching: return GenerationState::building;
    case Phase::live: return GenerationState::live;
    case Phase::retired: return GenerationState::retired;
    case Phase::dropped: return GenerationState::dropped;
  }
  return GenerationState::live;
}

tl::unexpected<Error> not_in_the_making(const ProjectionId& id) {
  return fail(ErrorCode::superseded, fmt::format("generation {} of {} is not in the making", id.generation, id.projection),
              "look at the generations: foldline rebuild FILE --list");
}

Result<std::shared_ptr<StoreShared>> make_shared_state(const StoreOptions& options, const ProjectionId& id,
                                                       const std::vector<ViewSchema>& views,
                                                       std::shared_ptr<std::atomic<std::uint32_t>> under_way) {
  auto shared = std::make_shared<StoreShared>();
  shared->id = id;
  shared->building = options.building;
  shared->views = views;
  shared->http = options.http;
  shared->limits = options.limits;
  shared->tombstones = options.tombstones;
  shared->cache_bytes = options.cache_bytes;
  shared->requests_under_way = std::move(under_way);
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
  return shared;
}

}  // namespace

Result<std::unique_ptr<ElasticsearchStore>> ElasticsearchStore::make(const StoreOptions& options, const ProjectionId& id,
                                                                     const std::vector<ViewSchema>& views) {
  if (options.building && id.generation <= 1) return fail(ErrorCode::internal, "the generation to build has no number of its own");
  auto shared = make_shared_state(options, id, views, std::make_shared<std::atomic<std::uint32_t>>(0));
  if (!shared) return fail(shared.error());
  return std::unique_ptr<ElasticsearchStore>(new ElasticsearchStore(std::move(*shared), options, id.generation));
}

Result<void> ElasticsearchStore::prepare() {
  Cluster cluster(shared_->http);
  auto server = check_server(cluster, options_.family);
  if (!server) return fail(server.error());
  spdlog::info("search: {}", *server);
  if (auto ok = prepare_system_index(cluster, kCheckpointIndex, kCheckpointAlias); !ok) return ok;
  if (auto ok = prepare_system_index(cluster, kIdsIndex, kIdsAlias); !ok) return ok;
  return options_.building ? prepare_building(cluster) : prepare_live(cluster);
}

// Its indices are named before they are made, so that a drop finds them whatever happens.
Result<void> ElasticsearchStore::prepare_building(Cluster& cluster) {
  const ProjectionId& id = shared_->id;
  const auto registered = change_generations(cluster, id.projection, [&](GenerationsDocument& document) -> Result<bool> {
    const bool existed = document.exists;
    if (auto ok = take_over(cluster, id.projection, shared_->layouts, document); !ok) return fail(ok.error());
    GenerationRecord* record = document.find(id.generation);
    if (record == nullptr) {
      if (!document.generations.empty() && document.generations.back().number > id.generation) return not_in_the_making(id);
      document.generations.push_back({id.generation, Phase::building, false, places_of(*shared_)});
      return true;
    }
    if (record->dropping || (record->phase != Phase::building && record->phase != Phase::switching)) return not_in_the_making(id);
    return add_places(record->views, places_of(*shared_)) || !existed;
  });
  if (!registered) return fail(registered.error());
  for (const ViewLayout& layout : shared_->layouts) {
    if (auto ok = prepare_view(cluster, layout, true); !ok) return ok;
  }
  return {};
}

Result<void> ElasticsearchStore::prepare_live(Cluster& cluster) {
  for (int attempt = 1; attempt <= kBindAttempts; ++attempt) {
    auto number = bind_to_live(cluster);
    if (!number) return fail(number.error());
    for (const ViewLayout& layout : shared_->layouts) {
      if (auto ok = prepare_view(cluster, layout, false); !ok) return ok;
    }
    // Another one may have gone live meanwhile.
    auto now = read_generations(cluster, shared_->id.projection);
    if (!now) return fail(now.error());
    if (now->live() == nullptr || now->live()->number != *number) continue;
    for (const ViewLayout& layout : shared_->layouts) {
      if (auto ok = check_read_alias(cluster, layout); !ok) return ok;
    }
    return {};
  }
  return fail(ErrorCode::store_unavailable, "the live generation keeps changing", "the worker tries again", true);
}

// Finishes what a rebuild has decided, if it died before it was done, and makes the layouts for the generation that is live then.
Result<std::int64_t> ElasticsearchStore::bind_to_live(Cluster& cluster) {
  const std::string projection = shared_->id.projection;
  auto document = read_generations(cluster, projection);
  if (!document) return fail(document.error());
  const GenerationRecord* live = document->live();
  if (live != nullptr && live->phase == Phase::switching) {
    spdlog::info("search: {}: finishing what a rebuild has begun: generation {} goes live", projection, live->number);
    if (auto ok = finish_switch(cluster, projection, live->number); !ok) return fail(ok.error());
  }
  const std::int64_t number = live == nullptr ? 1 : live->number;
  if (wanted_ != 0 && wanted_ != number) {
    return fail(ErrorCode::superseded, fmt::format("generation {} of {} is not live: {} is", wanted_, projection, number), "");
  }
  if (shared_->id.generation != number) {
    auto shared = make_shared_state(options_, {projection, number}, shared_->views, requests_under_way_);
    if (!shared) return fail(shared.error());
    shared_ = std::move(*shared);
  }
  const auto registered = change_generations(cluster, projection, [&](GenerationsDocument& now) -> Result<bool> {
    const bool existed = now.exists;
    if (auto ok = take_over(cluster, projection, shared_->layouts, now); !ok) return fail(ok.error());
    if (now.live() == nullptr) now.generations.push_back({1, Phase::live, false, {}});
    if (now.live()->number != number) return false;  // the caller looks again
    return add_places(now.find(number)->views, places_of(*shared_)) || !existed;
  });
  if (!registered) return fail(registered.error());
  return number;
}

Result<std::vector<Generation>> ElasticsearchStore::generations() {
  Cluster cluster(shared_->http);
  auto document = read_generations(cluster, shared_->id.projection);
  if (!document) return fail(document.error());
  if (auto ok = take_over(cluster, shared_->id.projection, {}, *document); !ok) return fail(ok.error());
  std::vector<Generation> out;
  for (const GenerationRecord& record : document->generations) out.push_back({record.number, state_of(record)});
  return out;
}

// A handful of calls: nothing to tell between them, and after the decision nothing to stop.
Result<bool> ElasticsearchStore::go_live(const GoLiveStep& /*step*/) {
  if (!options_.building) return fail(ErrorCode::internal, "this store was not opened to build");
  Cluster cluster(shared_->http);
  if (auto ok = check_state(cluster, shared_->id, true); !ok) return fail(ok.error());
  if (auto ok = refresh_indices(cluster, shared_->layouts); !ok) return fail(ok.error());
  if (auto ok = decide_switch(cluster, shared_->id); !ok) return fail(ok.error());
  if (auto ok = finish_switch(cluster, shared_->id.projection, shared_->id.generation); !ok) return fail(ok.error());
  return true;
}

Result<void> ElasticsearchStore::drop_generation(std::int64_t number) {
  Cluster cluster(shared_->http);
  return elasticsearch::drop_generation(cluster, shared_->id.projection, number);
}

Result<std::unique_ptr<Sink>> ElasticsearchStore::new_sink() { return std::make_unique<ElasticsearchSink>(shared_); }

Result<std::vector<StoredCheckpoint>> ElasticsearchStore::checkpoints() {
  Cluster cluster(shared_->http);
  ProjectionId id = shared_->id;
  if (id.generation == 0) {
    auto document = read_generations(cluster, id.projection);
    if (!document) return fail(document.error());
    id.generation = document->live() == nullptr ? 1 : document->live()->number;
  }
  auto listed = list_checkpoints(cluster, id);
  if (!listed) return fail(listed.error());
  std::vector<StoredCheckpoint> out;
  for (ListedCheckpoint& entry : *listed) {
    if (entry.document.has_offset) out.push_back({std::move(entry.topic_partition), std::move(entry.document.checkpoint)});
  }
  return out;
}

Result<std::string> ElasticsearchStore::first_topics(const std::string& now) {
  constexpr std::string_view kDoing = "reading the first topics";
  Cluster cluster(shared_->http);
  const std::string id = first_topics_id(shared_->id);
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
  auto server = check_server(cluster, options_.family);
  if (!server) return fail(server.error());
  return {};
}

}  // namespace foldline::elasticsearch
