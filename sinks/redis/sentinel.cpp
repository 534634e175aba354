#include "sinks/redis/sentinel.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

constexpr std::string_view kNoSuchMaster = "knows no master";

Error no_such_master(const Address& address, const HostPort& sentinel) {
  return {ErrorCode::config, fmt::format("the sentinel {} {} called {}", sentinel.to_string(), kNoSuchMaster, address.master_name),
          "write the name that `sentinel monitor NAME ...` gives it: redis+sentinel://HOST:PORT,HOST:PORT/NAME", false};
}

}  // namespace

Result<HostPort> ask_sentinel(const Address& address, const HostPort& sentinel) {
  const Timeouts timeouts{kSentinelTimeoutMs, kSentinelTimeoutMs};
  Address at;
  at.host = sentinel.host;
  at.port = sentinel.port;
  auto connection = Connection::open(at, timeouts);
  if (!connection) return fail(connection.error());
  Request ask;
  ask.command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master_name});
  auto replies = connection->round_trip(ask);
  if (!replies) return fail(replies.error());
  if (code_of(replies->front().text()) == "NOAUTH" &&
      !address.password.empty()) {  // sentinels with a login of their own share the servers'
    Request login;
    add_login(login, address);
    login.append(ask);
    replies = connection->round_trip(login);
    if (!replies) return fail(replies.error());
    if (replies->front().is_error())
      return fail(refusal(fmt::format("logging in to the sentinel {}", sentinel.to_string()), replies->front().text()));
  }
  const Reply& reply = replies->back();
  if (reply.is_error()) return fail(refusal(fmt::format("asking the sentinel {}", sentinel.to_string()), reply.text()));
  if (reply.is_nil()) return fail(no_such_master(address, sentinel));
  HostPort out{std::string(reply.text(0)), 0};
  const std::string_view port = reply.text(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || end != port.data() + port.size() || out.host.empty()) {
    return fail(ErrorCode::store_unavailable, fmt::format("the sentinel {} answers no address: {}", sentinel.to_string(), shown(port)), "",
                true);
  }
  return out;
}

Result<Session> open_by_sentinels(const Address& address, const Timeouts& timeouts) {
  Error last{ErrorCode::store_unavailable, "no sentinel answers", "", true};
  std::size_t unknown = 0;
  std::size_t answered = 0;
  std::vector<HostPort> tried;
  for (const HostPort& sentinel : address.nodes) {
    const auto master = ask_sentinel(address, sentinel);
    if (!master) {
      const bool nil = master.error().code == ErrorCode::config;
      answered += nil ? 1U : 0U;
      unknown += nil ? 1U : 0U;
      if (!nil || unknown == answered) last = master.error();
      continue;
    }
    ++answered;
    if (std::find(tried.begin(), tried.end(), *master) != tried.end()) continue;
    tried.push_back(*master);
    auto session = Session::open(address.at(*master), timeouts);
    if (session || !session.error().retryable) return session;
    last = session.error();
    last.message += fmt::format("; the sentinel {} calls it the master {}", sentinel.to_string(), address.master_name);
  }
  if (answered > 0 && unknown == answered) return fail(std::move(last));
  if (last.code == ErrorCode::config) last = {ErrorCode::store_unavailable, last.message, last.hint, true};
  if (last.hint.empty() || answered == 0) last.hint = "is one of the sentinels up? The worker asks them again and goes on by itself";
  return fail(std::move(last));
}

}  // namespace foldline::redis
