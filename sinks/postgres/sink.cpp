#include "sinks/postgres/sink.h"

#include "sinks/postgres/check_change.h"

namespace foldline::postgres {

Result<Session*> PostgresSink::session() {
  if (session_ && !session_->connection.is_broken()) return &*session_;
  session_.reset();  // closes the old connection before the new one takes its place in max_connections
  auto opened = Session::open(store_->connect);
  if (!opened) return fail(opened.error());
  session_ = std::move(*opened);
  return &*session_;
}

Result<void> PostgresSink::check(const ViewSchema& view, const Change& change) const { return check_change(view, change); }

}  // namespace foldline::postgres
