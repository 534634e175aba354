#include "sinks/elasticsearch/row_writer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "common/fault_point.h"

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

enum class Standing : std::uint8_t {
  behind,    // the document holds nothing of what was folded
  partly,    // a part of it
  included,  // all of it
};

// G4: against what the folded row was made of.
Standing standing_of(const FoldedRow& row, const std::vector<Watermark>& watermarks) {
  std::size_t behind = 0;
  std::size_t included = 0;
  for (const RowSource& source : row.sources) {
    const std::int64_t next_offset = watermark_of(watermarks, watermark_name(*source.topic_partition));
    behind += next_offset <= source.first_offset ? 1U : 0U;
    included += next_offset > source.last_offset ? 1U : 0U;
  }
  if (behind == row.sources.size()) return Standing::behind;
  return included == row.sources.size() ? Standing::included : Standing::partly;
}

void advance(std::vector<Watermark>& watermarks, const FoldedRow& row) {
  for (const RowSource& source : row.sources) {
    const std::string name = watermark_name(*source.topic_partition);
    const auto found = std::find_if(watermarks.begin(), watermarks.end(), [&](const Watermark& mark) { return mark.name == name; });
    if (found == watermarks.end()) {
      watermarks.push_back({name, source.last_offset + 1});
    } else {
      found->next_offset = source.last_offset + 1;
    }
  }
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

CommitResult RowWriter::write(const CommitBatch& batch) {
  ahead_.clear();
  overloads_ = 0;
  undo_.begin_commit();
  for (const ViewRows& rows : batch.views) {
    if (rows.rows.empty()) continue;
    const ViewLayout& layout = layouts_[rows.view];
    make_tasks(layout, rows);
    auto stopped = write_view(layout);
    tasks_.clear();
    if (tasks_.capacity() > kKeepTasks) tasks_.shrink_to_fit();
    if (stopped) return std::move(*stopped);
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
    task.id = document_id({row->key, key_size});
    if (layout.routing >= 0) task.routing = key_text(row->key[layout.routing]);
    if (auto cached = cache_.take(cache_key(layout, task.id))) {
      task.current = std::move(*cached);
      task.known = task.exists = true;
    }
  }
}

std::optional<CommitResult> RowWriter::write_view(const ViewLayout& layout) {
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
      if (!task->known) conflicted.push_back(task);
    }
    if (auto stopped = fetch(layout, conflicted, false)) return stopped;
  }
  return std::nullopt;
}

std::optional<CommitResult> RowWriter::fetch(const ViewLayout& layout, const Tasks& tasks, bool learning) {
  std::size_t existed = 0;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < tasks.size(); begin += count) {
    count = std::min(limits_.max_fetched, tasks.size() - begin);
    std::size_t size_bytes = 0;
    std::vector<DocumentRef> refs;
    for (std::size_t i = begin; i < begin + count; ++i) refs.push_back({tasks[i]->id, tasks[i]->routing});
    auto found = cluster_.multi_get(layout.index, refs, fmt::format("reading documents of {}", layout.index));
    if (!found) return CommitResult{CommitStatus::retry, found.error(), {}};
    for (std::size_t i = 0; i < count; ++i) {
      Task& task = *tasks[begin + i];
      StoredDocument& stored = (*found)[i];
      task.known = true;
      task.exists = stored.found;
      size_bytes += stored.source.size();
      task.current = {std::move(stored.source), stored.seq_no, stored.primary_term};
      existed += stored.found ? 1U : 0U;
      if (!stored.found) undo_.settle(layout, task.id, false, -1, 0);
    }
    if (size_bytes > limits_.max_bytes) limits_.max_fetched = std::max<std::size_t>(1, count / 2);  // large documents: fewer at once
  }
  if (learning) learn(layout, existed, tasks.size());
  return std::nullopt;
}

std::optional<CommitResult> RowWriter::write_round(const ViewLayout& layout, const Tasks& tasks, Tasks& again) {
  body_.clear();
  sent_.clear();
  for (Task* task : tasks) {
    if (auto stopped = add_to_body(layout, *task)) return stopped;
    if (body_.size_bytes() < limits_.max_bytes && body_.count() < limits_.max_items) continue;
    if (auto stopped = flush(layout, again)) return stopped;
  }
  return flush(layout, again);
}

// Decides what becomes of one document, and writes it into the body if it changes.
std::optional<CommitResult> RowWriter::add_to_body(const ViewLayout& layout, Task& task) {
  Document document;
  document.deleted = true;  // missing: nothing to start from, as in a tombstone
  if (task.exists) {
    auto read = reader_.read(layout, task.current.source);
    if (!read) return CommitResult{CommitStatus::retry, read.error(), {}};
    document = std::move(*read);
    const Standing standing = standing_of(*task.row, document.watermarks);
    undo_.settle(layout, task.id, standing != Standing::behind, task.current.seq_no, task.current.primary_term);
    if (standing != Standing::behind) {
      // libcurl sends a request again when a kept connection turns out to be dead: then the conflict is with ourselves.
      if (task.conflicted && hash_of(document.watermarks) == task.watermarks) {
        std::string prior = task.prior ? std::move(task.prior->source) : std::string();
        undo_.written({&layout, task.id, task.routing, task.prior.has_value(), std::move(prior), task.current.seq_no,
                       task.current.primary_term, task.watermarks});
      }
      if (standing == Standing::partly) note_ahead(layout, task, document.watermarks);
      keep(layout, task);
      return std::nullopt;
    }
  }
  auto after = rows::apply(*layout.view, document.deleted ? nullptr : &document.row, *task.row);
  if (!after) return reject(after.error());
  advance(document.watermarks, *task.row);
  task.watermarks = hash_of(document.watermarks);
  const std::size_t before = body_.size_bytes();
  task.created = !task.exists;
  body_.begin(task.exists ? BulkOp::index : BulkOp::create, {task.id, task.routing}, task.exists ? task.current.seq_no : -1,
              task.current.primary_term);
  task.begin = body_.size_bytes();
  if (*after) {
    if (auto ok = append_document(body_.text(), layout, **after, document.watermarks); !ok) {
      body_.cut(before);
      return reject({ok.error().code, fmt::format("view {}: {}", layout.view->name, ok.error().message), ok.error().hint, false});
    }
  } else {
    append_tombstone(body_.text(), document.watermarks, now_ms());  // G25: also where nothing stood, for the watermark
  }
  task.end = body_.size_bytes();
  body_.end();
  sent_.push_back(&task);
  return std::nullopt;
}

