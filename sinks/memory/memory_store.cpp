#include "sinks/memory/memory_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace foldline::memory {

namespace {

Error unavailable(std::string_view when) {
  return {ErrorCode::store_unavailable, fmt::format("the memory store was told to fail: {}", when), "", true};
}

// This store has no format of its own. What is encoded ahead are the rows in words, so that a test sees whether a batch comes with another
// one's, or was changed since.
class DescribedRows final : public EncodedRows {
 public:
  std::string words;
};

std::string describe_rows(const std::vector<ViewSchema>& schemas, std::span<const ViewRows> views) {
  std::string out;
  for (const ViewRows& view : views) {
    const ViewSchema& schema = schemas[view.view];
    for (const FoldedRow* row : view.rows) {
      out += fmt::format("{} {} {} {}", view.view, static_cast<int>(row->base), row->soft_deleted, row->upserted);
      for (std::size_t i = 0; i < schema.key.size(); ++i) out += ' ' + describe(row->key[i]);
      for (std::size_t i = 0; i < schema.fields.size(); ++i) {
        const Cell& cell = row->cells[i];
        if (cell.state != CellState::none) out += fmt::format(" {}{}={}", i, to_string(cell.op), describe(cell.value));
      }
      out += '\n';
    }
  }
  return out;
}

CommitResult fenced() { return {CommitStatus::fenced, {ErrorCode::fenced, "another owner moved a checkpoint", "", false}}; }

}  // namespace

// One lane's access. Keeps what it saw at open(): where each domain stood (G4).
class MemorySink final : public Sink {
 public:
  explicit MemorySink(MemoryStore& store) : store_(store) {}

  Result<std::vector<OpenedPartition>> open(const OpenRequest& request) override;
  CommitResult commit(const CommitBatch& batch) override;
  Result<std::vector<OpenedPartition>> reload(std::span<const TopicPartition> partitions) override;
  Result<std::vector<std::uint32_t>> known_ids(std::span<const Hash128> ids) override;
  [[nodiscard]] Result<void> check(const ViewSchema& /*view*/, const Change& /*change*/) const override { return {}; }
  [[nodiscard]] bool encode_ahead(std::span<const ViewRows> views, std::unique_ptr<EncodedRows>& into) const override {
    encoded_as<DescribedRows>(into).words = describe_rows(store_.views_, views);
    return true;
  }
  [[nodiscard]] std::uint32_t domain_of(std::uint32_t view, const Value* /*key*/, std::uint64_t key_hash) const override {
    return store_.domain_of(view, key_hash);
  }
  [[nodiscard]] std::size_t batch_rows() const override { return store_.batch_rows_.load(std::memory_order_relaxed); }

 private:
  struct StagedRow {
    std::uint32_t view = 0;
    std::uint32_t domain = 0;
    std::string key;
    std::optional<StoredRow> row;
  };

  [[nodiscard]] OpenedPartition describe_partition(const TopicPartition& topic_partition) const;
  [[nodiscard]] bool owns(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain) const;
  [[nodiscard]] bool applied(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain) const;
  [[nodiscard]] Result<std::vector<StagedRow>> stage(const CommitBatch& batch) const;
  void store_ids(const PartitionCommit& part);
  void move_checkpoint(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain);
  [[nodiscard]] bool owns_all(const CommitBatch& batch, std::uint32_t domain) const;
  [[nodiscard]] std::vector<std::uint32_t> known_among(std::span<const Hash128> ids) const;
  CommitResult commit_by_row(const CommitBatch& batch);
  CommitResult write_rows(const CommitBatch& batch);
  [[nodiscard]] Fault fault(Step step, std::uint32_t domain = 0) const {
    return store_.fault_hook_ ? store_.fault_hook_(step, domain) : Fault::none;
  }

  MemoryStore& store_;
  std::map<TopicPartition, std::vector<std::int64_t>> opened_offsets_;  // per domain
};

