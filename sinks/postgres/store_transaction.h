// One transaction of the store itself, apart from the lanes: for the schema, the generations and what people ask.
//
//   return in_transaction<int>(shared, "counting", [&](pqxx::work& transaction) -> Result<int> { ... });
#pragma once

#include <fmt/format.h>

#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "sinks/postgres/connection.h"
#include "sinks/postgres/errors.h"
#include "sinks/postgres/sink.h"

namespace foldline::postgres {

// "ERROR:  message\nDETAIL:  ..." → "message". The detail may quote rows.
inline std::string first_line(std::string_view text) {
  constexpr std::size_t kLongestSeverity = 12;
  text = text.substr(0, text.find('\n'));
  const std::size_t colon = text.find(":  ");
  if (colon < kLongestSeverity) text.remove_prefix(colon + 3);
  return std::string(text);
}

// libpqxx throws; the rest of Foldline does not. `work` runs in one transaction that is committed when it answers a value.
template <class T, class Work>
Result<T> in_transaction(const StoreShared& shared, std::string_view doing, Work work) {
  // libpq's own attempt first: it tells a wrong password from a server that is away, which libpqxx does not.
  if (auto probe = Connection::open(shared.connect); !probe) return fail(probe.error());
  const auto url = connection_string(shared.connect);
  if (!url) return fail(url.error());
  try {
    pqxx::connection connection(url->reveal());
    pqxx::work transaction(connection);
    transaction.exec("SET LOCAL client_min_messages = error; SET LOCAL search_path = pg_catalog");
    Result<T> out = work(transaction);
    if (out) transaction.commit();
    return out;
  } catch (const pqxx::broken_connection&) {
    return fail(error_of(Failure{}, fmt::format("{}: the connection to PostgreSQL was lost", doing)));
  } catch (const pqxx::sql_error& error) {
    Failure failure;
    failure.sqlstate = error.sqlstate();
    failure.message = first_line(error.what());
    return fail(error_of(failure, doing));
  } catch (const std::exception& error) {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: {}", doing, first_line(error.what())), "the worker tries again", true);
  }
}

}  // namespace foldline::postgres
