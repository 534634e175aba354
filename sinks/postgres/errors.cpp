#include "sinks/postgres/errors.h"

#include <fmt/format.h>

#include <array>

namespace foldline::postgres {

namespace {

struct Hint {
  std::string_view sqlstate;  // a prefix: five characters, or a class of two
  std::string_view hint;
};

// Appendix "PostgreSQL Error Codes" of the manual. The first match counts.
constexpr std::array kHints = {
    Hint{"42703", "a column that the projection keeps is missing from the table: add it again, or rebuild the projection"},
    Hint{"42P01", "a table that the projection keeps was dropped or renamed: restore it, or rebuild the projection"},
    Hint{"3F000", "the schema was dropped or renamed: restore it, or rebuild the projection"},
    Hint{"42501", "GRANT the worker's role what the message names: its tables, USAGE on schema foldline, TEMPORARY on the database"},
    Hint{"42804", "a column's type was changed by hand: change it back, or rebuild the projection"},
    Hint{"42", "the table is not as Foldline made it: compare it with the projection file, or rebuild the projection"},
    Hint{"25006", "the database is read-only (a standby, or default_transaction_read_only): the worker goes on when it takes writes again"},
    Hint{"53100", "the database's disk is full: make room; the worker goes on by itself"},
    Hint{"53200", "the database is out of memory; the worker goes on by itself"},
    Hint{"53300", "the database has no connection left: raise max_connections, or run fewer workers"},
    Hint{"55P03", "a row is locked by another session: see pg_locks and pg_stat_activity"},
    Hint{"57014", "a statement ran into its time-out: the database is overloaded, or a lock is held for long"},
    Hint{"40", "another transaction was in the way; the worker tries again"},
    Hint{"P0001",
         "a trigger raised it. A trigger that refuses single rows should raise ERRCODE check_violation: then the event becomes a letter"},
    Hint{"XX", "see the database's log; if it speaks of corruption, restore the database"},
};

std::string_view hint_for(std::string_view sqlstate) {
  for (const Hint& hint : kHints) {
    if (sqlstate.starts_with(hint.sqlstate)) return hint.hint;
  }
  return "the worker tries again; see the database's log";
}

bool is_poison(std::string_view sqlstate) {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate == "54000" || sqlstate == "21000";
}

std::string place(const Failure& failure) {
  std::string out;
  if (!failure.table.empty()) out += fmt::format(", table {}", failure.table);
  if (!failure.column.empty()) out += fmt::format(", column {}", failure.column);
  if (!failure.constraint.empty()) out += fmt::format(", constraint {}", failure.constraint);
  return out;
}

}  // namespace

Verdict judge(const Failure& failure, std::string_view doing, bool rows_at_fault) {
  if (failure.sqlstate.empty()) {
    return {CommitStatus::retry, Error{ErrorCode::store_unavailable, fmt::format("{}: {}", doing, failure.message),
                                       "the worker connects again and goes on by itself", true}};
  }
  const std::string message = fmt::format("{}: {} (SQLSTATE {}{})", doing, failure.message, failure.sqlstate, place(failure));
  if (rows_at_fault && is_poison(failure.sqlstate)) {
    return {CommitStatus::rejected, Error{ErrorCode::store_rejected, message, "the value can't stand in this table", false}};
  }
  return {CommitStatus::retry, Error{ErrorCode::store_unavailable, message, std::string(hint_for(failure.sqlstate)), true}};
}

Error connect_error(const std::string& sqlstate, const std::string& message, const std::string& where) {
  const auto error = [&](std::string what, std::string hint, bool retryable) {
    return Error{ErrorCode::store_unavailable, fmt::format("{} ({}): {}", std::move(what), where, message), std::move(hint), retryable};
  };
  const auto says = [&](std::string_view part) { return message.find(part) != std::string::npos; };
  if (sqlstate.starts_with("28")) {
    return error("PostgreSQL refused the login", "check user and password of the store's url, and the server's pg_hba.conf", false);
  }
  if (sqlstate == "3D000") return error("the database does not exist", "create it, or correct the name in the store's url", false);
  if (sqlstate == "42501") return error("PostgreSQL refused the login", "GRANT CONNECT ON DATABASE to the worker's role", false);
  if (sqlstate == "57P03") return error("PostgreSQL is starting up or shutting down", "the worker tries again", true);
  if (!sqlstate.empty()) return error("PostgreSQL refused the connection", std::string(hint_for(sqlstate)), true);
  if (says("read-only") || says("hot standby")) {
    return error("PostgreSQL takes no writes here", "list the primary in the store's url too, or wait until the standby is promoted", true);
  }
  if (says("no password supplied")) return error("PostgreSQL wants a password", "put it into the store's url, or into PGPASSWORD", false);
  if (says("translate host name")) return error("the host name is unknown", "check the host in the store's url, and DNS", true);
  return error("PostgreSQL can't be reached", "is the server running, and is host and port right? The worker tries again", true);
}

}  // namespace foldline::postgres
