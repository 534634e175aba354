// Where a Redis server is, as the store's `url` says it.
//
//   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]       redis://:secret@cache.internal:6379/2
//   unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]            unix:///run/redis/redis.sock?db=1
//
// Percent-encoding in user, password and path is undone (RFC 3986, section 2.1). rediss:// (TLS) is refused by name.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"
#include "common/secret.h"

namespace foldline::redis {

inline constexpr int kDefaultPort = 6379;
inline constexpr int kMaxDatabase = 65'535;

struct Address {
  std::string host;
  int port = kDefaultPort;
  std::string socket_path;  // not empty: a Unix socket
  int database = 0;
  std::string user;  // empty: the default user
  Secret password;

  // For people: "cache.internal:6379, database 2, user app"; never the password.
  [[nodiscard]] std::string to_string() const;
};

// Errors (code config) never quote the password.
Result<Address> parse_address(const Secret& url);

}  // namespace foldline::redis
