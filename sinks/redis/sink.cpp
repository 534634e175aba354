#include "sinks/redis/sink.h"

#include <fmt/format.h>

#include <algorithm>

namespace foldline::redis {

// G22: what INFO says is looked at again now and then: CONFIG SET changes the eviction policy under a running worker.
Result<Connection*> RedisSink::connection() {
  const auto now = std::chrono::steady_clock::now();
  if (session_ && !session_->connection.is_broken() && now >= check_server_at_) {
    if (auto ok = recheck_server(*session_, store_->address); !ok && !session_->connection.is_broken()) return fail(ok.error());
    check_server_at_ = now + kServerCheck;
  }
  if (session_ && !session_->connection.is_broken()) return &session_->connection;
  session_.reset();
  auto opened = Session::open(store_->address, store_->timeouts);
  if (!opened) return fail(opened.error());
  session_ = std::move(*opened);
  check_server_at_ = now + kServerCheck;
  return &session_->connection;
}

Result<std::vector<Reply>> RedisSink::ask(const Request& request) {
  for (int attempt = 1;; ++attempt) {
    auto connected = connection();
    if (!connected) return fail(connected.error());
    auto replies = (*connected)->round_trip(request);
    if (replies || attempt == 2) return replies;
  }
}

// Reads only the layouts and the change: safe beside a running commit().
Result<void> RedisSink::check(const ViewSchema& view, const Change& change) const {
  const ViewLayout& layout = store_->layouts[change.view];
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (!change.key[i].is_null() && !change.key[i].is_absent()) continue;
    return fail(ErrorCode::store_rejected, fmt::format("view {}, key part {}: it is null", view.name, view.key[i].name));
  }
  std::string name;
  layout.name.append(name, change.key);
  if (name.size() > kMaxKeyBytes) {
    return fail(ErrorCode::store_rejected, fmt::format("view {}: the key's name has {} bytes", view.name, name.size()),
                fmt::format("at most {} bytes: use hash() of long texts", kMaxKeyBytes));
  }
  if (layout.kind != KeyKind::sorted_set) return {};
  for (const Assignment& assignment : change.assignments) {
    const Value& value = assignment.value;
    if (!value.is(Kind::integer) || (value.as_int() <= kMaxScore && value.as_int() >= -kMaxScore)) continue;
    return fail(ErrorCode::store_rejected,
                fmt::format("view {}: {} is past 2^53, and a sorted set's scores are exact up to there only", view.name, value.as_int()),
                "keep it in a hash or a counter");
  }
  return {};
}

}  // namespace foldline::redis
