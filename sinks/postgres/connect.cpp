// Opening a connection: what is pinned, what is only a default, and why a login failed.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <map>

#include "sinks/postgres/connection.h"

namespace foldline::postgres {

namespace {

using Settings = std::map<std::string, std::string>;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// Ours unless the url says otherwise.
constexpr std::array<std::pair<const char*, const char*>, 5> kDefaults = {{
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "30000"},  // milliseconds that sent data may stay unacknowledged
}};

// A parse error of libpq quotes parts of the url, which may be the password.
std::string without_quotations(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      out += quoted ? "***\"" : "\"";
      quoted = !quoted;
    } else if (!quoted && c != '\n') {
      out += c;
    }
  }
  return out;
}

Result<Settings> parse(const ConnectOptions& options) {
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsDeleter> parsed(PQconninfoParse(options.url.reveal().c_str(), &problem));
  if (!parsed) {
    std::string why = problem == nullptr ? "out of memory" : without_quotations(problem);
    PQfreemem(problem);
    return fail(ErrorCode::config, fmt::format("the store's url can't be read: {}", why),
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE; percent-encode special characters of the password");
  }
  Settings out;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') out[option->keyword] = option->val;
  }
  for (const auto& [keyword, value] : kDefaults) out.try_emplace(keyword, value);
  out.try_emplace("connect_timeout", std::to_string(kConnectTimeoutS));
  out.try_emplace("application_name", options.application_name);
  // G17. Among several hosts the primary; and never a standby, which would take COPY into staging and then refuse the rest.
  out["target_session_attrs"] = "read-write";
  out["client_encoding"] = "UTF8";
  return out;
}

struct KeywordArrays {
  explicit KeywordArrays(const Settings& settings) {
    for (const auto& [keyword, value] : settings) {
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
  }
  std::vector<const char*> keywords;
  std::vector<const char*> values;
};

std::string target(const Settings& settings) {
  std::string out;
  for (const char* keyword : {"host", "hostaddr", "port", "dbname", "user"}) {
    const auto found = settings.find(keyword);
    if (found == settings.end()) continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", keyword, found->second);
  }
  return out.empty() ? "libpq's defaults" : out;
}

std::string scrubbed(std::string message, const Settings& settings) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  std::replace(message.begin(), message.end(), '\n', ' ');
  const auto password = settings.find("password");
  if (password == settings.end() || password->second.empty()) return message;
  for (std::size_t at = message.find(password->second); at != std::string::npos; at = message.find(password->second, at + 3)) {
    message.replace(at, password->second.size(), "***");
  }
  return message;
}

// Why did the login fail? libpq tells the SQLSTATE of a refused login only within a verbose message, and the verbosity of a
// connection can only be set once it exists: so a second attempt, for this alone.
std::string refused_with(const Settings& settings) {
  const KeywordArrays arrays(settings);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> attempt(PQconnectStartParams(arrays.keywords.data(), arrays.values.data(), 0),
                                                             &PQfinish);
  if (!attempt || PQstatus(attempt.get()) == CONNECTION_BAD) return {};
  PQsetErrorVerbosity(attempt.get(), PQERRORS_VERBOSE);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kConnectTimeoutS);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
    pollfd wanted{};
    wanted.fd = PQsocket(attempt.get());
    wanted.events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0 || poll(&wanted, 1, static_cast<int>(left)) <= 0) return {};
    state = PQconnectPoll(attempt.get());
  }
  const std::string_view message = PQerrorMessage(attempt.get());  // "... FATAL:  28P01: password authentication failed ..."
  for (std::size_t colon = message.find(":  "); colon != std::string_view::npos; colon = message.find(":  ", colon + 1)) {
    const std::string_view code = message.substr(colon + 3, 5);
    const bool is_code =
        code.size() == 5 && std::all_of(code.begin(), code.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
    if (is_code && message.substr(colon + 8, 2) == ": ") return std::string(code);
  }
  return {};
}

}  // namespace

std::string describe_target(const Secret& url) {
  const auto settings = parse(ConnectOptions{url, "", {}});
  return settings ? target(*settings) : "unreadable url";
}

Result<Secret> connection_string(const ConnectOptions& options) {
  const auto settings = parse(options);
  if (!settings) return fail(settings.error());
  std::string out;
  for (const auto& [keyword, value] : *settings) {
    out += keyword + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += "' ";
  }
  return Secret(std::move(out));
}

Result<Connection> Connection::open(const ConnectOptions& options) {
  const auto settings = parse(options);
  if (!settings) return fail(settings.error());
  const KeywordArrays arrays(*settings);
  // Blocking, because only so does libpq hold connect_timeout against each host in turn.
  Connection out(PQconnectdbParams(arrays.keywords.data(), arrays.values.data(), 0), options.timeouts);
  if (out.handle_ == nullptr) return fail(ErrorCode::internal, "out of memory while connecting to PostgreSQL");
  if (PQstatus(out.handle_.get()) != CONNECTION_OK) {
    std::string message = scrubbed(PQerrorMessage(out.handle_.get()), *settings);
    out.abandon();
    return fail(connect_error(refused_with(*settings), message, target(*settings)));
  }
  PQsetNoticeProcessor(
      out.handle_.get(), [](void*, const char*) {}, nullptr);
  if (auto ok = out.set_up(target(*settings)); !ok) return fail(ok.error());
  return out;
}

// The settings of every session. They go out after the login and not as its `options`, because connection poolers refuse those.
Result<void> Connection::set_up(const std::string& where) {
  if (server_version() < kMinServerVersion) {
    return fail(ErrorCode::config, fmt::format("PostgreSQL {} is too old ({})", server_version() / 10'000, where),
                fmt::format("Foldline needs {} or newer", kMinServerVersion / 10'000));
  }
  std::string sql = fmt::format(
      "SET client_min_messages = error; SET standard_conforming_strings = on; SET search_path = pg_catalog; SET TimeZone = 'UTC';"
      "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};",
      timeouts_.statement_ms, timeouts_.lock_ms, timeouts_.idle_in_transaction_ms);
  // The statements of a commit are few and known: always by primary key, never by a scan or a hash of the whole view because the
  // temporary table has no statistics. Nor is anything of a join kept to be looked at again: each staged row is probed for once. JIT
  // would compile for the costs that these switches pretend.
  sql +=
      "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_material = off; SET jit = off;"
      "SET plan_cache_mode = force_generic_plan;";
  if (server_version() >= 140'000) sql += "SET enable_memoize = off;";
  // A commit that the server forgets in a crash takes its checkpoint with it, so nothing would go wrong; but what was acknowledged
  // should also be there. Stronger settings (remote_apply) stay.
  sql += "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');";
  if (server_version() >= 140'000) sql += "SET client_connection_check_interval = 10000;";  // a statement of a dead worker ends
  if (PQsetnonblocking(handle_.get(), 1) != 0) return fail(ErrorCode::internal, "libpq refuses a non-blocking connection");
  if (auto ok = exec(sql); !ok) return fail(error_of(ok.error(), fmt::format("setting up the connection ({})", where)));
  return {};
}

}  // namespace foldline::postgres
