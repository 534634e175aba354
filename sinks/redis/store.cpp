#include "sinks/redis/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sinks/redis/errors.h"
#include "sinks/redis/generations.h"
#include "sinks/redis/go_live.h"
#include "sinks/redis/redis_rows.h"

namespace foldline::redis {

Result<std::unique_ptr<RedisStore>> RedisStore::make(const StoreOptions& options, const ProjectionId& id,
                                                     const std::vector<ViewSchema>& views) {
  auto address = parse_address(options.url);
  if (!address) return fail(address.error());
  if (options.building && id.generation <= 1) return fail(ErrorCode::internal, "the generation to build has no number of its own");
  auto shared = std::make_shared<StoreShared>(StoreShared{id, SystemKeys(id), {}, std::move(*address), options.timeouts});
  shared->building = options.building;
  shared->switch_batch_keys = options.switch_batch_keys;
  std::set<std::string> patterns;
  for (const ViewSchema& view : views) {
    auto layout = make_layout(view, id, options.building ? shared->keys.rows() : std::string());
    if (!layout) return fail(layout.error());
    if (!patterns.insert(layout->name.pattern()).second) {
      return fail(ErrorCode::config, fmt::format("view {}: another view keeps the keys {} too", view.name, layout->name.pattern()),
                  "give one of the views another `name`");
    }
    shared->layouts.push_back(std::move(*layout));
  }
  return std::unique_ptr<RedisStore>(new RedisStore(std::move(shared)));
}

SinkTraits RedisStore::traits() const {
  SinkTraits out;
  out.max_batch_rows = kMaxBatchRows;
  out.max_batch_bytes = kMaxBatchBytes;
  out.checkpoint_may_vanish = true;
  return out;
}

Result<void> RedisStore::prepare() {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  // Which generation is live stands in Redis; sinks share what is fixed from here on.
  auto shared = std::make_shared<StoreShared>(*shared_);
  const auto state = bind_generation(session->connection, *shared);
  if (!state) return fail(state.error());
  shared->keys = SystemKeys(shared->id);
  if (auto ok = check_commands(session->connection, shared->keys.scratch()); !ok) return ok;
  if (shared->building) {
    if (auto ok = check_rebuild_commands(session->connection, shared->keys.scratch()); !ok) return ok;
  }
  shared_ = std::move(shared);
  if (*state == GenerationState::switching) return {};  // nothing is folded into it any more
  return register_views(session->connection);
}

// HSETNX: of two projections that start at once with the same keys one comes first, and the other reads it.
Result<void> RedisStore::register_views(Connection& connection) const {
  const bool building = shared_->building;
  if (building) {
    if (auto ok = check_names_tell(connection, *shared_); !ok) return ok;
  }
  const std::string hash = building ? shared_->keys.views() : std::string(kViewsKey);
  const std::string hint = building ? "that is how it was begun: drop it with foldline rebuild FILE --abandon, and begin anew"
                                    : "build the views anew: foldline rebuild FILE; or give the view another `name`";
  for (const ViewLayout& layout : shared_->layouts) {
    const std::string definition = definition_of(shared_->id, layout);
    const std::string doing = fmt::format("registering the view {}", layout.schema.name);
    Request request;
    request.command({"HSETNX", hash, layout.name.pattern(), definition});
    if (const auto reply = ask_one(connection, request, doing); !reply) return fail(reply.error());
    request.clear();
    request.command({"HGET", hash, layout.name.pattern()});
    const auto reply = ask_one(connection, request, doing);
    if (!reply) return fail(reply.error());
    const std::string stored(reply->text());
    if (stored == definition) continue;
    if (auto ok = check_definition(layout, stored, definition, hint); !ok) return ok;
    request.clear();
    request.command({"HSET", hash, layout.name.pattern(), definition});
    if (const auto written = ask_one(connection, request, doing); !written) return fail(written.error());
  }
  return {};
}

Result<std::vector<Generation>> RedisStore::generations() {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  const auto states = read_generations(session->connection, shared_->id.projection);
  if (!states) return fail(states.error());
  std::vector<Generation> out;
  for (const auto& [number, state] : *states) out.push_back({number, state});
  return out;
}

Result<bool> RedisStore::go_live(const GoLiveStep& step) {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  return GoLive(session->connection, *shared_, step).run();
}

Result<void> RedisStore::drop_generation(std::int64_t number) {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  return redis::drop_generation(session->connection, *shared_, number);
}

Result<std::unique_ptr<RowReader>> RedisStore::read_rows(const RowQuery& query) {
  return make_redis_rows(shared_->layouts[query.view], make_row_server(shared_->address, shared_->timeouts), query);
}

Result<std::unique_ptr<Sink>> RedisStore::new_sink() { return std::make_unique<RedisSink>(shared_); }

Result<std::vector<StoredCheckpoint>> RedisStore::checkpoints() {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  SystemKeys keys = shared_->keys;
  if (shared_->id.generation == 0) {  // not prepared: only looked at
    const auto states = read_generations(session->connection, shared_->id.projection);
    if (!states) return fail(states.error());
    keys = SystemKeys({shared_->id.projection, live_number(*states)});
  }
  Request request;
  request.command({"SMEMBERS", keys.partitions()});
  const auto places = session->connection.round_trip(request);
  if (!places) return fail(places.error());
  if (places->front().is_error()) return fail(refusal("reading the checkpoints", places->front().text()));
  std::map<TopicPartition, StoredCheckpoint> sorted;
  for (std::size_t i = 0; i < places->front().size(); ++i) {
    const auto partition = SystemKeys::parse_place(places->front().text(i));
    if (!partition) continue;
    request.clear();
    request.begin(2 + kCheckpointFields.size()).add("HMGET").add(keys.checkpoint(*partition));
    for (const std::string_view field : kCheckpointFields) request.add(field);
    const auto replies = session->connection.round_trip(request);
    if (!replies) return fail(replies.error());
    const auto stored = read_checkpoint(replies->front(), keys.checkpoint(*partition));
    if (!stored) return fail(stored.error());
    if (stored->has_offset) sorted[*partition] = {*partition, stored->checkpoint};
  }
  std::vector<StoredCheckpoint> out;
  for (auto& [partition, checkpoint] : sorted) out.push_back(std::move(checkpoint));
  return out;
}

// SET NX is atomic: of two workers that start at once one comes first, and both read the same.
Result<std::string> RedisStore::first_topics(const std::string& now) {
  if (now.size() > kMaxFirstTopicsBytes) return fail(ErrorCode::limit, "the list of topics is too long to be kept");
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  Request request;
  request.command({"SET", shared_->keys.first_topics(), now, "NX"});
  request.command({"GET", shared_->keys.first_topics()});
  const auto replies = session->connection.round_trip(request);
  if (!replies) return fail(replies.error());
  for (const Reply& reply : *replies) {
    if (reply.is_error()) return fail(refusal("remembering which topics there were", reply.text()));
  }
  return std::string((*replies)[1].text());
}

Result<void> RedisStore::ping() {
  const auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  return {};
}

}  // namespace foldline::redis
