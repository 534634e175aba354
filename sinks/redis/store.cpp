#include "sinks/redis/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

// Which projection keeps which keys, and as what: pattern → definition.
constexpr std::string_view kViewsKey = "foldline:views";

// "today\nhash\norders:bigint\n...": projection, kind, then fields.
std::string definition_of(const ProjectionId& id, const ViewLayout& layout) {
  std::string out = fmt::format("{}\n{}", id.projection, layout.schema.kind);
  for (const FieldLayout& field : layout.fields) out += fmt::format("\n{}:{}", field.name, field.type.name());
  return out;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// What stands there under another type can't be read any more: 1250 of a numeric(8,2) is 12.50, of a numeric(8,3) 1.250.
Result<void> check_definition(const ViewLayout& layout, const std::string& stored, const std::string& wanted) {
  const auto was = lines_of(stored);
  const auto now = lines_of(wanted);
  const std::string& pattern = layout.name.pattern();
  if (was.size() < 2 || was[0] != now[0]) {
    return fail(ErrorCode::config,
                fmt::format("view {}: the keys {} are kept by the projection {}", layout.schema.name, pattern, shown(was[0])),
                fmt::format("give the view another `name`; if that projection is gone: HDEL {} '{}'", kViewsKey, pattern));
  }
  const std::string hint =
      fmt::format("give the view another `name`, or delete its keys and HDEL {} '{}', then rebuild", kViewsKey, pattern);
  if (was[1] != now[1]) {
    return fail(ErrorCode::config,
                fmt::format("view {}: the keys {} hold a {}, not a {}", layout.schema.name, pattern, shown(was[1]), now[1]), hint);
  }
  for (std::size_t i = 2; i < was.size(); ++i) {
    const std::string field = was[i].substr(0, was[i].find(':') + 1);
    const auto same = std::find_if(now.begin() + 2, now.end(), [&](const std::string& line) { return line.starts_with(field); });
    if (same == now.end() || *same == was[i]) continue;
    return fail(ErrorCode::config, fmt::format("view {}: a field was {} and is now {}", layout.schema.name, shown(was[i]), *same), hint);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RedisStore>> RedisStore::make(const StoreOptions& options, const ProjectionId& id,
                                                     const std::vector<ViewSchema>& views) {
  auto address = parse_address(options.url);
  if (!address) return fail(address.error());
  const ProjectionId live{id.projection, std::max<std::int64_t>(1, id.generation)};  // 0: the live one, and there is one only
  auto shared = std::make_shared<StoreShared>(StoreShared{live, SystemKeys(live), {}, std::move(*address), options.timeouts});
  std::set<std::string> patterns;
  for (const ViewSchema& view : views) {
    auto layout = make_layout(view, id);
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
  if (auto ok = check_commands(session->connection, shared_->keys.scratch()); !ok) return ok;
  return register_views(session->connection);
}

// HSETNX: of two projections that start at once with the same keys one comes first, and the other reads it.
Result<void> RedisStore::register_views(Connection& connection) const {
  for (const ViewLayout& layout : shared_->layouts) {
    const std::string definition = definition_of(shared_->id, layout);
    Request request;
    request.command({"HSETNX", kViewsKey, layout.name.pattern(), definition});
    request.command({"HGET", kViewsKey, layout.name.pattern()});
    const auto replies = connection.round_trip(request);
    if (!replies) return fail(replies.error());
    for (const Reply& reply : *replies) {
      if (reply.is_error()) return fail(refusal(fmt::format("registering the view {}", layout.schema.name), reply.text()));
    }
    const std::string stored((*replies)[1].text());
    if (stored == definition) continue;
    if (auto ok = check_definition(layout, stored, definition); !ok) return ok;
    request.clear();
    request.command({"HSET", kViewsKey, layout.name.pattern(), definition});
    const auto written = connection.round_trip(request);
    if (!written) return fail(written.error());
    if (written->front().is_error()) return fail(refusal("registering a view", written->front().text()));
  }
  return {};
}

Result<std::unique_ptr<Sink>> RedisStore::new_sink() { return std::make_unique<RedisSink>(shared_); }

Result<std::vector<StoredCheckpoint>> RedisStore::checkpoints() {
  auto session = Session::open(shared_->address, shared_->timeouts);
  if (!session) return fail(session.error());
  Request request;
  request.command({"SMEMBERS", shared_->keys.partitions()});
  const auto places = session->connection.round_trip(request);
  if (!places) return fail(places.error());
  if (places->front().is_error()) return fail(refusal("reading the checkpoints", places->front().text()));
  std::map<TopicPartition, StoredCheckpoint> sorted;
  for (std::size_t i = 0; i < places->front().size(); ++i) {
    const auto partition = SystemKeys::parse_place(places->front().text(i));
    if (!partition) continue;
    request.clear();
    request.begin(2 + kCheckpointFields.size()).add("HMGET").add(shared_->keys.checkpoint(*partition));
    for (const std::string_view field : kCheckpointFields) request.add(field);
    const auto replies = session->connection.round_trip(request);
    if (!replies) return fail(replies.error());
    const auto stored = read_checkpoint(replies->front(), shared_->keys.checkpoint(*partition));
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
