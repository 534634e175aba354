#include "sinks/redis/sink.h"

#include "sinks/redis/check_change.h"

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

Result<void> RedisSink::check(const ViewSchema& view, const Change& change) const {
  return check_change(store_->layouts[change.view], view, change);
}

}  // namespace foldline::redis
