// How a generation takes the live one's place, and how one goes.
//
//   decide_switch(cluster, id);                      // building → switching: the point of no return
//   finish_switch(cluster, id.projection, number);   // by whoever comes first: the rebuild, its --resume, or the next worker that starts
//
// step                                        | a crash after it leaves
//   refresh   the new indices                 | a filled generation: --resume
//   decide    the document says `switching`   | the old generation is read and kept up; whoever starts next finishes
//   fence     the old one's checkpoints get   | the old generation is read; its workers stop within seconds, and start again as those of
//             an owner that nobody is (G1)    |   the new one, which finishes
//   aliases   of all views, in one call       | the new one is read, no worker writes the old one; whoever starts next finishes
//   settle    the document says live, retired | done
// The fence comes before the aliases, so that nobody keeps up what is no longer read. Every step finds its own work done, so two may finish
// at once. One that was frozen in between and comes back late takes the aliases away from indices that no longer have them, and the store
// refuses its whole call.
#pragma once

#include <string>

#include "sinks/elasticsearch/generations.h"

namespace foldline::elasticsearch {

// All documents of the generation are found by a search from here on. Of a generation that nobody writes any more.
Result<void> refresh_indices(Cluster& cluster, std::span<const ViewLayout> layouts);
// An error of code superseded: it is no longer in the making. Nothing to do where it was decided already.
Result<void> decide_switch(Cluster& cluster, const ProjectionId& id);
Result<void> finish_switch(Cluster& cluster, const std::string& projection, std::int64_t number);

// Takes a generation's indices, checkpoints and processed IDs away; not of the live one. Crash: it can only be dropped, again.
Result<void> drop_generation(Cluster& cluster, const std::string& projection, std::int64_t number);

}  // namespace foldline::elasticsearch
