// The rows that a worker writes for a topic, as bare data: the same events through the same decoder, projector and fold, encoded for
// COPY (FORMAT binary) once, before any clock runs. What a replay of them takes is the store's own limit for this projection.
//
//   const FoldedRows rows = fold_topic("orders.yaml", brokers, 10'000);   // rows.batches[0].copy_data[view]
//
// Exits with a message when something fails: a benchmark has nobody to hand an error to. Not for the product.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "projectors/declarative/compiled.h"

namespace foldline::bench {

struct FoldedBatch {
  std::vector<std::string> copy_data;  // per view; empty: no rows
};

struct FoldedRows {
  std::shared_ptr<const declarative::CompiledProjection> projection;
  std::vector<FoldedBatch> batches;
  std::uint64_t records = 0;  // all of the topics', duplicates and unreadable ones too
  std::uint64_t rows = 0;     // folded, of all views
};

// Reads every partition of the file's one topic from its start to its end. A batch ends with `batch_records` records.
FoldedRows fold_topic(const std::string& file, const std::string& brokers, std::size_t batch_records);

}  // namespace foldline::bench
