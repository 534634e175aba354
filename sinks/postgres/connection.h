// A connection to PostgreSQL: libpq, owned, with a deadline on every wait.
//
//   Answer<Connection> c = Connection::open(options);
//   Answer<Rows> rows = c->query("SELECT $1::int4 + 1", Params{}.add(std::int32_t{41}));   // rows->int32(0, 0) == 42
//
// libpq and not libpqxx, because a commit needs binary COPY and pipeline mode, and libpqxx offers neither.
// The socket is non-blocking and every wait for the server ends at a deadline: a server whose host froze answers keepalives for ever.
// Not thread-safe. After a Failure with connection_lost() the connection is of no more use: open another one.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/record.h"
#include "common/secret.h"
#include "common/uuid.h"
#include "sinks/postgres/errors.h"

namespace foldline::postgres {

inline constexpr int kConnectTimeoutS = 5;                  // for each host of the url, unless the url says otherwise
inline constexpr std::chrono::seconds kAnswerTimeout{150};  // longer than kStatementTimeoutMs: the server gives up first
inline constexpr int kStatementTimeoutMs = 120'000;
inline constexpr int kLockTimeoutMs = 10'000;
inline constexpr int kIdleInTransactionTimeoutMs = 60'000;  // G18: the server itself ends a frozen worker's transaction
inline constexpr int kMinServerVersion = 120'000;           // 12: CTEs, and what the tests run on is newer

struct Timeouts {
  std::chrono::milliseconds answer = kAnswerTimeout;
  int statement_ms = kStatementTimeoutMs;
  int lock_ms = kLockTimeoutMs;
  int idle_in_transaction_ms = kIdleInTransactionTimeoutMs;
};

struct ConnectOptions {
  Secret url;                    // a URI or keywords, as psql takes it
  std::string application_name;  // shown in pg_stat_activity
  Timeouts timeouts;
};

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ResultDeleter>;

// Binary rows. Each accessor asks for the type that the query's column has; null numbers read as `otherwise`.
class Rows {
 public:
  explicit Rows(ResultHandle result) : result_(std::move(result)) {}
  [[nodiscard]] int size() const { return PQntuples(result_.get()); }
  [[nodiscard]] bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  [[nodiscard]] std::string_view bytes(int row, int column) const;
  [[nodiscard]] std::int32_t int32(int row, int column, std::int32_t otherwise = 0) const;
  [[nodiscard]] std::int64_t int64(int row, int column, std::int64_t otherwise = 0) const;
  [[nodiscard]] Uuid uuid(int row, int column) const;
  // Rows that an INSERT, UPDATE or DELETE touched.
  [[nodiscard]] std::int64_t affected() const;
  [[nodiscard]] std::string_view command() const { return PQcmdStatus(result_.get()); }

 private:
  ResultHandle result_;
};

// A one-dimensional array as a binary parameter. Its items go in by add(); oids are those of type_oid().
class ArrayParam {
 public:
  explicit ArrayParam(std::uint32_t element_oid) : element_oid_(element_oid) {}
  ArrayParam& add(std::int32_t value);
  ArrayParam& add(std::int64_t value);
  ArrayParam& add(std::string_view value);
  ArrayParam& add(bool value);
  ArrayParam& add_null();
  [[nodiscard]] std::string encoded() const;

 private:
  std::uint32_t element_oid_;
  std::int32_t count_ = 0;
  bool has_null_ = false;
  std::string items_;
};

// Binary parameters $1, $2, ...; the statement casts each (`$1::text`), so their types need not be sent.
class Params {
 public:
  Params& add(std::int32_t value);
  Params& add(std::int64_t value);
  Params& add(std::string_view value);
  Params& add(const char* value) { return add(std::string_view(value)); }
  Params& add(const Uuid& value);
  Params& add(const ArrayParam& array);
  Params& add_encoded(const std::string& value);  // in its type's binary format

  [[nodiscard]] int size() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] std::vector<const char*> pointers() const;
  [[nodiscard]] std::vector<int> lengths() const;
  [[nodiscard]] std::vector<int> formats() const { return std::vector<int>(values_.size(), 1); }

 private:
  std::vector<std::string> values_;
};

class Connection {
 public:
  // One attempt at each host; bounded by connect_timeout. The Error's retryable is false for what only a person can mend.
  static Result<Connection> open(const ConnectOptions& options);

  // One or several statements without parameters. Text results.
  Answer<void> exec(const std::string& sql);
  Answer<Rows> query(const char* sql, const Params& params);

  // Statements and COPY ... FROM STDIN of a started simple query, one after the other; see transaction_copy.cpp.
  Answer<void> send_simple(const std::string& sql);
  // The next statement's answer. For expect_copy it must be the server's wish for the COPY's data.
  // ... and how many rows it touched, if it tells.
  Answer<std::int64_t> expect_done();
  Answer<void> expect_copy();
  Answer<void> put_copy(std::string_view data);
  Answer<void> end_copy();
  // The rest of a simple query's results; the first failure, or nothing.
  Answer<void> finish();

  // Pipeline mode. What was sent may have reached the server from the first send on.
  Answer<void> enter_pipeline();
  Answer<void> send_prepare(const std::string& name, const std::string& sql);
  Answer<void> send_prepared(const std::string& name, const Params& params);
  Answer<void> send_query(const std::string& sql);
  // Ends the pipeline with a sync and flushes it.
  Answer<void> send_sync();
  // The next command's answer. Nothing of what follows a failed command was carried out: those answers are failures with kSkipped.
  Answer<Rows> next_answer();
  Answer<void> leave_pipeline();

  [[nodiscard]] bool is_broken() const { return handle_ == nullptr || broken_ || PQstatus(handle_.get()) != CONNECTION_OK; }
  [[nodiscard]] int backend_pid() const { return PQbackendPID(handle_.get()); }
  [[nodiscard]] int server_version() const { return PQserverVersion(handle_.get()); }
  // Closes at once. The server ends the session and rolls back when it notices.
  void abandon() { handle_.reset(); }

 private:
  struct HandleDeleter {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  Connection(PGconn* handle, Timeouts timeouts) : handle_(handle), timeouts_(timeouts) {}

  Result<void> set_up(const std::string& where);
  void start_waiting() { deadline_ = std::chrono::steady_clock::now() + timeouts_.answer; }
  // Waits until the socket can be read (or, with `to_write`, also written); takes in what came.
  Answer<void> wait(bool to_write);
  Answer<void> flush();
  // The next result, or null at the end of a command's results.
  Answer<ResultHandle> next_result();
  Failure lost();
  Answer<void> accepted(int ok);
  Answer<ResultHandle> expect(bool copy);

  std::unique_ptr<PGconn, HandleDeleter> handle_;
  Timeouts timeouts_;
  std::chrono::steady_clock::time_point deadline_;
  bool broken_ = false;
};

// SQLSTATE of answers to commands that the server skipped, because an earlier one of the pipeline failed. Not a code of PostgreSQL's.
inline constexpr std::string_view kSkipped = "-----";

// "host=db1 port=5432 dbname=shop user=fold": for messages. Never the password.
std::string describe_target(const Secret& url);
// The same settings as a keyword string for libpqxx, secret like the url.
Result<Secret> connection_string(const ConnectOptions& options);

}  // namespace foldline::postgres
