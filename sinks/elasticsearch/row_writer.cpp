#include "sinks/elasticsearch/row_writer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/fault_point.h"
#include "sinks/elasticsearch/straight.h"

namespace foldline::elasticsearch {

namespace {

constexpr double kLearnWeight = 0.3;  // of the newest answer
constexpr std::size_t kKeepTasks = 20'000;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t watermark_of(const std::vector<Watermark>& watermarks, const std::string& name) {
  for (const Watermark& mark : watermarks) {
    if (mark.name == name) return mark.next_offset;
  }
  return 0;
}

std::string writing(const ViewLayout& layout) { return fmt::format("writing documents of {}", layout.index); }

}  // namespace

std::string cache_key(const ViewLayout& layout, std::string_view id) {
  std::string out(1, static_cast<char>(layout.number));  // there are at most 64 views
  out += id;
  return out;
}

void RowWriter::reset(bool likely_there, std::size_t cache_bytes) {
  cache_.clear();
  cache_.set_max_bytes(cache_bytes);
  undo_.clear();
  std::fill(exists_share_.begin(), exists_share_.end(), likely_there ? 1.0 : 0.0);
}

void RowWriter::learn(const ViewLayout& layout, std::size_t existed, std::size_t of) {
  if (of == 0) return;
  double& share = exists_share_[layout.number];
  share += kLearnWeight * (static_cast<double>(existed) / static_cast<double>(of) - share);
}

CommitResult RowWriter::write(const CommitBatch& batch, const Before& before) {
  before_ = &before;
  before_said_.reset();
  ahead_.clear();
  overloads_ = 0;
  names_.clear();
  undo_.begin_commit();
  begin_before(batch);
  CommitResult out = write_views(batch);
  if (auto stopped = end_before()) out = std::move(*stopped);
  tasks_.clear();
  if (tasks_.capacity() > kKeepTasks) tasks_.shrink_to_fit();
  return out.status == CommitStatus::rejected ? reject(std::move(out.error)) : out;
}

// A large batch takes some milliseconds to encode: time in which a connection can be of use.
void RowWriter::begin_before(const CommitBatch& batch) {
  std::size_t rows = 0;
  for (const ViewRows& view : batch.views) rows += view.rows.size();
  if (pool_.connections() == 1 || rows < limits_.least_items) return;
  before_under_way_ = true;
  pool_.start(0, [this](Cluster&) { before_said_ = (*before_)(); });
}

// Before the first request that reads or writes a document, and in any case before a commit ends.
RowWriter::Stopped RowWriter::end_before() {
  if (before_ == nullptr) return std::nullopt;
  if (before_under_way_) {
    pool_.wait();
  } else {
    before_said_ = (*before_)();
  }
  before_under_way_ = false;
  before_ = nullptr;
  if (!before_said_) FOLDLINE_FAULT_POINT("search.ids_written");
  return std::exchange(before_said_, std::nullopt);
}

CommitResult RowWriter::write_views(const CommitBatch& batch) {
  for (const ViewRows& rows : batch.views) {
    if (rows.rows.empty()) continue;
    const ViewLayout& layout = layouts_[rows.view];
    make_tasks(layout, rows);
    if (auto stopped = write_view(layout)) return std::move(*stopped);
  }
  CommitResult out{CommitStatus::committed, {}, {}};
  if (ahead_.empty()) return out;
  out.status = CommitStatus::refold;
  out.ahead = std::move(ahead_);
  return out;
}

void RowWriter::make_tasks(const ViewLayout& layout, const ViewRows& rows) {
  const std::size_t key_size = layout.view->key.size();
  tasks_.clear();
  tasks_.reserve(rows.rows.size());
  for (const FoldedRow* row : rows.rows) {
    Task& task = tasks_.emplace_back();
    task.row = row;
    task.key += static_cast<char>(layout.number);  // as cache_key()
    append_document_id(task.key, {row->key, key_size});
    if (layout.routing >= 0) task.routing = key_text(row->key[layout.routing]);
    task.hash = DocumentCache::hash_of(task.key);
  }
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (i + kPrefetchedDocuments < tasks_.size()) cache_.prefetch(tasks_[i + kPrefetchedDocuments].hash);
    Task& task = tasks_[i];
    auto cached = cache_.take(task.key, task.hash);
    if (!cached) continue;
    task.current = std::move(*cached);
    task.known = task.exists = true;
  }
}

RowWriter::Stopped RowWriter::write_view(const ViewLayout& layout) {
  Tasks todo;
  Tasks unknown;
  for (Task& task : tasks_) {
    todo.push_back(&task);
    if (!task.known) unknown.push_back(&task);
  }
  if (exists_share_[layout.number] > kFetchFirstShare) {
    if (auto stopped = fetch(layout, unknown, true)) return stopped;
  }
  for (int round = 1; !todo.empty(); ++round) {
    Tasks again;
    if (auto stopped = write_round(layout, todo, again)) return stopped;
    todo = std::move(again);
    if (todo.empty()) break;
    if (round == limits_.max_rounds) {
      return CommitResult{
          CommitStatus::retry,
          {ErrorCode::store_unavailable, fmt::format("{}: {} of them conflict again and again", writing(layout), todo.size()),
           "other writers are at the same documents; the worker tries again", true},
          {}};
    }
    Tasks conflicted;
    for (Task* task : todo) {
      if (!task->known && task->conflicted) conflicted.push_back(task);
    }
    if (auto stopped = fetch(layout, conflicted, false)) return stopped;
  }
  return std::nullopt;
}

