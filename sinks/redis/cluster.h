// Connections to the masters of a Redis Cluster, and the map of which serves what (G23).
//
//   Cluster cluster(address, timeouts, {kCommitScript});
//   auto answers = cluster.ask(calls);         // a call: commands about keys of one slot; all masters work at once
//
// Only for calls that may be carried out twice: one whose connection was lost, or that a node refuses because the slot has moved, is on
// its way or has no master yet (MOVED, ASK, TRYAGAIN, CLUSTERDOWN, READONLY, LOADING), is sent again after the map was read anew, a few
// times in all; then the refusal is the answer, and the caller waits. Asking by ASK is not done: the slot arrives within a moment.
//
// Slots on their way (G21). While a slot migrates, a script may read a key that is there and, once it has deleted it, be refused the next
// command on it: in the middle of its writes. So every script of Foldline's names a key in KEYS that is never there (SystemKeys::never()):
// Redis looks at all of KEYS before a script begins, and refuses it as a whole while the slot is on its way (cluster.c, getNodeByQuery).
//
// Not thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/redis/session.h"
#include "sinks/redis/slots.h"

namespace foldline::redis {

// How often a call is sent before its refusal is the answer, and how long is waited in between.
inline constexpr int kClusterAttempts = 4;
inline constexpr std::chrono::milliseconds kClusterPause{25};
// To read the map, of each node that is asked.
inline constexpr int kMapTimeoutMs = 1'000;
// How often a master is asked whether it still is one that may be used (G22).
inline constexpr std::chrono::seconds kNodeCheck{5};

struct ClusterCall {
  std::uint32_t slot = 0;
  const Request* request = nullptr;
};

struct ClusterAnswer {
  std::vector<Reply> replies;  // as many as the request has commands; empty: lost
  Error error;                 // meaningless unless lost: which of the commands were carried out is not known
  [[nodiscard]] bool lost() const { return replies.empty(); }
};

class Cluster {
 public:
  // `scripts` are loaded into every master before it is asked anything.
  Cluster(Address address, const Timeouts& timeouts, std::vector<std::string_view> scripts = {});

  // In the order of the calls.
  std::vector<ClusterAnswer> ask(std::span<const ClusterCall> calls);
  // One command. A refusal is an error, `doing` its first words.
  Result<Reply> ask_one(std::string_view key, const Request& request, std::string_view doing);
  // By its place in `scripts`.
  Result<std::string> script_sha1(std::size_t script);

  Result<void> refresh();
  [[nodiscard]] const SlotMap& map() const { return map_; }
  // A session with the master, checked and with the scripts loaded. Errors as Session::open().
  Result<Session*> session_of(const HostPort& master);

 private:
  struct Node {
    Session session;
    std::chrono::steady_clock::time_point check_at;
  };
  Result<SlotMap> read_map(const HostPort& node);
  Result<void> load_scripts(Connection& connection);
  void send_round(std::span<const ClusterCall> calls, const std::vector<std::size_t>& pending, std::vector<ClusterAnswer>& out);
  static bool must_go_again(const ClusterAnswer& answer);
  void judge_node(const HostPort& node, const ClusterAnswer& answer);

  Address address_;
  Timeouts timeouts_;
  std::vector<std::string_view> scripts_;
  std::vector<std::string> sha1s_;
  SlotMap map_;
  std::size_t next_asked_ = 0;
  std::map<std::string, Node> nodes_;  // by "host:port"
};

}  // namespace foldline::redis
