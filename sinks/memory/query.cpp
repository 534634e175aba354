// Reading rows of the memory store: in the order of the map, from behind the last one answered.
#include <algorithm>

#include "sinks/memory/memory_store.h"
#include "sinks/row_query.h"

namespace foldline::memory {

namespace {

class MemoryRows final : public RowReader {
 public:
  MemoryRows(const MemoryStore& store, const RowQuery& query) : store_(store), view_(query.view), prefix_(rows::encode_key(query.key)) {}

  Result<RowPage> next(std::size_t limit) override {
    RowPage page;
    const Rows rows = store_.rows(view_);
    auto at = after_.empty() ? rows.lower_bound(prefix_) : rows.upper_bound(after_);
    for (; at != rows.end() && at->first.starts_with(prefix_) && page.rows.size() < limit; ++at) {
      page.rows.push_back(at->second);
      after_ = at->first;
    }
    page.last = at == rows.end() || !at->first.starts_with(prefix_);
    return page;
  }

 private:
  const MemoryStore& store_;
  std::size_t view_;
  std::string prefix_;  // encode_key() is one part's text behind another's, each with its length
  std::string after_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> MemoryStore::read_rows(const RowQuery& query) { return std::make_unique<MemoryRows>(*this, query); }

std::string MemoryStore::name_of_view(std::uint32_t view) const { return views_[view].name; }

}  // namespace foldline::memory