// Several requests at once; what is found is taken in when all have ended.
RowWriter::Stopped RowWriter::fetch(const ViewLayout& layout, const Tasks& tasks, bool learning) {
  if (tasks.empty()) return std::nullopt;
  if (auto stopped = end_before()) return stopped;
  using Found = Result<std::vector<StoredDocument>>;
  const std::string doing = fmt::format("reading documents of {}", layout.index);
  std::size_t existed = 0;
  for (std::size_t begin = 0; begin < tasks.size();) {
    std::vector<std::span<Task* const>> parts;
    while (begin < tasks.size() && parts.size() < 2 * pool_.connections()) {
      const std::size_t count = std::min(limits_.max_fetched, tasks.size() - begin);
      parts.push_back(std::span(tasks).subspan(begin, count));
      begin += count;
    }
    std::vector<Found> found(parts.size());
    const auto ask = [&](std::size_t i, Cluster& cluster) {
      std::vector<DocumentRef> refs;
      refs.reserve(parts[i].size());
      for (const Task* task : parts[i]) refs.push_back(task->ref());
      found[i] = cluster.multi_get(layout.index, refs, doing);
    };
    if (parts.size() == 1) {
      ask(0, cluster_);
    } else {
      for (std::size_t i = 0; i < parts.size(); ++i) pool_.start(i, [&ask, i](Cluster& cluster) { ask(i, cluster); });
      while (pool_.under_way() > 0) pool_.wait();
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!found[i]) return CommitResult{CommitStatus::retry, found[i].error(), {}};
      take_fetched(layout, parts[i], *found[i], existed);
    }
  }
  if (learning) learn(layout, existed, tasks.size());
  return std::nullopt;
}

void RowWriter::take_fetched(const ViewLayout& layout, std::span<Task* const> tasks, std::vector<StoredDocument>& found,
                             std::size_t& existed) {
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task& task = *tasks[i];
    StoredDocument& stored = found[i];
    task.known = true;
    task.exists = stored.found;
    size_bytes += stored.source.size();
    task.current = {std::move(stored.source), stored.seq_no, stored.primary_term};
    existed += stored.found ? 1U : 0U;
    if (!stored.found) undo_.settle(layout, task.id(), false, -1, 0);
  }
  if (size_bytes > limits_.max_bytes) limits_.max_fetched = std::max<std::size_t>(1, tasks.size() / 2);  // large documents: fewer at once
}

// Equal shares, so that no connection ends long before the others.
std::size_t RowWriter::items_of_a_bulk(std::size_t documents) const {
  const auto shares = [](std::size_t of, std::size_t each) { return (of + each - 1) / each; };
  const std::size_t connections = pool_.connections();
  std::size_t bulks = std::max(shares(documents, limits_.max_items), std::min(connections, documents / limits_.least_items));
  if (bulks > 1) bulks = shares(bulks, connections) * connections;
  return std::max<std::size_t>(1, shares(documents, std::max<std::size_t>(1, bulks)));
}

RowWriter::Stopped RowWriter::write_round(const ViewLayout& layout, const Tasks& tasks, Tasks& again) {
  Round round{layout, fmt::format("/{}/_bulk?require_alias=true", percent_encoded(layout.write_alias)), writing(layout)};
  const std::size_t items = items_of_a_bulk(tasks.size());
  Bulk* bulk = nullptr;
  for (Task* task : tasks) {
    if (bulk == nullptr) bulk = &free_bulk(round);
    if (round.stopped) break;
    if (auto stopped = add_to_body(layout, *task, *bulk)) {
      round.stopped = std::move(stopped);
      break;
    }
    if (bulk->body.size_bytes() < limits_.max_bytes && bulk->body.count() < items) continue;
    send(round, *bulk, task == tasks.back());
    bulk = nullptr;
  }
  if (bulk != nullptr && !round.stopped) send(round, *bulk, true);
  drain(round);
  if (round.stopped) return std::move(round.stopped);
  again = std::move(round.again);
  if (!round.waiting) return std::nullopt;
  if (++overloads_ >= kOverloadAttempts) return CommitResult{CommitStatus::retry, std::move(*round.waiting), {}};
  pause_before_attempt(overloads_);
  return std::nullopt;
}

const std::string& RowWriter::name_of(const TopicPartition& topic_partition) {
  const auto found = names_.find(&topic_partition);
  return found != names_.end() ? found->second : names_.emplace(&topic_partition, watermark_name(topic_partition)).first->second;
}

