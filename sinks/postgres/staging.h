// Encodes a view's folded rows, sorts them by key, and lays them out for the ways in which they reach the server.
//
//   Stager stager;   StagedView staged;   Result<void> ok = stager.stage(layout, rows);
//   stager.lay_out(nullptr, kMaxArrayRows, staged);      // then: staged.shapes[s].arrays, or `COPY foldline_stage_0 FROM STDIN` of
//   staged.copy_data
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
#include "sinks/postgres/straight_policy.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// Up to so many rows of a view travel as array parameters: no staging table to fill and to empty, two round trips less. Beyond, COPY is as
// quick, and it takes no lock while the client sends (G17). docs/decisions/0052 has the figures.
inline constexpr std::size_t kMaxArrayRows = 4'000;
inline constexpr std::size_t kMaxArrayBytes = 1024 * 1024;

// The rows of one shape.
struct StagedShape {
  std::string signature;
  Shape shape;
  std::int32_t rows = 0;            // those that are upserted (or deleted)
  std::vector<std::string> arrays;  // their columns as array parameters; empty when they go through the staging table
  bool updates = false;             // their keys are probably all there: UPDATE first, and upsert only where that found too few
  std::int32_t copied_rows = 0;     // those that are copied straight into the view's table
  std::size_t copied_bytes = 0;     // ... as encoded
  std::string copy_data;

  void clear() {  // all but its buffer
    rows = copied_rows = 0;
    copied_bytes = 0;
    updates = false;
    arrays.clear();
    copy_data.clear();
  }
};

struct StagedView {
  const ViewLayout* layout = nullptr;
  std::vector<StagedShape> shapes;  // by the shape's number in staging
  std::string copy_data;            // for the staging table; empty: no row goes through it

  // Whether rows reach the view's table before the pipeline, by COPY or UPDATE.
  [[nodiscard]] bool goes_straight() const {
    for (const StagedShape& shape : shapes) {
      if (shape.copied_rows > 0 || shape.updates) return true;
    }
    return false;
  }
};

class Stager {
 public:
  // An error of code store_rejected names the view, the column and the value.
  Result<void> stage(const ViewLayout& layout, std::span<FoldedRow* const> rows);
  // Of the rows of the last stage(). `policy` says which of them go straight; null: none. A view of more rows than `max_array_rows`, those
  // not counted, goes through its staging table.
  void lay_out(StraightPolicy* policy, std::size_t max_array_rows, StagedView& out);
  // The rows of the last lay_out() are stored: their keys are known from now on.
  void remember(StraightPolicy& policy) const;

 private:
  struct EncodedRow {
    std::uint64_t prefix = 0;  // the first bytes of the first key part, so that most comparisons are one of integers
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t key_size = 0;
    std::uint32_t shape = 0;
    bool straight = false;
  };

  Result<std::uint32_t> shape_number(const FoldedRow& row);
  Result<void> encode_row(const FoldedRow& row, std::uint32_t number);
  void sort_by_key();
  void choose_straight(StraightPolicy& policy);
  [[nodiscard]] bool chooses_update(const StagedShape& shape, StraightPolicy& policy) const;
  void write_straight(std::uint32_t number, StagedShape& out) const;
  void write_arrays(std::uint32_t number, StagedShape& out) const;
  void write_staging(std::string& out) const;

  const ViewLayout* layout_ = nullptr;
  std::string bytes_;
  std::vector<EncodedRow> rows_;
  std::string signature_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> signatures_;  // by number
  std::vector<Shape> shapes_;
  std::vector<std::uint64_t> hashes_;  // of the keys, by row; empty when nothing goes straight
};

// A batch's rows, encoded and sorted. How they reach the server is laid out only when the batch's turn has come.
class EncodedBatch final : public EncodedRows {
 public:
  // An error of code store_rejected names the view, the column and the value.
  Result<void> encode(std::span<const ViewLayout> layouts, std::span<const ViewRows> views);
  [[nodiscard]] Stager& of(std::uint32_t view) { return stagers_[view]; }

 private:
  std::vector<Stager> stagers_;  // by view: they keep their buffers
};

}  // namespace foldline::postgres
