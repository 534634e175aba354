#include "sinks/elasticsearch/undo.h"

namespace foldline::elasticsearch {

void UndoLog::begin_commit() {
  std::erase_if(entries_, [](const UndoEntry& entry) { return entry.layout == nullptr; });
  earlier_.clear();
  for (std::size_t i = 0; i < entries_.size(); ++i) earlier_.emplace(key_of(*entries_[i].layout, entries_[i].id), i);
}

void UndoLog::written(UndoEntry entry) {
  if (!earlier_.empty()) {
    if (const auto found = earlier_.find(key_of(*entry.layout, entry.id)); found != earlier_.end()) {
      UndoEntry& known = entries_[found->second];
      if (known.layout != nullptr) {
        known.seq_no = entry.seq_no;
        known.primary_term = entry.primary_term;
        known.watermarks = entry.watermarks;
        return;
      }
    }
  }
  entries_.push_back(std::move(entry));
}

void UndoLog::settle(const ViewLayout& layout, std::string_view id, bool ours, std::int64_t seq_no, std::int64_t primary_term) {
  if (earlier_.empty()) return;
  const auto found = earlier_.find(key_of(layout, id));
  if (found == earlier_.end()) return;
  UndoEntry& entry = entries_[found->second];
  if (entry.layout == nullptr || entry.seq_no >= 0) return;
  if (ours) {
    entry.seq_no = seq_no;
    entry.primary_term = primary_term;
  } else {
    entry.layout = nullptr;  // it was never written
    earlier_.erase(found);
  }
}

void UndoLog::clear() {
  entries_.clear();
  earlier_.clear();
}

}  // namespace foldline::elasticsearch
