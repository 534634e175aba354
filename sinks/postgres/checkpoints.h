// The checkpoint's SQL: compare-and-set, take, move, and the processed IDs beside it (G1, G15).
//
//   connection.send_prepared("compare", compare_params(id, batch));   // fails when a checkpoint is no longer this worker's
//
// Each statement handles all partitions of a batch at once: the partitions travel as arrays, in the order in which every worker locks
// them (by topic, then partition, bytewise). The tables are those of system_schema.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "sinks/postgres/connection.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// Locks the batch's checkpoints in order and compares owner and next_offset. When one differs it fails with kCompareFailed, so
// whatever was sent behind it in the same pipeline, the COMMIT too, is skipped by the server: nothing can become durable.
extern const char* const kCompareSql;
// division_by_zero: plain SQL has no other way to raise an error. Only the compare statement's own answer is read this way.
inline constexpr std::string_view kCompareFailed = "22012";
Params compare_params(const ProjectionId& id, const CommitBatch& batch);
// The same parameters as SQL text, for EXECUTE in a simple query.
std::string compare_arguments(const ProjectionId& id, const CommitBatch& batch);

// The processed IDs of a batch (G15), in the order in which a commit runs what it needs of them.
struct IdsStatement {
  const char* name;
  const char* sql;
  bool (*concerns)(const PartitionCommit&);
  void (*add_params)(Params& params, std::span<const PartitionCommit* const> partitions);
};
extern const IdsStatement kTrimIds;         // drops the chunks that no window reaches any more
extern const IdsStatement kDropRewoundIds;  // drops what is at or past a checkpoint that moves back (the owner's `--on-lost-data`)
extern const IdsStatement kPutIds;          // writes new chunks, in place of any that begin at the same offset
extern const IdsStatement kAppendIds;       // lets tail chunks grow
// Nothing when the statement concerns none of the batch's partitions.
std::optional<Params> ids_params(const IdsStatement& statement, const ProjectionId& id, const CommitBatch& batch);

// Moves the checkpoints, and records which backend did (G18).
extern const char* const kMoveSql;
Params move_params(const ProjectionId& id, const CommitBatch& batch, std::int32_t backend_pid, std::int64_t backend_start_us);

// Reads checkpoints, in the given order of partitions; `lock` waits for whoever is changing them.
struct StoredRow {
  bool exists = false;
  bool has_offset = false;  // else owned, but nothing was committed yet
  Checkpoint checkpoint;
};
Answer<std::vector<StoredRow>> read_checkpoints(Connection& connection, const ProjectionId& id,
                                                std::span<const TopicPartition* const> partitions, bool lock);

}  // namespace foldline::postgres
