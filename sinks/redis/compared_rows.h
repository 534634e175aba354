// Rows that Redis can't compute by itself: JSON strings, hashes with guards, soft deletes, or operations on types that are only text there.
// They are read, changed here by rows::apply(), and written by the commit script only if they still are as they were read (G21).
//
//   ComparedRows rows;   rows.begin(layouts, batch);
//   rows.add_reads(request);   ... replies ...;   rows.encode(replies, input);
//
// Not thread-safe; points into the batch.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "sinks/redis/encode.h"
#include "sinks/redis/layout.h"
#include "sinks/redis/resp.h"
#include "sinks/sink.h"

namespace foldline::redis {

class ComparedRows {
 public:
  void begin(const std::vector<ViewLayout>& layouts, const CommitBatch& batch);
  [[nodiscard]] bool empty() const { return views_.empty(); }
  // One command a row.
  void add_reads(Request& request) const;
  // `replies`: as many as add_reads() has made commands. Errors (code store_rejected) name view and key.
  Result<void> encode(std::span<const Reply> replies, ScriptInput& out) const;

 private:
  struct View {
    const ViewLayout* layout = nullptr;
    std::span<FoldedRow* const> rows;
    std::vector<std::string> keys;
    std::vector<std::string> names;  // of a hash
  };
  static Result<void> encode_row(const View& view, std::size_t row, const Reply& read, ScriptInput& out);
  std::vector<View> views_;
};

}  // namespace foldline::redis
