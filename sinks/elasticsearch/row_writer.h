// The documents of a batch: read where needed, folded into, written item by item (G24, G27), and put back when the store refuses one.
//
//   CommitResult r = writer.write(batch);   // committed: all rows stand
//
// One round of a document: what stands there is known (from the cache, or fetched), or taken to be missing; its watermarks say whether
// the folded row is new to it; the result is written under its seq_no, or created. 409: somebody else wrote it, or an answer of ours
// was lost; it is fetched, and the next round decides again. Whoever owns the checkpoints by now: a zombie's documents are as true to the
// log as anybody's, since each document takes each event once.
//
// Crash: any subset of the documents stands, each whole and each with its watermarks; the checkpoint stands where it was. Whoever reads the
// events again leaves those documents alone, or is told how far they are (refold).
// One thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sinks/elasticsearch/cache.h"
#include "sinks/elasticsearch/cluster.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/elasticsearch/layout.h"
#include "sinks/elasticsearch/undo.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

struct BulkLimits {
  std::size_t max_bytes = 8U << 20U;  // of one request; a 413 halves it for the rest of the sink's life
  std::size_t max_items = 5'000;
  std::size_t max_fetched = 1'000;  // documents of one _mget
  int max_rounds = 12;              // of conflicts, before the batch is tried again later
};

// Above this share of documents that turn out to exist, unknown ones are fetched before they are written; below it they are created unread.
inline constexpr double kFetchFirstShare = 0.2;

class RowWriter {
 public:
  RowWriter(Cluster& cluster, std::span<const ViewLayout> layouts, BulkLimits limits, std::size_t cache_bytes)
      : cluster_(cluster), layouts_(layouts), limits_(limits), cache_(cache_bytes), exists_share_(layouts.size(), 0.0) {}

  // committed (all rows stand), refold, retry or rejected (everything since forget_undo() is put back).
  CommitResult write(const CommitBatch& batch);

  // The checkpoint has passed what was written, or belongs to somebody else.
  void forget_undo() { undo_.clear(); }
  // After opening: caches go (G2), and whether documents are likely to be there already.
  void reset(bool likely_there, std::size_t cache_bytes);

  [[nodiscard]] const DocumentCache& cache() const { return cache_; }
  [[nodiscard]] double exists_share(std::size_t view) const { return exists_share_[view]; }

 private:
  struct Task {
    const FoldedRow* row = nullptr;
    std::string id;
    std::string routing;
    CachedDocument current;
    bool known = false;  // what stands there: `current`, if `exists`
    bool exists = false;
    bool created = false;                 // sent as create
    std::uint64_t watermarks = 0;         // hash of what is sent
    std::optional<CachedDocument> prior;  // of a conflict: what our document was to replace, if there was any ...
    bool conflicted = false;              // ... for the conflict may be with ourselves, over an answer that was lost
    std::size_t begin = 0;                // of the document in the body
    std::size_t end = 0;
  };
  using Tasks = std::vector<Task*>;

  void make_tasks(const ViewLayout& layout, const ViewRows& rows);
  // The rest answer what stops the commit; nullopt: go on.
  std::optional<CommitResult> write_view(const ViewLayout& layout);
  std::optional<CommitResult> fetch(const ViewLayout& layout, const Tasks& tasks, bool learn);
  std::optional<CommitResult> write_round(const ViewLayout& layout, const Tasks& tasks, Tasks& again);
  std::optional<CommitResult> add_to_body(const ViewLayout& layout, Task& task);
  std::optional<CommitResult> flush(const ViewLayout& layout, Tasks& again);
  std::optional<CommitResult> take_answers(const ViewLayout& layout, const std::vector<ItemAnswer>& items, Tasks& again, bool& overloaded);
  void written(const ViewLayout& layout, Task& task, const ItemAnswer& item);
  void maybe_written(const ViewLayout& layout);
  void note_ahead(const ViewLayout& layout, const Task& task, const std::vector<Watermark>& watermarks);
  void keep(const ViewLayout& layout, Task& task);
  void learn(const ViewLayout& layout, std::size_t existed, std::size_t of);
  CommitResult reject(Error error);
  // put_back.cpp
  Result<void> put_back();
  Result<bool> put_back_some(std::span<UndoEntry*> entries);
  Result<void> look_again(std::span<UndoEntry*> entries);

  Cluster& cluster_;
  std::span<const ViewLayout> layouts_;
  BulkLimits limits_;
  DocumentCache cache_;
  DocumentReader reader_;
  UndoLog undo_;
  std::vector<double> exists_share_;  // by view
  std::vector<Task> tasks_;
  BulkBody body_;
  Tasks sent_;  // what the body holds, in order
  std::vector<RowAhead> ahead_;
  int overloads_ = 0;
};

std::string cache_key(const ViewLayout& layout, std::string_view id);

}  // namespace foldline::elasticsearch
