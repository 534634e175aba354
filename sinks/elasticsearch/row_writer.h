// The documents of a batch: read where needed, folded into, written item by item (G24, G27), and put back when the store refuses one.
//
//   CommitResult r = writer.write(batch);   // committed: all rows stand
//
// One round of a document: what stands there is known (from the cache, or fetched), or taken to be missing; its watermarks say whether
// the folded row is new to it; the result is written under its seq_no, or created. 409: somebody else wrote it, or an answer of ours
// was lost; it is fetched, and the next round decides again. Whoever owns the checkpoints by now: a zombie's documents are as true to the
// log as anybody's, since each document takes each event once.
//
// A round is cut into bulks, several of which are under way at once, each over a connection of its own (request_pool.h). A document is in
// one bulk of a round only, and the next round begins when all of this one have been answered: so no document is ever in two requests, and
// the order of bulks says nothing. A commit ends, however it ends, with nothing under way: what a later bulk has written when an earlier
// one failed is known, and put back with the rest (G28).
//
// Crash: any subset of the documents stands, in no order (the third bulk and not the first), each whole and each with its watermarks; the
// checkpoint stands where it was. Whoever reads the events again leaves those documents alone, or is told how far they are (refold).
// One thread at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sinks/elasticsearch/cache.h"
#include "sinks/elasticsearch/cluster.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/elasticsearch/layout.h"
#include "sinks/elasticsearch/request_pool.h"
#include "sinks/elasticsearch/undo.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

inline constexpr std::size_t kDefaultConnections = 2;  // of a sink: requests under way at once

struct BulkLimits {
  std::size_t max_bytes = 8U << 20U;  // of one request; a 413 halves it for the rest of the sink's life
  std::size_t max_items = 2'500;
  std::size_t least_items = 500;    // fewer are not worth a request of their own, only because a connection is free
  std::size_t max_fetched = 1'000;  // documents of one _mget
  int max_rounds = 12;              // of conflicts, before the batch is tried again later
  std::size_t connections = kDefaultConnections;
};

// Above this share of documents that turn out to exist, unknown ones are fetched before they are written; below it they are created unread.
inline constexpr double kFetchFirstShare = 0.2;

class RowWriter {
 public:
  RowWriter(Cluster& cluster, const HttpOptions& http, std::span<const ViewLayout> layouts, BulkLimits limits, std::size_t cache_bytes,
            std::shared_ptr<std::atomic<std::uint32_t>> all_under_way)
      : cluster_(cluster),
        pool_(http, limits.connections, std::move(all_under_way)),
        layouts_(layouts),
        limits_(limits),
        cache_(cache_bytes),
        exists_share_(layouts.size(), 0.0) {}

  // What has to stand before the first document does; nullopt: it stands. Called once, by whichever thread: the first bulks are encoded
  // meanwhile, and wait for it.
  using Before = std::function<std::optional<CommitResult>()>;
  // committed (all rows stand), refold, retry or rejected (everything since forget_undo() is put back); or what `before` says.
  CommitResult write(const CommitBatch& batch, const Before& before);

  // The checkpoint has passed what was written, or belongs to somebody else.
  void forget_undo() { undo_.clear(); }
  // After opening: caches go (G2), and whether documents are likely to be there already.
  void reset(bool likely_there, std::size_t cache_bytes);

  [[nodiscard]] const DocumentCache& cache() const { return cache_; }
  [[nodiscard]] double exists_share(std::size_t view) const { return exists_share_[view]; }

 private:
  struct Task {
    const FoldedRow* row = nullptr;
    std::string key;  // cache_key(): a byte for the view, and the _id
    std::string routing;
    std::uint64_t hash = 0;  // of the key
    CachedDocument current;
    bool known = false;  // what stands there: `current`, if `exists`
    bool exists = false;
    bool created = false;                 // sent as create
    std::uint64_t watermarks = 0;         // hash of what is sent
    std::optional<CachedDocument> prior;  // of a conflict: what our document was to replace, if there was any ...
    bool conflicted = false;              // ... for the conflict may be with ourselves, over an answer that was lost
    std::size_t begin = 0;                // of the document in the body
    std::size_t end = 0;
    [[nodiscard]] std::string_view id() const { return std::string_view(key).substr(1); }
    [[nodiscard]] DocumentRef ref() const { return {id(), routing}; }
  };
  enum class Standing : std::uint8_t {
    behind,    // the document holds nothing of what was folded
    partly,    // a part of it
    included,  // all of it
  };
  using Tasks = std::vector<Task*>;
  using Stopped = std::optional<CommitResult>;  // nullopt: go on; rejected: nothing is put back yet

