// What Redis' refusals mean to the engine (G23).
//
//   Error error = refusal("committing", reply.text());   // "LOADING Redis is loading the dataset in memory" → retryable
//
// Poison is found by the commit script itself, before it writes. Whatever the server refuses passes without anyone changing the events:
// it is retried for ever, and the worker is not ready meanwhile. Only a refused login is not retried while a worker starts.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"

namespace foldline::redis {

// "MOVED 1234 10.0.0.1:6379" → "MOVED"
std::string_view code_of(std::string_view refusal);

Error refusal(std::string_view doing, std::string_view refused);

// The server that answered so is the wrong one by now (a replica, another node): connect again.
bool needs_other_server(std::string_view refusal);

// In a cluster: asked again, at the node that serves the slot by then, it may be answered.
bool may_pass_at_once(std::string_view refusal);

// Control characters as \xNN, long text cut: for messages that show keys and stored text.
std::string shown(std::string_view bytes);

}  // namespace foldline::redis