MemoryStore::MemoryStore(std::vector<ViewSchema> views, MemoryOptions options) : views_(std::move(views)), options_(options) {
  state_.views.resize(views_.size());
  state_.watermarks.resize(views_.size());
}

SinkTraits MemoryStore::traits() const {
  SinkTraits traits;
  traits.domains = options_.domains;
  traits.row_watermarks = options_.row_watermarks;
  traits.checkpoint_may_vanish = options_.checkpoint_may_vanish;
  traits.exact_ids = options_.domains == 1 && !options_.row_watermarks;
  traits.max_batch_rows = options_.max_batch_rows;
  return traits;
}

Result<std::unique_ptr<Sink>> MemoryStore::new_sink() { return std::make_unique<MemorySink>(*this); }

Result<std::vector<StoredCheckpoint>> MemoryStore::checkpoints() {
  const std::lock_guard lock(mutex_);
  std::vector<StoredCheckpoint> out;
  for (const auto& [topic_partition, partition] : state_.partitions) {
    out.push_back({topic_partition, *std::min_element(partition.checkpoints.begin(), partition.checkpoints.end(),
                                                      [](const auto& a, const auto& b) { return a.next_offset < b.next_offset; })});
  }
  return out;
}

Result<std::string> MemoryStore::first_topics(const std::string& now) {
  const std::lock_guard lock(mutex_);
  if (!state_.first_topics) state_.first_topics = now;
  return *state_.first_topics;
}

void MemoryStore::set_fault_hook(FaultHook hook) {
  const std::lock_guard lock(mutex_);
  fault_hook_ = std::move(hook);
}

void MemoryStore::set_reject_hook(RejectHook hook) {
  const std::lock_guard lock(mutex_);
  reject_hook_ = std::move(hook);
}

MemoryStore::State MemoryStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void MemoryStore::restore(State state) {
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

Rows MemoryStore::rows(std::size_t view) const {
  const std::lock_guard lock(mutex_);
  return state_.views[view];
}

std::vector<std::string> MemoryStore::dump(std::size_t view, bool guards) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [key, row] : state_.views[view]) {
    std::string line;
    for (const rows::OwnedValue& part : row.key) line += part.to_string() + " ";
    for (std::size_t f = 0; f < row.fields.size(); ++f)
      line += fmt::format("{}={} ", views_[view].fields[f].name, row.fields[f].to_string());
    for (std::size_t g = 0; guards && g < row.guards.size(); ++g) line += fmt::format("#{}={:02x} ", g, fmt::join(row.guards[g], ""));
    out.push_back(std::move(line));
  }
  return out;
}

std::uint32_t MemoryStore::domain_of(std::uint32_t view, std::uint64_t key_hash) const {
  return static_cast<std::uint32_t>((key_hash + view) % options_.domains);
}

OpenedPartition MemorySink::describe_partition(const TopicPartition& topic_partition) const {
  OpenedPartition out;
  const auto found = store_.state_.partitions.find(topic_partition);
  if (found == store_.state_.partitions.end()) return out;
  const auto& checkpoints = found->second.checkpoints;
  out.found = true;
  out.checkpoint =
      *std::min_element(checkpoints.begin(), checkpoints.end(), [](const auto& a, const auto& b) { return a.next_offset < b.next_offset; });
  if (checkpoints.size() > 1) {
    for (const Checkpoint& checkpoint : checkpoints) out.domain_next_offsets.push_back(checkpoint.next_offset);
  }
  return out;
}

