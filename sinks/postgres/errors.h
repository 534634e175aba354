// What PostgreSQL's refusals mean to the engine (G19).
//
//   Verdict verdict = judge(failure);   // failure.sqlstate "22003" → rejected, "40P01" → retry, ...
//
// Poison is what depends on the data alone: classes 22 (data exception) and 23 (integrity constraint), and the two codes
// 54000 and 21000 that docs/decisions/0050-postgres-poison.md explains. Everything else may pass without anyone changing the events,
// so it is retried for ever, and the worker is not ready meanwhile.
#pragma once

#include <string>

#include "common/error.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// A refusal by the server, or no answer at all.
struct Failure {
  std::string sqlstate;  // five characters; empty: the server did not answer (connection lost, time-out, never connected)
  std::string message;   // the server's primary message, without its DETAIL: that may quote a row, and with it redacted values
  std::string table;     // empty where the server does not say
  std::string column;
  std::string constraint;
  bool session_ended = false;  // the server said FATAL or PANIC

  [[nodiscard]] bool connection_lost() const { return sqlstate.empty() || session_ended; }
};

template <class T>
using Answer = tl::expected<T, Failure>;

struct Verdict {
  CommitStatus status = CommitStatus::retry;
  Error error;
};

// `doing` says what for: "writing view fact_orders". Only a statement that wrote a batch's rows (`rows_at_fault`) can be poisoned by them.
Verdict judge(const Failure& failure, std::string_view doing, bool rows_at_fault);
inline Error error_of(const Failure& failure, std::string_view doing) { return judge(failure, doing, false).error; }

// A failed login, unknown database, unreachable server: each with its own message and remedy. `where` names host, port, database and user,
// never the password. Only passing conditions are retryable.
Error connect_error(const std::string& sqlstate, const std::string& message, const std::string& where);

}  // namespace foldline::postgres
