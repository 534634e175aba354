// Which events an answer holds: the store's checkpoints, read before the rows. Every store moves them with or behind its rows, so the rows
// hold at least the events below them.
//
//   auto marks = parse_wait_for("orders.events:0:41", projection->file);
//   auto reached = wait_for(*store, *marks, deadline);   // the checkpoint of partition 0 is past 41
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/error.h"
#include "config/projection_file.h"
#include "sinks/sink.h"

namespace foldline {

// Offsets of records that must be applied.
using AppliedMarks = std::map<TopicPartition, std::int64_t>;

// "TOPIC:PARTITION:OFFSET,…". Errors (code config): not that form, or a topic that the projection does not read.
Result<AppliedMarks> parse_wait_for(const std::string& text, const config::ProjectionFile& file);

// Until every mark is below its checkpoint; answers the checkpoints then. An error of code limit, retryable: not by then, and where it
// stands. A store that is away is waited for too.
Result<std::vector<StoredCheckpoint>> wait_for(Store& store, const AppliedMarks& marks, std::chrono::steady_clock::time_point deadline);

// "holds the events below orders.events 0:120 1:118; the newest is of 2026-04-03T09:15:00Z". Many partitions are added up.
std::string described(const std::vector<StoredCheckpoint>& checkpoints);

}  // namespace foldline
