// Reading a view's rows, for `foldline query`: what people ask, page by page. Lanes never read this way.
//
//   auto reader = *store->read_rows({.view = 0, .key = first_parts});
//   for (RowPage page; !page.last;) page = *reader->next(500);
//
// Only reads: nothing is made, locked or left behind, also when the process dies between or inside pages. Each page is a moment of its own:
// rows that change meanwhile come as they were or as they are, a row that stays where it is comes at least once.
// Not thread-safe: one reader, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/error.h"
#include "sinks/rows/stored_row.h"

namespace foldline {

// The most rows that one page may be asked for: what a reader has in memory.
inline constexpr std::size_t kMaxPageRows = 5'000;

struct RowQuery {
  std::uint32_t view = 0;
  // Values of the key's first parts, of the types' kinds (common/type.h); all of them: that one row. They must outlive read_rows() only.
  std::span<const Value> key;
};

struct RowPage {
  std::vector<rows::StoredRow> rows;  // without guards; at most as many as asked for, none too
  bool last = false;                  // no row comes behind these
  std::size_t foreign = 0;            // what stood among the rows and is none of ours; left out
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  // The next rows. Errors as the store's own; store_unavailable and retryable when it is away. After an error: ask for a new reader.
  virtual Result<RowPage> next(std::size_t limit) = 0;
  // Whether a row may come twice (Redis' SCAN says so of itself). In the order of the key otherwise.
  [[nodiscard]] virtual bool may_repeat() const { return false; }
};

}  // namespace foldline
