// A batch that the store refuses in the middle (G28): what it has taken goes, and what stood there comes back, document by document under
// its seq_no. Watermarks go back with the documents, so the batch's good events can be folded and written again.
//
// Crash: the documents that were not put back yet include events of which one is refused; see docs/search.md for what that means.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/elasticsearch/row_writer.h"

namespace foldline::elasticsearch {

namespace {
constexpr std::string_view kDoing = "putting documents back";
}

CommitResult RowWriter::reject(Error error) {
  if (auto done = put_back(); !done) {
    // The same batch comes again, is refused again, and putting back goes on.
    Error why = done.error();
    why.message = fmt::format("putting back a batch that the store refuses ({}): {}", error.message, why.message);
    return {CommitStatus::retry, std::move(why), {}};
  }
  error.code = ErrorCode::store_rejected;
  error.retryable = false;
  return {CommitStatus::rejected, std::move(error), {}};
}

Result<void> RowWriter::put_back() {
  // The rest of the batch in memory is worth nothing: what the tasks had taken from the cache is read again when needed.
  std::vector<UndoEntry>& entries = undo_.entries();
  for (const UndoEntry& entry : entries) {
    if (entry.layout != nullptr) cache_.take(cache_key(*entry.layout, entry.id));
  }
  for (int round = 1;; ++round) {
    std::vector<UndoEntry*> left;
    for (UndoEntry& entry : entries) {
      if (entry.layout != nullptr) left.push_back(&entry);
    }
    if (left.empty()) break;
    if (round > limits_.max_rounds) return fail(ErrorCode::store_unavailable, "documents conflict again and again", "", true);
    if (auto ok = look_again(left); !ok) return ok;
    std::erase_if(left, [](const UndoEntry* entry) { return entry->layout == nullptr; });
    std::stable_sort(left.begin(), left.end(),
                     [](const UndoEntry* a, const UndoEntry* b) { return a->layout->number < b->layout->number; });
    for (std::size_t begin = 0; begin < left.size();) {
      std::size_t end = begin;
      std::size_t size_bytes = 0;
      while (end < left.size() && left[end]->layout == left[begin]->layout && end - begin < limits_.max_items &&
             size_bytes < limits_.max_bytes) {
        size_bytes += left[end]->source.size() + left[end]->id.size();
        ++end;
      }
      auto done = put_back_some(std::span(left).subspan(begin, end - begin));
      if (!done) return fail(done.error());
      if (!*done) pause_before_attempt(round);
      begin = end;
    }
  }
  undo_.clear();
  return {};
}

// False: some are to be tried again. An entry that is done loses its layout.
Result<bool> RowWriter::put_back_some(std::span<UndoEntry*> entries) {
  BulkBody body;
  for (UndoEntry* entry : entries) {
    if (entry->existed) {
      body.begin(BulkOp::index, {entry->id, entry->routing}, entry->seq_no, entry->primary_term);
      body.text() += entry->source;
      body.end();
    } else {
      // Nothing stood there, so no watermark is lost with it.
      body.remove({entry->id, entry->routing}, entry->seq_no, entry->primary_term);
    }
  }
  const std::string path = fmt::format("/{}/_bulk?require_alias=true", percent_encoded(entries[0]->layout->write_alias));
  auto items = cluster_.bulk(path, body, kDoing);
  FOLDLINE_FAULT_POINT("search.put_back");
  if (!items) {
    if (items.error().may_be_done) {
      for (UndoEntry* entry : entries) entry->seq_no = -1;
    }
    return fail(items.error().error);
  }
  bool all = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const ItemAnswer& item = (*items)[i];
    if (item.ok() || (!entries[i]->existed && item.status == 404)) {
      entries[i]->layout = nullptr;
    } else if (item.status == 409) {
      entries[i]->seq_no = -1;
    } else if (is_overload(item.status)) {
      all = false;
    } else {
      return fail(error_of(item, kDoing));
    }
  }
  return all;
}

// Entries whose standing is not known: an answer was lost, or somebody else wrote.
Result<void> RowWriter::look_again(std::span<UndoEntry*> entries) {
  for (UndoEntry* entry : entries) {
    if (entry->seq_no >= 0) continue;
    const DocumentRef ref{entry->id, entry->routing};
    auto found = cluster_.multi_get(entry->layout->index, {&ref, 1}, kDoing);
    if (!found) return fail(found.error());
    const StoredDocument& stored = found->front();
    const bool is_back = stored.found == entry->existed && (!stored.found || stored.source == entry->source);
    if (is_back || !stored.found) {
      entry->layout = nullptr;
      continue;
    }
    auto watermarks = reader_.read_watermarks(stored.source);
    if (!watermarks) return fail(watermarks.error());
    if (hash_of(*watermarks) != entry->watermarks) {
      // Written on top of ours: it can't be taken back without taking theirs.
      spdlog::warn(
          "search: {}: document {} was changed by another writer before a refused batch could be put back; it keeps the batch's part",
          entry->layout->index, entry->id);
      entry->layout = nullptr;
      continue;
    }
    entry->seq_no = stored.seq_no;
    entry->primary_term = stored.primary_term;
  }
  return {};
}

}  // namespace foldline::elasticsearch