void RowWriter::note_ahead(const ViewLayout& layout, const Task& task, const std::vector<Watermark>& watermarks) {
  const std::string key = rows::encode_key({task.row->key, layout.view->key.size()});
  for (const Watermark& mark : watermarks) {
    auto topic_partition = parse_watermark_name(mark.name);
    if (topic_partition) ahead_.push_back({layout.number, task.row->key_hash, key, std::move(*topic_partition), mark.next_offset});
  }
}

void RowWriter::keep(const ViewLayout& layout, Task& task) { cache_.put(cache_key(layout, task.id), std::move(task.current)); }

std::optional<CommitResult> RowWriter::flush(const ViewLayout& layout, Tasks& again) {
  if (sent_.empty()) return std::nullopt;
  const std::string path = fmt::format("/{}/_bulk?require_alias=true", percent_encoded(layout.write_alias));
  FOLDLINE_FAULT_POINT("search.before_bulk");
  auto items = cluster_.bulk(path, body_, writing(layout));
  FOLDLINE_FAULT_POINT("search.bulk_answered");
  bool overloaded = false;
  std::optional<CommitResult> stopped;
  if (items) {
    stopped = take_answers(layout, *items, again, overloaded);
  } else if (items.error().too_large) {
    if (sent_.size() == 1) {
      stopped = reject({ErrorCode::store_rejected,
                        fmt::format("view {}: a document of {} bytes: {}", layout.view->name, sent_[0]->end - sent_[0]->begin,
                                    items.error().error.message),
                        "raise http.max_content_length of the cluster, or keep less in a document", false});
    } else {
      limits_.max_bytes = std::max<std::size_t>(1, body_.size_bytes() / 2);
      again.insert(again.end(), sent_.begin(), sent_.end());
    }
  } else {
    // G5: whatever of it was carried out, the watermarks of those documents say so when they are met again.
    if (items.error().may_be_done) maybe_written(layout);
    if (!items.error().error.retryable) items.error().error.retryable = true;
    stopped = CommitResult{CommitStatus::retry, items.error().error, {}};
  }
  body_.clear();
  sent_.clear();
  if (!stopped && overloaded) pause_before_attempt(overloads_);
  return stopped;
}

std::optional<CommitResult> RowWriter::take_answers(const ViewLayout& layout, const std::vector<ItemAnswer>& items, Tasks& again,
                                                    bool& overloaded) {
  std::optional<Error> refused;
  std::optional<Error> waiting;
  std::size_t created = 0;
  std::size_t existed = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Task& task = *sent_[i];
    const ItemAnswer& item = items[i];
    created += task.created && (item.ok() || item.status == 409) ? 1U : 0U;
    if (item.ok()) {
      written(layout, task, item);
    } else if (item.status == 409) {
      existed += task.created ? 1U : 0U;
      task.known = false;
      task.conflicted = true;
      task.prior.reset();
      if (task.exists) task.prior = std::move(task.current);
      again.push_back(&task);
    } else if (is_overload(item.status)) {
      overloaded = true;
      waiting = error_of(item, writing(layout));
      again.push_back(&task);
    } else if (error_of(item, "").retryable) {
      waiting = error_of(item, writing(layout));
      overloads_ = kOverloadAttempts;  // not to be waited out here
    } else if (!refused) {
      refused = error_of(item, fmt::format("view {}", layout.view->name));
      refused->code = ErrorCode::store_rejected;
    }
  }
  learn(layout, existed, created);
  if (refused) return reject(std::move(*refused));
  if (waiting && ++overloads_ >= kOverloadAttempts) return CommitResult{CommitStatus::retry, std::move(*waiting), {}};
  return std::nullopt;
}

void RowWriter::written(const ViewLayout& layout, Task& task, const ItemAnswer& item) {
  undo_.written(
      {&layout, task.id, task.routing, task.exists, std::move(task.current.source), item.seq_no, item.primary_term, task.watermarks});
  cache_.put(cache_key(layout, task.id),
             {std::string(body_.view().substr(task.begin, task.end - task.begin)), item.seq_no, item.primary_term});
}

void RowWriter::maybe_written(const ViewLayout& layout) {
  for (Task* task : sent_) {
    undo_.written({&layout, task->id, task->routing, task->exists, std::move(task->current.source), -1, 0, task->watermarks});
  }
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

}  // namespace foldline::elasticsearch
