// The master, as Sentinel knows it (redis.io/docs/management/sentinel, "Sentinel API"; .../develop/reference/sentinel-clients).
//
//   Result<Session> s = open_by_sentinels(address, timeouts);      // address.kind is `sentinel`
//
// Asked at every connect, nothing is remembered: after a failover the next connect finds the new master. A sentinel that has not heard of
// the failover names the old one, which is gone or says that it is a replica; then the next sentinel is asked.
#pragma once

#include "sinks/redis/session.h"

namespace foldline::redis {

// For each sentinel, to connect and to answer.
inline constexpr int kSentinelTimeoutMs = 1'000;

// Errors: code config where all sentinels that answer know no master of that name; store_unavailable, retryable, else.
Result<Session> open_by_sentinels(const Address& address, const Timeouts& timeouts);

// Where one sentinel says that the master is.
Result<HostPort> ask_sentinel(const Address& address, const HostPort& sentinel);

}  // namespace foldline::redis
