#include "sinks/redis/bucket_commit.h"

#include <algorithm>

#include "sinks/redis/cluster_sink.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/verdict.h"

namespace foldline::redis {

void BucketCommit::begin(const CommitBatch& whole) {
  partitions.clear();
  rows_.clear();
  views_.clear();
  batch = {};
  batch.owner = whole.owner;
  batch.batch_id = whole.batch_id;
  done = false;
}

// Rows come view by view.
void BucketCommit::add_row(std::uint32_t view, FoldedRow* row) {
  if (rows_.empty() || rows_.back().view != view) rows_.push_back({view, {}});
  rows_.back().rows.push_back(row);
}

Result<void> BucketCommit::encode(const std::vector<ViewLayout>& layouts, const SystemKeys& keys, RowEncoder& encoder) {
  for (const Rows& rows : rows_) views_.push_back({rows.view, rows.rows});
  batch.partitions = partitions;
  batch.views = views_;
  native_.clear();
  encode_partitions(batch, keys, native_);
  for (const ViewRows& rows : views_) {
    const ViewLayout& layout = layouts[rows.view];
    if (layout.compared) continue;
    if (auto ok = encoder.encode(layout, rows.rows, native_); !ok) return ok;
  }
  compared_.begin(layouts, batch);
  return {};
}

void BucketCommit::skip_reads() {
  input_.clear();
  input_.keys.add_all(native_.keys);
  input_.words.add_all(native_.words);
}

void BucketCommit::add_reads(const SystemKeys& keys, Request& out) const {
  compared_.add_reads(out);
  for (const PartitionCommit& part : partitions) add_checkpoint_read(out, keys, *part.topic_partition);
}

// The checkpoints were read behind the rows: see RedisSink::read_and_encode().
std::optional<CommitResult> BucketCommit::take_reads(std::span<const Reply> replies, const SystemKeys& keys) {
  const std::size_t rows = replies.size() - partitions.size();
  std::size_t applied = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Reply& reply = replies[rows + i];
    if (reply.is_error()) return refused(CommitStatus::retry, refusal("reading the checkpoints", reply.text()));
    const auto stored = read_checkpoint(reply, keys.checkpoint(*partitions[i].topic_partition));
    if (!stored) return refused(CommitStatus::retry, stored.error());
    const Ours standing = standing_of(batch, partitions[i], *stored);
    applied += standing == Ours::applied ? 1U : 0U;
    if (standing == Ours::fenced) return refused(CommitStatus::fenced, fenced_error(partitions[i], batch.owner, *stored));
  }
  if (applied == partitions.size()) return committed();
  const auto refusing = std::find_if(replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(rows),
                                     [](const Reply& r) { return r.is_error() && code_of(r.text()) != "WRONGTYPE"; });
  if (refusing != replies.begin() + static_cast<std::ptrdiff_t>(rows)) {
    return refused(CommitStatus::retry, refusal("reading rows", refusing->text()));
  }
  skip_reads();
  if (auto ok = compared_.encode(replies.first(rows), input_); !ok) return refused(CommitStatus::rejected, ok.error());
  return std::nullopt;
}

void BucketCommit::add_script(std::string_view sha1, const SystemKeys& keys, Request& out) const {
  out.begin(3 + input_.keys.count + 1 + input_.words.count).add("EVALSHA").add(sha1);
  out.add(static_cast<std::int64_t>(input_.keys.count + 1));
  out.add_encoded(input_.keys.bytes).add(keys.never()).add_encoded(input_.words.bytes);
}

}  // namespace foldline::redis
