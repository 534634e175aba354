#include "sinks/redis/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace foldline::redis {

namespace {

struct Hint {
  std::string_view code;
  std::string_view hint;
  bool retryable = true;
};

// The words that Redis' source (server.c, networking.c, script.c, cluster.c) puts first.
constexpr std::array kHints = {
    Hint{"OOM", "Redis has reached maxmemory: raise it, or let rows `expire`; the worker goes on by itself"},
    Hint{"LOADING", "Redis is reading its data after a start; the worker goes on by itself"},
    Hint{"READONLY", "this Redis is a replica: point the store's url at the master; the worker goes on when it takes writes"},
    Hint{"MISCONF", "Redis can't save to its disk: see its log; the worker goes on when it can"},
    Hint{"BUSY", "a script of someone else's is running: SCRIPT KILL ends it; the worker goes on by itself"},
    Hint{"UNKILLABLE", "a script of someone else's is running; the worker goes on by itself"},
    Hint{"MASTERDOWN", "this Redis is a replica that has lost its master; the worker goes on by itself"},
    Hint{"NOREPLICAS", "Redis wants more replicas (min-replicas-to-write); the worker goes on when they are there"},
    Hint{"MOVED", "the slot is served by another node; the worker looks the cluster up again and goes on by itself"},
    Hint{"ASK", "the slot is on its way to another node; the worker goes on when it is there"},
    Hint{"TRYAGAIN", "the slot is on its way to another node; the worker goes on when it is there"},
    Hint{"CLUSTERDOWN", "the cluster is down, or has no master for some slots: redis-cli --cluster check; the worker goes on by itself"},
    Hint{"CROSSSLOT", "this is a Redis Cluster: write redis+cluster://HOST:PORT,HOST:PORT"},
    Hint{"NOAUTH", "put user and password into the store's url: redis://USER:PASSWORD@HOST:PORT", false},
    Hint{"WRONGPASS", "check user and password of the store's url", false},
    Hint{"NOPERM", "give the user what docs/redis.md lists: ACL SETUSER NAME ~* +@all -@dangerous +info"},
    Hint{"DENIED", "Redis runs in protected mode: give it a password, or bind it to an address of its own", false},
};

constexpr std::array kOtherServer = {"READONLY", "MOVED", "ASK", "CLUSTERDOWN", "MASTERDOWN", "LOADING"};
constexpr std::array kPassing = {"READONLY", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "NOSCRIPT"};
constexpr std::size_t kMaxShownBytes = 120;

}  // namespace

std::string_view code_of(std::string_view refusal) { return refusal.substr(0, refusal.find(' ')); }

Error refusal(std::string_view doing, std::string_view refused) {
  const auto found = std::find_if(kHints.begin(), kHints.end(), [&](const Hint& h) { return h.code == code_of(refused); });
  const bool known = found != kHints.end();
  return {ErrorCode::store_unavailable, fmt::format("{}: Redis says {}", doing, shown(refused)),
          std::string(known ? found->hint : "the worker tries again; see Redis' log"), known ? found->retryable : true};
}

bool needs_other_server(std::string_view refusal) {
  return std::find(kOtherServer.begin(), kOtherServer.end(), code_of(refusal)) != kOtherServer.end();
}

bool may_pass_at_once(std::string_view refusal) { return std::find(kPassing.begin(), kPassing.end(), code_of(refusal)) != kPassing.end(); }

std::string shown(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, kMaxShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  if (bytes.size() > kMaxShownBytes) out += "...";
  return out;
}

}  // namespace foldline::redis
