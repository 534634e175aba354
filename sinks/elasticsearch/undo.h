// What stood in the store before this worker wrote, since its last committed checkpoint: so that a batch that the store refuses in the
// middle can be put back (G28).
//
// It is kept over retries and refolds of a batch, for their rows may stand already. In memory only: a crash between the first document of
// a batch that will be refused and the end of putting back leaves the difference that docs/search.md describes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sinks/elasticsearch/layout.h"

namespace foldline::elasticsearch {

struct UndoEntry {
  const ViewLayout* layout = nullptr;
  std::string id;
  std::string routing;
  bool existed = false;
  std::string source;        // of the document that stood there, if it existed
  std::int64_t seq_no = -1;  // of what we wrote in its place; -1: the answer was lost, so it may have been written
  std::int64_t primary_term = 0;
  std::uint64_t watermarks = 0;  // hash of the watermarks of what we wrote: tells it from what others wrote
};

class UndoLog {
 public:
  // Before the first row of a commit: entries of earlier attempts become findable.
  void begin_commit();
  // Our document stands in place of what the entry holds. An earlier entry of the same document stays the one to go back to.
  void written(UndoEntry entry);
  // The store said what stands there now: of an entry whose answer was lost, whether it was written.
  void settle(const ViewLayout& layout, std::string_view id, bool ours, std::int64_t seq_no, std::int64_t primary_term);
  void clear();

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  std::vector<UndoEntry>& entries() { return entries_; }

 private:
  static std::string key_of(const ViewLayout& layout, std::string_view id) { return std::to_string(layout.number) + ":" + std::string(id); }
  std::vector<UndoEntry> entries_;
  std::unordered_map<std::string, std::size_t> earlier_;  // of attempts before this one; most batches have one attempt
};

}  // namespace foldline::elasticsearch