Result<std::vector<OpenedPartition>> MemorySink::open(const OpenRequest& request) {
  const std::lock_guard lock(store_.mutex_);
  if (fault(Step::open) != Fault::none) return fail(unavailable("open"));
  std::vector<OpenedPartition> out;
  for (const TopicPartition& topic_partition : request.partitions) {
    OpenedPartition& opened = out.emplace_back(describe_partition(topic_partition));
    opened_offsets_.erase(topic_partition);
    if (!opened.found) continue;
    auto& partition = store_.state_.partitions[topic_partition];
    for (Checkpoint& checkpoint : partition.checkpoints) checkpoint.owner = request.owner;
    opened.checkpoint.owner = request.owner;
    opened_offsets_[topic_partition] =
        opened.domain_next_offsets.empty() ? std::vector{opened.checkpoint.next_offset} : opened.domain_next_offsets;
    for (const auto& [first_offset, chunk] : partition.ids) {
      if (request.id_window > 0 && chunk.last_offset >= opened.checkpoint.next_offset - request.id_window) opened.ids.push_back(chunk);
    }
  }
  if (fault(Step::opened) != Fault::none) return fail(unavailable("answer to open"));
  return out;
}

Result<std::vector<OpenedPartition>> MemorySink::reload(std::span<const TopicPartition> partitions) {
  const std::lock_guard lock(store_.mutex_);
  if (fault(Step::reload) != Fault::none) return fail(unavailable("reload"));
  std::vector<OpenedPartition> out;
  for (const TopicPartition& topic_partition : partitions) out.push_back(describe_partition(topic_partition));
  return out;
}

// The compare of the compare-and-set (G1), for one domain.
bool MemorySink::owns(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain) const {
  const auto found = store_.state_.partitions.find(*part.topic_partition);
  if (found == store_.state_.partitions.end()) return part.expected_missing;
  const Checkpoint& stored = found->second.checkpoints[domain];
  if (stored.owner != batch.owner) return false;
  if (stored.next_offset == part.expected_offset && !part.expected_missing) return true;
  if (part.expected_missing && stored.owner == batch.owner && stored.batch_id == Uuid{}) return true;  // the first commit, interrupted
  // G4: a domain that was ahead of the smallest when it was opened.
  const auto opened = opened_offsets_.find(*part.topic_partition);
  return opened != opened_offsets_.end() && stored.next_offset > part.expected_offset && stored.next_offset == opened->second[domain];
}

bool MemorySink::applied(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain) const {
  const auto found = store_.state_.partitions.find(*part.topic_partition);
  if (found == store_.state_.partitions.end()) return false;
  const Checkpoint& stored = found->second.checkpoints[domain];
  return stored.owner == batch.owner && stored.batch_id == batch.batch_id && !batch.batch_id.is_nil();
}

Result<std::vector<MemorySink::StagedRow>> MemorySink::stage(const CommitBatch& batch) const {
  std::vector<StagedRow> staged;
  for (const ViewRows& rows : batch.views) {
    const ViewSchema& view = store_.views_[rows.view];
    const Rows& stored = store_.state_.views[rows.view];
    for (const FoldedRow* row : rows.rows) {
      const std::uint32_t domain = store_.domain_of(rows.view, row->key_hash);
      if (!batch.partitions.empty() && applied(batch.partitions.front(), batch, domain)) continue;
      if (store_.reject_hook_ && store_.reject_hook_(view, *row)) {
        return fail(ErrorCode::store_rejected, fmt::format("view {}: the memory store was told to reject the row", view.name));
      }
      std::string key = rows::encode_key({row->key, view.key.size()});
      const auto found = stored.find(key);
      auto after = rows::apply(view, found == stored.end() ? nullptr : &found->second, *row);
      if (!after) return fail(after.error());
      staged.push_back({rows.view, domain, std::move(key), std::move(*after)});
    }
  }
  return staged;
}

void MemorySink::store_ids(const PartitionCommit& part) {
  if (part.expected_missing) return;  // the first commit of a partition carries none
  auto& ids = store_.state_.partitions[*part.topic_partition].ids;
  if (part.ids_first_offset >= 0) {
    const auto tail = ids.find(part.tail_first_offset);
    if (tail != ids.end()) {
      tail->second.packed += part.ids;
      tail->second.last_offset = part.ids_last_offset;
    } else {
      ids[part.ids_first_offset] = {part.ids_first_offset, part.ids_last_offset, std::string(part.ids)};
    }
  }
  std::erase_if(ids, [&](const auto& chunk) { return chunk.second.last_offset < part.trim_ids_below; });
}

