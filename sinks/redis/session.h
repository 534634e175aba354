// A connection that has logged in, to a server that may be used: a master, new enough, that evicts nothing (G22), and that stands alone
// or is a cluster's node, as the address says. Sentinels are asked for the master at every connect (sentinel.h).
//
//   Result<Session> s = Session::open(address, timeouts);
#pragma once

#include <string>
#include <string_view>

#include "sinks/redis/connection.h"

namespace foldline::redis {

// PEXPIRETIME came with 7.0, and with it what this sink relies on in scripts (ZMSCORE: 6.2).
inline constexpr int kMinServerMajor = 7;

struct Session {
  Connection connection;

  // Checked at every connect, not only when a worker starts: after a failover the server is another one.
  // Errors: code config (not retryable) for what somebody must change, store_unavailable else.
  static Result<Session> open(const Address& address, const Timeouts& timeouts);
};

// The same check of an open session; its connection is broken afterwards when the answer did not come.
Result<void> recheck_server(Session& session, const Address& address);
// What INFO says of the server. `info` is its whole text.
Result<void> check_server(std::string_view info, AddressKind kind, const std::string& where);
// AUTH, where the address has a password.
void add_login(Request& request, const Address& address);
// "maxmemory_policy" → "noeviction"; empty: not there.
std::string_view info_value(std::string_view info, std::string_view name);

// The commands of the scripts, each run once inside a script on `scratch_key`: an ACL that refuses one of them in the middle of a commit
// would leave half of it behind (G21). The key is gone afterwards.
Result<void> check_commands(Connection& connection, const std::string& scratch_key);

// Those of a rebuild, before it begins: one that is refused only when the new generation is filled would be late.
Result<void> check_rebuild_commands(Connection& connection, const std::string& scratch_key);

}  // namespace foldline::redis
