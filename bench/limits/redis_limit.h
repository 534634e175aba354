// How fast Redis itself takes commands: one for each event, pipelined, with no checkpoint, no processed IDs, no fencing and no look at what
// stands there before. What the sink is held against.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sinks/redis/address.h"

namespace foldline::bench {

using CommandWords = std::vector<std::string>;

class BarePipeline {
 public:
  // Exits with a message when the server can't be reached.
  explicit BarePipeline(const redis::Address& address);
  // Answers the seconds from the encoded commands to the last answer.
  double run(const std::vector<CommandWords>& commands);
  double run_encoded(const std::string& bytes, std::size_t commands);
  void delete_keys(const std::string& pattern);

 private:
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

}  // namespace foldline::bench
