// The open script's words and its answer (commit_script.cpp), for one Redis or one bucket of a cluster.
//
//   add_open(request, wanted, keys, generations, id, "live");   ...   auto stored = read_opened(reply, wanted, keys, id, "live");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sinks/redis/checkpoints.h"
#include "sinks/redis/resp.h"
#include "sinks/sink.h"

namespace foldline::redis {

// `generations`: the key of the hash that says what generation `id.generation` is; it must be `state`. `never`: of a cluster (cluster.h).
void add_open(Request& out, const OpenRequest& request, const SystemKeys& keys, const std::string& generations, const ProjectionId& id,
              std::string_view state, const std::string& never = {});

// Each checkpoint as it was, with the new owner, in the request's order. Errors: superseded when the generation is something else by now;
// store_unavailable when another program has written into Foldline's keys. The reply is no error.
Result<std::vector<StoredState>> read_opened(const Reply& reply, const OpenRequest& request, const SystemKeys& keys, const ProjectionId& id,
                                             std::string_view state);

}  // namespace foldline::redis
