#include "sinks/redis/cluster_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sinks/redis/definition.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/redis_rows.h"

namespace foldline::redis {

namespace {

constexpr std::string_view kBucketsField = "buckets";
constexpr std::string_view kAnew =
    "fold the topic anew beside it: copy the file with another `projection` and `group`, and let readers go over when it has caught up";

tl::unexpected<Error> no_generations() {
  return fail(ErrorCode::config, "`rebuild` in a Redis Cluster is not built yet", std::string(kAnew));
}

}  // namespace

Result<std::unique_ptr<ClusterStore>> ClusterStore::make(const StoreOptions& options, const ProjectionId& id,
                                                         const std::vector<ViewSchema>& views) {
  auto address = parse_address(options.url);
  if (!address) return fail(address.error());
  if (options.building) return no_generations();
  auto shared = std::make_shared<ClusterShared>();
  shared->id = {id.projection, 1};
  shared->buckets = options.buckets;
  shared->address = std::move(*address);
  shared->timeouts = options.timeouts;
  for (std::uint32_t b = 0; b < options.buckets; ++b) {
    shared->keys.push_back(SystemKeys::of_bucket(shared->id, b));
    shared->slots.push_back(hash_slot(bucket_tag(id.projection, b)));
  }
  std::set<std::string> patterns;
  for (const ViewSchema& view : views) {
    auto layout = make_layout(view, shared->id);
    if (!layout) return fail(layout.error());
    if (!patterns.insert(layout->name.pattern()).second) {
      return fail(ErrorCode::config, fmt::format("view {}: another view keeps the keys {} too", view.name, layout->name.pattern()),
                  "give one of the views another `name`");
    }
    layout->name.set_buckets(id.projection, options.buckets);
    shared->layouts.push_back(std::move(*layout));
  }
  return std::unique_ptr<ClusterStore>(new ClusterStore(std::move(shared)));
}

SinkTraits ClusterStore::traits() const {
  SinkTraits out;
  out.domains = shared_->buckets;
  out.max_batch_rows = kMaxClusterBatchRows;
  out.max_batch_bytes = kMaxBatchBytes;
  out.checkpoint_may_vanish = true;
  return out;
}

Result<void> ClusterStore::prepare() {
  Cluster cluster = connect();
  if (auto ok = check_masters(cluster, true); !ok) return ok;
  if (auto ok = check_buckets(cluster); !ok) return ok;
  return register_views(cluster);
}

Result<void> ClusterStore::check_masters(Cluster& cluster, bool commands) const {
  if (auto ok = cluster.refresh(); !ok) return ok;
  std::map<std::string, std::uint32_t> bucket_of_master;
  std::map<std::string, HostPort> masters;
  for (std::uint32_t b = 0; b < shared_->buckets; ++b) {
    const HostPort* master = cluster.map().master_of(shared_->slots[b]);
    if (master == nullptr) {
      return fail(ErrorCode::store_unavailable, fmt::format("no master of the cluster serves slot {}", shared_->slots[b]),
                  "redis-cli --cluster check HOST:PORT; the worker goes on by itself", true);
    }
    bucket_of_master.emplace(master->to_string(), b);
    masters.emplace(master->to_string(), *master);
  }
  for (const auto& [name, bucket] : bucket_of_master) {
    auto session = cluster.session_of(masters.at(name));
    if (!session) return fail(session.error());
    if (!commands) continue;
    if (auto ok = check_commands((*session)->connection, shared_->keys[bucket].scratch()); !ok) return ok;
  }
  return {};
}

// HSETNX: of two that start at once with different numbers one comes first, and the other reads it.
Result<void> ClusterStore::check_buckets(Cluster& cluster) const {
  const std::string key = cluster_key(shared_->id.projection);
  const std::string wanted = std::to_string(shared_->buckets);
  Request request;
  request.command({"HSETNX", key, kBucketsField, wanted});
  if (const auto reply = cluster.ask_one(key, request, "registering the number of buckets"); !reply) return fail(reply.error());
  request.clear();
  request.command({"HGET", key, kBucketsField});
  const auto reply = cluster.ask_one(key, request, "reading the number of buckets");
  if (!reply) return fail(reply.error());
  if (reply->text() == wanted) return {};
  return fail(ErrorCode::config,
              fmt::format("{} is kept in {} buckets, not {}", shared_->id.projection, shown(reply->text()), shared_->buckets),
              fmt::format("write buckets: {}; for another number {}", shown(reply->text()), kAnew));
}

// The projection's name stands in every key, so only an older file of its own can have kept something else under a view's names.
Result<void> ClusterStore::register_views(Cluster& cluster) const {
  const std::string hash = cluster_views_key(shared_->id.projection);
  for (const ViewLayout& layout : shared_->layouts) {
    const std::string definition = definition_of(shared_->id, layout);
    const std::string doing = fmt::format("registering the view {}", layout.schema.name);
    Request request;
    request.command({"HSETNX", hash, layout.name.pattern(), definition});
    if (const auto reply = cluster.ask_one(hash, request, doing); !reply) return fail(reply.error());
    request.clear();
    request.command({"HGET", hash, layout.name.pattern()});
    const auto reply = cluster.ask_one(hash, request, doing);
    if (!reply) return fail(reply.error());
    const std::string stored(reply->text());
    if (stored == definition) continue;
    if (auto ok = check_definition(layout, stored, definition, fmt::format("give the view another `name`; or {}", kAnew)); !ok) return ok;
    request.clear();
    request.command({"HSET", hash, layout.name.pattern(), definition});
    if (const auto written = cluster.ask_one(hash, request, doing); !written) return fail(written.error());
  }
  return {};
}

Result<std::unique_ptr<Sink>> ClusterStore::new_sink() { return std::make_unique<ClusterSink>(shared_); }

// Bucket 0 knows every partition.
Result<std::vector<StoredCheckpoint>> ClusterStore::checkpoints() {
  Cluster cluster = connect();
  Request request;
  request.command({"SMEMBERS", shared_->keys[0].partitions()});
  const auto places = cluster.ask_one(shared_->keys[0].partitions(), request, "reading the checkpoints");
  if (!places) return fail(places.error());
  std::vector<StoredCheckpoint> out;
  for (std::size_t i = 0; i < places->size(); ++i) {
    const auto partition = SystemKeys::parse_place(places->text(i));
    if (partition) out.push_back({*partition, {}});
  }
  if (out.empty()) return out;
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.topic_partition < b.topic_partition; });
  std::vector<Request> requests(shared_->buckets);
  std::vector<ClusterCall> calls;
  for (std::uint32_t b = 0; b < shared_->buckets; ++b) {
    for (const StoredCheckpoint& each : out) add_checkpoint_read(requests[b], shared_->keys[b], each.topic_partition);
    calls.push_back({shared_->slots[b], &requests[b]});
  }
  const auto answers = cluster.ask(calls);
  std::vector<bool> there(out.size(), true);
  for (std::uint32_t b = 0; b < shared_->buckets; ++b) {
    if (answers[b].lost()) return fail(answers[b].error);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Reply& reply = answers[b].replies[i];
      if (reply.is_error()) return fail(refusal("reading the checkpoints", reply.text()));
      const auto stored = read_checkpoint(reply, shared_->keys[b].checkpoint(out[i].topic_partition));
      if (!stored) return fail(stored.error());
      there[i] = there[i] && stored->has_offset;
      if (stored->has_offset && (b == 0 || stored->checkpoint.next_offset < out[i].checkpoint.next_offset))
        out[i].checkpoint = stored->checkpoint;
    }
  }
  std::size_t at = 0;
  std::erase_if(out, [&](const StoredCheckpoint&) { return !there[at++]; });
  return out;
}