void MemorySink::move_checkpoint(const PartitionCommit& part, const CommitBatch& batch, std::uint32_t domain) {
  auto& partition = store_.state_.partitions[*part.topic_partition];
  if (partition.checkpoints.empty()) {
    // The first commit of a partition carries no rows, so a domain that it did not reach starts at the same place.
    Checkpoint first = part.after;
    first.owner = batch.owner;
    first.batch_id = Uuid{};
    partition.checkpoints.assign(store_.options_.domains, first);
  }
  Checkpoint& stored = partition.checkpoints[domain];
  // G4: a domain that is ahead stays there.
  const bool ahead = !part.expected_missing && stored.next_offset > part.after.next_offset && stored.next_offset > part.expected_offset;
  if (!ahead) stored = part.after;
  stored.owner = batch.owner;
  stored.batch_id = batch.batch_id;
}

bool MemorySink::owns_all(const CommitBatch& batch, std::uint32_t domain) const {
  return std::ranges::all_of(batch.partitions,
                             [&](const PartitionCommit& part) { return applied(part, batch, domain) || owns(part, batch, domain); });
}

namespace {

enum class RowStanding : std::uint8_t {
  behind,    // holds nothing of what was folded
  partly,    // a part of it
  included,  // all of it
};

// G4: against what the folded row was made of.
RowStanding standing_of(const FoldedRow& row, const MemoryStore::Watermarks& watermarks) {
  std::size_t behind = 0;
  std::size_t included = 0;
  for (const RowSource& source : row.sources) {
    const auto found = watermarks.find(*source.topic_partition);
    const std::int64_t next_offset = found == watermarks.end() ? 0 : found->second;
    behind += next_offset <= source.first_offset ? 1U : 0U;
    included += next_offset > source.last_offset ? 1U : 0U;
  }
  if (behind == row.sources.size()) return RowStanding::behind;
  return included == row.sources.size() ? RowStanding::included : RowStanding::partly;
}

}  // namespace

// Rows first, one at a time, whoever owns the checkpoints by now: a zombie's rows are as true to the log as anybody's. Only then the
// checkpoints, compared and set.
CommitResult MemorySink::commit_by_row(const CommitBatch& batch) {
  if (!batch.partitions.empty() && applied(batch.partitions.front(), batch, 0)) return {CommitStatus::committed, {}};
  auto staged = stage(batch);
  if (!staged) return {CommitStatus::rejected, staged.error()};
  if (owns_all(batch, 0)) {  // a real store compares the chunk's version: a zombie can't overwrite the owner's
    for (const PartitionCommit& part : batch.partitions) store_ids(part);
  }
  if (CommitResult written = write_rows(batch); written.status != CommitStatus::committed) return written;
  if (fault(Step::rows_written) != Fault::none) return {CommitStatus::retry, unavailable("checkpoints")};
  if (!owns_all(batch, 0)) return fenced();
  for (const PartitionCommit& part : batch.partitions) move_checkpoint(part, batch, 0);
  if (fault(Step::commit_applied) != Fault::none) return {CommitStatus::retry, unavailable("answer to commit")};
  return {CommitStatus::committed, {}};
}