  // One request, from its first document to its answer.
  struct Bulk {
    BulkBody body;
    Tasks sent;  // what the body holds, in order
    tl::expected<std::vector<ItemAnswer>, BulkFailure> answer;
    bool busy = false;  // on its way: the pool has it
  };
  // One pass over documents of a view.
  struct Round {
    const ViewLayout& layout;
    std::string path;
    std::string doing;
    Tasks again{};                   // for the next round
    Stopped stopped{};               // nothing more is sent; what is under way is waited for
    std::optional<Error> waiting{};  // some were not taken, for the store is overloaded
  };

  CommitResult write_views(const CommitBatch& batch);
  void begin_before(const CommitBatch& batch);
  Stopped end_before();
  void make_tasks(const ViewLayout& layout, const ViewRows& rows);
  Stopped write_view(const ViewLayout& layout);
  Stopped fetch(const ViewLayout& layout, const Tasks& tasks, bool learn);
  void take_fetched(const ViewLayout& layout, std::span<Task* const> tasks, std::vector<StoredDocument>& found, std::size_t& existed);
  Stopped write_round(const ViewLayout& layout, const Tasks& tasks, Tasks& again);
  [[nodiscard]] std::size_t items_of_a_bulk(std::size_t documents) const;
  Stopped add_to_body(const ViewLayout& layout, Task& task, Bulk& bulk);
  Result<void> read_current(const ViewLayout& layout, const Task& task, Document& out, bool& straight);
  Stopped add_new_text(const ViewLayout& layout, Task& task, Bulk& bulk, const Document& document, bool straight);
  // A document that holds some of the row already, or all of it, is not written.
  void leave(const ViewLayout& layout, Task& task, const std::vector<Watermark>& watermarks, bool partly);
  Standing standing_of(const FoldedRow& row, const std::vector<Watermark>& watermarks);
  void advance(std::vector<Watermark>& watermarks, const FoldedRow& row);
  const std::string& name_of(const TopicPartition& topic_partition);
  void note_ahead(const ViewLayout& layout, const Task& task, const std::vector<Watermark>& watermarks);
  void keep(Task& task) { cache_.put(std::move(task.key), task.hash, std::move(task.current)); }
  void learn(const ViewLayout& layout, std::size_t existed, std::size_t of);
  // row_bulks.cpp
  Bulk& free_bulk(Round& round);
  void send(Round& round, Bulk& bulk, bool last);
  void drain(Round& round);
  void take_answer(Round& round, Bulk& bulk);
  void take_failure(Round& round, Bulk& bulk, BulkFailure& failure);
  void take_items(Round& round, Bulk& bulk, const std::vector<ItemAnswer>& items);
  void written(Round& round, Task& task, const Bulk& bulk, const ItemAnswer& item);
  void maybe_written(Round& round, const Bulk& bulk);
  // put_back.cpp
  CommitResult reject(Error error);
  Result<void> put_back();
  Result<bool> put_back_some(std::span<UndoEntry*> entries);
  Result<void> look_again(std::span<UndoEntry*> entries);

  Cluster& cluster_;
  RequestPool pool_;
  std::span<const ViewLayout> layouts_;
  BulkLimits limits_;
  DocumentCache cache_;
  DocumentReader reader_;
  UndoLog undo_;
  std::vector<double> exists_share_;  // by view
  std::vector<Task> tasks_;
  Document document_;                                             // of the row at hand; its strings are used again
  std::unordered_map<const TopicPartition*, std::string> names_;  // watermark_name() of the batch's partitions
  std::deque<Bulk> bulks_;          // never more than connections + 1: one is filled while the others are under way
  const Before* before_ = nullptr;  // not called yet
  bool before_under_way_ = false;   // the pool does it
  Stopped before_said_;
  std::vector<RowAhead> ahead_;
  int overloads_ = 0;
};

std::string cache_key(const ViewLayout& layout, std::string_view id);

}  // namespace foldline::elasticsearch
