// Where a reader's commands go: to one Redis, or to the masters of a cluster.
//
//   auto server = make_row_server(address, timeouts);
//   server->ask(commands);                 // one command a key, one reply a command
//   for (part < *server->parts()) server->scan(part, request);
//
// Connects when first asked. Not thread-safe. Only for commands that write nothing.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sinks/redis/connection.h"

namespace foldline::redis {

struct KeyCommand {
  std::string_view key;
  Request request;  // one command
};

class RowServer {
 public:
  virtual ~RowServer() = default;
  // In the commands' order. Refusals are replies.
  virtual Result<std::vector<Reply>> ask(std::span<const KeyCommand> commands) = 0;
  // How many key spaces there are to SCAN, one after another. Fixed from the first call on: of a slot that moves to another master
  // meanwhile, keys may be seen twice or not at all.
  virtual Result<std::size_t> parts() = 0;
  virtual Result<Reply> scan(std::size_t part, const Request& request) = 0;
};

std::unique_ptr<RowServer> make_row_server(const Address& address, const Timeouts& timeouts);

}  // namespace foldline::redis