// G4: against what the folded row was made of.
RowWriter::Standing RowWriter::standing_of(const FoldedRow& row, const std::vector<Watermark>& watermarks) {
  std::size_t behind = 0;
  std::size_t included = 0;
  for (const RowSource& source : row.sources) {
    const std::int64_t next_offset = watermark_of(watermarks, name_of(*source.topic_partition));
    behind += next_offset <= source.first_offset ? 1U : 0U;
    included += next_offset > source.last_offset ? 1U : 0U;
  }
  if (behind == row.sources.size()) return Standing::behind;
  return included == row.sources.size() ? Standing::included : Standing::partly;
}

void RowWriter::advance(std::vector<Watermark>& watermarks, const FoldedRow& row) {
  for (const RowSource& source : row.sources) {
    const std::string& name = name_of(*source.topic_partition);
    const auto found = std::find_if(watermarks.begin(), watermarks.end(), [&](const Watermark& mark) { return mark.name == name; });
    if (found == watermarks.end()) {
      watermarks.push_back({name, source.last_offset + 1});
    } else {
      found->next_offset = source.last_offset + 1;
    }
  }
}

// What stands there, as far as it counts for what is written: of a straight document the watermarks only. Clears `straight` where its end
// is not what append_document() writes.
Result<void> RowWriter::read_current(const ViewLayout& layout, const Task& task, Document& out, bool& straight) {
  out.deleted = !task.exists;  // missing: nothing to start from, as in a tombstone
  if (!task.exists) {
    out.watermarks.clear();
    return {};
  }
  straight = straight && read_tail_watermarks(task.current.source, out.watermarks);
  if (straight) return {};
  auto read = reader_.read(layout, task.current.source);
  if (!read) return fail(read.error());
  out = std::move(*read);
  return {};
}

// Decides what becomes of one document, and writes it into the body if it changes.
RowWriter::Stopped RowWriter::add_to_body(const ViewLayout& layout, Task& task, Bulk& bulk) {
  bool straight = is_straight(layout, *task.row, task.exists);
  if (auto ok = read_current(layout, task, document_, straight); !ok) return CommitResult{CommitStatus::retry, ok.error(), {}};
  if (task.exists) {
    const Standing standing = standing_of(*task.row, document_.watermarks);
    undo_.settle(layout, task.id(), standing != Standing::behind, task.current.seq_no, task.current.primary_term);
    if (standing != Standing::behind) {
      leave(layout, task, document_.watermarks, standing == Standing::partly);
      return std::nullopt;
    }
  }
  advance(document_.watermarks, *task.row);
  task.watermarks = hash_of(document_.watermarks);
  task.created = !task.exists;
  const std::size_t before = bulk.body.size_bytes();
  bulk.body.begin(task.exists ? BulkOp::index : BulkOp::create, task.ref(), task.exists ? task.current.seq_no : -1,
                  task.current.primary_term);
  task.begin = bulk.body.size_bytes();
  if (auto stopped = add_new_text(layout, task, bulk, document_, straight)) {
    bulk.body.cut(before);
    return stopped;
  }
  task.end = bulk.body.size_bytes();
  bulk.body.end();
  bulk.sent.push_back(&task);
  return std::nullopt;
}

RowWriter::Stopped RowWriter::add_new_text(const ViewLayout& layout, Task& task, Bulk& bulk, const Document& document, bool straight) {
  const auto refused = [&](const Error& error) {
    return CommitResult{
        CommitStatus::rejected, {error.code, fmt::format("view {}: {}", layout.view->name, error.message), error.hint, false}, {}};
  };
  std::string& text = bulk.body.text();
  if (straight) {
    if (auto ok = append_straight(text, layout, *task.row, document.watermarks); !ok) return refused(ok.error());
    return std::nullopt;
  }
  auto after = rows::apply(*layout.view, document.deleted ? nullptr : &document.row, *task.row);
  if (!after) return refused(after.error());
  if (*after) {
    if (auto ok = append_document(text, layout, **after, document.watermarks); !ok) return refused(ok.error());
  } else {
    append_tombstone(text, document.watermarks, now_ms());  // G25: also where nothing stood, for the watermark
  }
  return std::nullopt;
}

void RowWriter::leave(const ViewLayout& layout, Task& task, const std::vector<Watermark>& watermarks, bool partly) {
  // libcurl sends a request again when a kept connection turns out to be dead: then the conflict is with ourselves.
  if (task.conflicted && hash_of(watermarks) == task.watermarks) {
    std::string prior = task.prior ? std::move(task.prior->source) : std::string();
    undo_.written({&layout, std::string(task.id()), task.routing, task.prior.has_value(), std::move(prior), task.current.seq_no,
                   task.current.primary_term, task.watermarks});
  }
  if (partly) note_ahead(layout, task, watermarks);
  keep(task);
}

void RowWriter::note_ahead(const ViewLayout& layout, const Task& task, const std::vector<Watermark>& watermarks) {
  const std::string key = rows::encode_key({task.row->key, layout.view->key.size()});
  for (const Watermark& mark : watermarks) {
    auto topic_partition = parse_watermark_name(mark.name);
    if (topic_partition) ahead_.push_back({layout.number, task.row->key_hash, key, std::move(*topic_partition), mark.next_offset});
  }
}

}  // namespace foldline::elasticsearch