CommitResult MemorySink::write_rows(const CommitBatch& batch) {
  CommitResult out{CommitStatus::committed, {}};
  for (const ViewRows& rows : batch.views) {
    for (const FoldedRow* row : rows.rows) {
      if (fault(Step::row_begin) != Fault::none) return {CommitStatus::retry, unavailable("row")};
      const std::string key = rows::encode_key({row->key, store_.views_[rows.view].key.size()});
      MemoryStore::Watermarks& watermarks = store_.state_.watermarks[rows.view][key];
      const RowStanding standing = standing_of(*row, watermarks);
      if (standing == RowStanding::included) continue;
      if (standing == RowStanding::partly) {
        out.status = CommitStatus::refold;
        for (const auto& [topic_partition, next_offset] : watermarks) {
          out.ahead.push_back({rows.view, row->key_hash, key, topic_partition, next_offset});
        }
        continue;
      }
      Rows& stored = store_.state_.views[rows.view];
      const auto found = stored.find(key);
      auto after = rows::apply(store_.views_[rows.view], found == stored.end() ? nullptr : &found->second, *row);
      if (!after) return {CommitStatus::rejected, after.error()};  // stage() has seen the same rows
      if (*after) {
        stored[key] = std::move(**after);
      } else {
        stored.erase(key);
      }
      for (const RowSource& source : row->sources) watermarks[*source.topic_partition] = source.last_offset + 1;
    }
  }
  return out;
}

// G16. One domain only: with several, a commit that reached a part would find its own IDs.
std::vector<std::uint32_t> MemorySink::known_among(std::span<const Hash128> ids) const {
  std::vector<std::uint32_t> out;
  std::set<Hash128> here;
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    if (store_.state_.exact_ids.contains(ids[i]) || !here.insert(ids[i]).second) out.push_back(i);
  }
  return out;
}

Result<std::vector<std::uint32_t>> MemorySink::known_ids(std::span<const Hash128> ids) {
  const std::lock_guard lock(store_.mutex_);
  if (fault(Step::reload) != Fault::none) return fail(unavailable("reading processed IDs"));
  return known_among(ids);
}

CommitResult MemorySink::commit(const CommitBatch& batch) {
  const std::lock_guard lock(store_.mutex_);
  switch (fault(Step::commit_begin)) {
    case Fault::none: break;
    case Fault::unavailable: return {CommitStatus::retry, unavailable("commit")};
    case Fault::fenced: return {CommitStatus::fenced, {ErrorCode::fenced, "the memory store was told to fence", "", false}};
    case Fault::rejected: return {CommitStatus::rejected, {ErrorCode::store_rejected, "the memory store was told to reject", "", false}};
  }
  if (batch.encoded != nullptr && dynamic_cast<DescribedRows&>(*batch.encoded).words != describe_rows(store_.views_, batch.views)) {
    return {CommitStatus::rejected, {ErrorCode::internal, "the rows were encoded ahead of another batch", "", false}};
  }
  if (store_.options_.row_watermarks) return commit_by_row(batch);
  for (std::uint32_t domain = 0; domain < store_.options_.domains; ++domain) {
    if (!owns_all(batch, domain)) return fenced();
  }
  const bool again = !batch.partitions.empty() && applied(batch.partitions.front(), batch, 0);  // G5: its IDs are its own
  if (auto known = known_among(batch.exact_ids); !again && !known.empty()) return {CommitStatus::refold, {}, {}, std::move(known)};
  auto staged = stage(batch);
  if (!staged) return {CommitStatus::rejected, staged.error()};
  for (std::uint32_t domain = 0; domain < store_.options_.domains; ++domain) {
    if (fault(Step::domain_begin, domain) != Fault::none) return {CommitStatus::retry, unavailable(fmt::format("domain {}", domain))};
    if (!batch.partitions.empty() && applied(batch.partitions.front(), batch, domain)) continue;
    store_.state_.exact_ids.insert(batch.exact_ids.begin(), batch.exact_ids.end());
    for (StagedRow& row : *staged) {
      if (row.domain != domain) continue;
      Rows& rows = store_.state_.views[row.view];
      if (row.row) {
        rows[row.key] = std::move(*row.row);
      } else {
        rows.erase(row.key);
      }
    }
    for (const PartitionCommit& part : batch.partitions) {
      if (domain == 0) store_ids(part);
      move_checkpoint(part, batch, domain);
    }
  }
  if (fault(Step::commit_applied) != Fault::none) return {CommitStatus::retry, unavailable("answer to commit")};
  return {CommitStatus::committed, {}};
}

}  // namespace foldline::memory
