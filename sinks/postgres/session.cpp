#include "sinks/postgres/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "sinks/postgres/straight_table.h"

namespace foldline::postgres {

Statement& StatementCache::get(const std::string& key, const std::string& sql, std::uint64_t batch) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    statements_.splice(statements_.end(), statements_, found->second);
    found->second->last_batch = batch;
    return *found->second;
  }
  statements_.push_back(Statement{key, fmt::format("foldline_{}", next_number_++), sql, false, batch});
  by_key_[key] = std::prev(statements_.end());
  return statements_.back();
}

std::vector<Statement*> StatementCache::rows(const ViewLayout& layout, const std::string& signature, Source source, std::uint64_t batch) {
  const std::string key = fmt::format("{} {} ", source == Source::arrays ? "arrays" : "staged", layout.view) + signature;
  std::vector<Statement*> out;
  if (by_key_.contains(key)) {
    out.push_back(&get(key, {}, batch));
    if (by_key_.contains(key + "+")) out.push_back(&get(key + "+", {}, batch));
    return out;
  }
  const std::vector<std::string> texts = rows_statements(layout, shape_of(layout, signature), source);
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(&get(i == 0 ? key : key + "+", texts[i], batch));
  return out;
}

std::string StatementCache::prepared_name(const std::string& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() || !found->second->prepared ? std::string() : found->second->name;
}

std::vector<std::string> StatementCache::evict(std::uint64_t batch) {
  std::vector<std::string> out;
  for (auto it = statements_.begin(); it != statements_.end() && statements_.size() > kMaxPrepared;) {
    if (it->last_batch == batch) break;  // everything behind it is as young
    if (it->prepared) out.push_back(it->name);
    by_key_.erase(it->key);
    it = statements_.erase(it);
  }
  return out;
}

Result<Session> Session::open(const ConnectOptions& options) {
  auto connection = Connection::open(options);
  if (!connection) return fail(connection.error());
  auto rows = connection->query(
      "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity WHERE pid = pg_backend_pid()", Params{});
  if (!rows) return fail(error_of(rows.error(), "asking for this connection's backend"));
  Session out{std::move(*connection), 0, 0, {}, {}, {}, {}, {}};
  if (rows->size() == 1) {
    out.backend_pid = rows->int32(0, 0);
    out.backend_start_us = rows->int64(0, 1);
  }
  return out;
}

Answer<void> Session::ensure_staging(const ViewLayout& layout, std::size_t shapes) {
  if (!staged_views.contains(layout.view)) {
    if (auto ok = connection.exec(layout.create_staging); !ok) return ok;
    staged_views.insert(layout.view);
  }
  if (shapes >= kShapesToIndex && !indexed_views.contains(layout.view)) {
    if (auto ok = connection.exec(fmt::format("CREATE INDEX ON {} (shape)", layout.staging)); !ok) return ok;
    indexed_views.insert(layout.view);
  }
  return {};
}

Answer<void> Session::ensure_straight_check(const ViewLayout& layout) {
  if (checked_views.contains(layout.view)) return {};
  if (auto ok = connection.exec(prepare_straight_check(layout)); !ok) return ok;
  checked_views.insert(layout.view);
  return {};
}

bool Session::is_recorded(std::span<const PartitionCommit> partitions) const {
  return std::all_of(partitions.begin(), partitions.end(),
                     [this](const PartitionCommit& partition) { return recorded.contains(*partition.topic_partition); });
}

}  // namespace foldline::postgres
