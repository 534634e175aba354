// Encodes a view's folded rows as one COPY (FORMAT binary) for its staging table, sorted by key, each row marked with its shape.
//
//   Stager stager;   StagedView staged = *stager.stage(layout, rows);
//   // staged.copy_data goes to `COPY foldline_stage_0 FROM STDIN`; then one statement for each of staged.signatures
//
// The order is memcmp order of the encoded keys: any order serves as long as all workers take their row locks in the same one (G17),
// and this one needs no collation. Pure: no connection, no round trip; a value that does not fit its column is refused here.
// Not thread-safe; keeps its buffers for the next batch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/error.h"
#include "sinks/postgres/layout.h"
#include "sinks/postgres/shape.h"
#include "sinks/sink.h"

namespace foldline::postgres {

struct StagedView {
  const ViewLayout* layout = nullptr;
  std::string copy_data;
  std::vector<std::string> signatures;  // by the shape's number in staging
};

class Stager {
 public:
  // An error of code store_rejected names the view, the column and the value.
  Result<void> stage(const ViewLayout& layout, std::span<FoldedRow* const> rows, StagedView& out);

 private:
  struct EncodedRow {
    std::uint64_t prefix = 0;  // the first bytes of the first key part, so that most comparisons are one of integers
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t key_size = 0;
  };

  Result<void> encode_row(const ViewLayout& layout, const FoldedRow& row, std::int32_t shape, const Shape& decoded);
  void write_sorted(std::string& out);

  std::string bytes_;
  std::vector<EncodedRow> rows_;
  std::string signature_;
  std::unordered_map<std::string, std::int32_t> numbers_;
  std::vector<Shape> shapes_;
};

}  // namespace foldline::postgres