// SET NX is atomic: of two workers that start at once one comes first, and both read the same.
Result<std::string> ClusterStore::first_topics(const std::string& now) {
  if (now.size() > kMaxFirstTopicsBytes) return fail(ErrorCode::limit, "the list of topics is too long to be kept");
  Cluster cluster = connect();
  const std::string key = shared_->keys[0].first_topics();
  Request request;
  request.command({"SET", key, now, "NX"});
  if (const auto reply = cluster.ask_one(key, request, "remembering which topics there were"); !reply) return fail(reply.error());
  request.clear();
  request.command({"GET", key});
  const auto reply = cluster.ask_one(key, request, "remembering which topics there were");
  if (!reply) return fail(reply.error());
  return std::string(reply->text());
}

Result<std::unique_ptr<RowReader>> ClusterStore::read_rows(const RowQuery& query) {
  return make_redis_rows(shared_->layouts[query.view], make_row_server(shared_->address, shared_->timeouts), query);
}

std::string ClusterStore::name_of_view(std::uint32_t view) const {
  return fmt::format("{}{}", bucket_tag_pattern(shared_->id.projection), shared_->layouts[view].name.text());
}

Result<std::vector<Generation>> ClusterStore::generations() { return no_generations(); }
Result<bool> ClusterStore::go_live(const GoLiveStep& /*step*/) { return no_generations(); }
Result<void> ClusterStore::drop_generation(std::int64_t /*number*/) { return no_generations(); }

Result<void> ClusterStore::ping() {
  Cluster cluster = connect();
  return check_masters(cluster, false);
}

}  // namespace foldline::redis
