// A connection with what it holds on the server: staging tables and prepared statements. Both die with it, so a new connection
// means a new Session.
//
//   Result<Session> session = Session::open(options);
//   session->connection.query(...);
//
// Not thread-safe: one lane's.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sinks/postgres/connection.h"
#include "sinks/postgres/layout.h"
#include "sinks/postgres/shape.h"
#include "sinks/postgres/statements.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// A connection keeps at most this many prepared statements; the longest unused go first. (One batch may need more, for its own time.)
inline constexpr std::size_t kMaxPrepared = 256;

// Each shape's statement reads the staging table. From so many shapes on an index over them costs less than the scans: 256 shapes in
// 10,000 rows took 220 ms without it (docs/decisions/0051).
inline constexpr std::size_t kShapesToIndex = 12;

// One prepared statement. `prepared` turns true when the server has answered the Parse.
struct Statement {
  std::string key;
  std::string name;
  std::string sql;
  bool prepared = false;
  std::uint64_t last_batch = 0;
};

class StatementCache {
 public:
  // The statement of this key, made of `sql` when it is new.
  Statement& get(const std::string& key, const std::string& sql, std::uint64_t batch);
  // The statements that write rows of this shape; their text is built once.
  std::vector<Statement*> rows(const ViewLayout& layout, const std::string& signature, Source source, std::uint64_t batch);
  // The name of this key's statement if the server has it; else empty.
  [[nodiscard]] std::string prepared_name(const std::string& key) const;
  // Takes out what is over the limit and not used by `batch`: the names to DEALLOCATE.
  std::vector<std::string> evict(std::uint64_t batch);
  [[nodiscard]] std::size_t size() const { return statements_.size(); }

 private:
  std::list<Statement> statements_;  // the longest unused first
  std::unordered_map<std::string, std::list<Statement>::iterator> by_key_;
  std::uint64_t next_number_ = 0;
};

struct Session {
  static Result<Session> open(const ConnectOptions& options);

  // Creates the view's staging table if it is missing, and its index once a batch of many shapes comes; outside of any transaction.
  Answer<void> ensure_staging(const ViewLayout& layout, std::size_t shapes);
  // Prepares the check of a table that rows are copied straight into; outside of any transaction.
  Answer<void> ensure_straight_check(const ViewLayout& layout);
  // G18: whether the checkpoints of all these partitions name this backend. Only then may it hold their locks while the client still
  // sends: a new owner must be able to end it.
  [[nodiscard]] bool is_recorded(std::span<const PartitionCommit> partitions) const;

  Connection connection;
  std::int32_t backend_pid = 0;
  std::int64_t backend_start_us = 0;  // with the pid it names this backend for ever (G18)
  StatementCache statements;
  std::set<std::uint32_t> staged_views;
  std::set<std::uint32_t> indexed_views;
  std::set<std::uint32_t> checked_views;  // ensure_straight_check() was here
  std::set<TopicPartition> recorded;      // partitions whose checkpoints were committed with this backend's pid
};

}  // namespace foldline::postgres
