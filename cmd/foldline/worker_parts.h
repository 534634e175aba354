// From a compiled projection to what its lanes are made of: for `run` and `rebuild`.
#pragma once

#include "cmd/foldline/project.h"
#include "engine/worker.h"

namespace foldline {

// What the projection file says about how its events are folded.
LaneOptions lane_options(const config::ProjectionFile& file);

// The store is the live generation's.
WorkerParts worker_parts(const Projection& projection);

}  // namespace foldline
