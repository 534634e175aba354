// Where a Redis server is, as the store's `url` says it.
//
//   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]       redis://:secret@cache.internal:6379/2
//   unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]            unix:///run/redis/redis.sock?db=1
//
//   redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],.../MASTER[/DATABASE]   the sentinels; they say where the master is
//   redis+cluster://[[USER]:PASSWORD@]HOST[:PORT],...       some nodes of a Redis Cluster; they say which others there are
//
// Percent-encoding in user, password and path is undone (RFC 3986, section 2.1). rediss:// (TLS) is refused by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/secret.h"

namespace foldline::redis {

inline constexpr int kDefaultPort = 6379;
inline constexpr int kMaxDatabase = 65'535;

inline constexpr int kDefaultSentinelPort = 26'379;
inline constexpr std::size_t kMaxNodes = 1'000;

struct HostPort {
  std::string host;
  int port = kDefaultPort;

  [[nodiscard]] std::string to_string() const { return host + ":" + std::to_string(port); }
  bool operator==(const HostPort&) const = default;
};

enum class AddressKind {
  alone,
  sentinel,
  cluster,
};

struct Address {
  AddressKind kind = AddressKind::alone;
  std::vector<HostPort> nodes;  // sentinels, or some of a cluster's nodes
  std::string master_name;      // of sentinels
  std::string host;             // of one that stands alone
  int port = kDefaultPort;
  std::string socket_path;  // not empty: a Unix socket
  int database = 0;
  std::string user;  // empty: the default user
  Secret password;

  // For people: "cache.internal:6379, database 2, user app"; never the password.
  [[nodiscard]] std::string to_string() const;
  // The same login at one server.
  [[nodiscard]] Address at(const HostPort& node) const;
};

// Errors (code config) never quote the password.
Result<Address> parse_address(const Secret& url);

}  // namespace foldline::redis
