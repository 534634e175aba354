// Processed IDs (G15): loading, writing and dropping chunks.
#include <fmt/format.h>

#include <algorithm>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/elasticsearch/partitions.h"

namespace foldline::elasticsearch {

namespace {

const std::string kIdsBulk = fmt::format("/{}/_bulk?require_alias=true", kIdsAlias);
constexpr int kChunkRounds = 6;

std::string chunk_query(const ProjectionId& id, const TopicPartition& topic_partition, std::int64_t from_last_offset) {
  std::string out = R"({"size":)" + std::to_string(kChunksPerPage) + R"(,"seq_no_primary_term":true,"sort":[{"first_offset":"asc"}],)";
  out += R"("query":{"bool":{"filter":[{"term":{"projection":)";
  append_json_string(out, id.projection);
  out += fmt::format(R"(}}}},{{"term":{{"generation":{}}}}},{{"term":{{"topic":)", id.generation);
  append_json_string(out, topic_partition.topic);
  out += fmt::format(R"(}}}},{{"term":{{"partition":{}}}}},{{"range":{{"last_offset":{{"gte":{}}}}}}}]}}}})", topic_partition.partition,
                     from_last_offset);
  return out;
}

}  // namespace

std::string Partitions::chunk_id(const TopicPartition& topic_partition, std::int64_t first_offset) const {
  return fmt::format("{}:{}", checkpoint_id(id_, topic_partition), first_offset);
}

// After a refresh (take()) a search finds every acknowledged chunk. What a zombie writes later is met as a conflict. All chunks past the
// checkpoint come too: the engine reads from them what a crash has left (G15, G28).
Result<void> Partitions::load_ids(const TopicPartition& topic_partition, std::int64_t window, Owned& owned, OpenedPartition& out) {
  const std::int64_t next_offset = owned.document.checkpoint.next_offset;
  const std::string query = chunk_query(id_, topic_partition, window > 0 ? next_offset - window : next_offset);
  std::optional<std::int64_t> after;
  do {
    std::string page = query;
    if (after) page += fmt::format(R"(,"search_after":[{}])", *after);
    auto last = load_page(page + "}", owned, out);
    if (!last) return fail(last.error());
    after = *last;
  } while (after);
  if (window <= 0) out.ids.clear();
  // The chunk that may grow, unless a crash has left IDs in it that are not committed: then the engine begins a new one.
  if (!out.ids.empty() && out.ids.back().last_offset < next_offset && out.ids.back().packed.size() <= kMaxTailBytes) {
    owned.tail_first_offset = out.ids.back().first_offset;
    owned.tail = out.ids.back().packed;
  }
  return {};
}

Result<std::optional<std::int64_t>> Partitions::load_page(const std::string& query, Owned& owned, OpenedPartition& out) {
  constexpr std::string_view kDoing = "reading processed IDs";
  auto answer = cluster_.call({Method::post, fmt::format("/{}/_search", kIdsAlias), ContentType::json, query}, kDoing);
  if (!answer) return fail(answer.error());
  const auto damaged = [&](std::string_view what) -> tl::unexpected<Error> {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: {}", kDoing, what), "the worker tries again", true);
  };
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  if (!parsed) return damaged(parsed.error().message);
  const Value* shards = find(*parsed, "_shards");
  if (shards == nullptr || integer(*shards, "failed").value_or(-1) != 0) return damaged("a shard did not answer");
  const Value* list = find_hits(*parsed);
  if (list == nullptr) return damaged("no hits in the answer");
  std::optional<std::int64_t> last;
  for (const Value& hit : list->as_list()) {
    const Value* source = find(hit, "_source");
    const Value* ids = source == nullptr ? nullptr : find(*source, "ids");
    auto packed = ids != nullptr && ids->is(Kind::text) ? from_base64(ids->as_text()) : std::nullopt;
    if (!packed) return damaged("a chunk is not what Foldline wrote");
    IdChunk& chunk = out.ids.emplace_back();
    chunk.first_offset = integer(*source, "first_offset").value_or(-1);
    chunk.last_offset = integer(*source, "last_offset").value_or(-1);
    chunk.packed = std::move(*packed);
    owned.chunks[chunk.first_offset] = {chunk.last_offset, integer(hit, "_seq_no").value_or(-1), integer(hit, "_primary_term").value_or(0)};
    last = chunk.first_offset;
  }
  if (list->as_list().size() < static_cast<std::size_t>(kChunksPerPage)) last.reset();
  return last;
}

// Nothing to write: true. False: the tail that the engine means is not the one that is remembered.
bool Partitions::plan_chunk(const PartitionCommit& part, Owned& owned, std::vector<ChunkWrite>& writes) const {
  if (part.expected_missing || part.ids_first_offset < 0 || part.ids.empty()) return true;
  ChunkWrite write{&part, &owned, part.ids_first_offset, std::string(part.ids)};
  if (part.tail_first_offset >= 0) {
    if (owned.tail_first_offset != part.tail_first_offset) return false;
    write.first_offset = part.tail_first_offset;
    write.packed = owned.tail + write.packed;
  }
  writes.push_back(std::move(write));
  return true;
}

void Partitions::add_chunk(BulkBody& body, const ChunkWrite& write) const {
  const TopicPartition& topic_partition = *write.part->topic_partition;
  const auto known = write.owned->chunks.find(write.first_offset);
  const bool exists = known != write.owned->chunks.end();
  body.begin(exists ? BulkOp::index : BulkOp::create, {chunk_id(topic_partition, write.first_offset), {}},
             exists ? known->second.seq_no : -1, exists ? known->second.primary_term : 0);
  std::string& text = body.text();
  text += '{';
  append_place(text, id_, topic_partition);
  text += fmt::format(R"("first_offset":{},"last_offset":{},"ids":"{}"}})", write.first_offset, write.part->ids_last_offset,
                      base64(write.packed));
  body.end();
}

// The first step of a commit. Crash: chunks hold IDs at or past the checkpoint, which whoever opens next ignores (G15); a tail chunk holds
// its committed IDs in any case, for it is written whole. A new chunk replaces what a crash has left under its first offset.
std::optional<CommitResult> Partitions::write_ids(const CommitBatch& batch) {
  constexpr std::string_view kDoing = "writing processed IDs";
  std::vector<ChunkWrite> writes;
  for (const PartitionCommit& part : batch.partitions) {
    Owned& owned = owned_[*part.topic_partition];
    if (moved_by(part, batch, owned)) continue;
    if (!plan_chunk(part, owned, writes)) {
      return CommitResult{
          CommitStatus::fenced,
          {ErrorCode::fenced, fmt::format("{}: the tail of the processed IDs is another one", part.topic_partition->to_string()),
           "the lane reloads", false},
          {}};
    }
  }
  std::vector<ChunkWrite*> todo;
  for (ChunkWrite& write : writes) todo.push_back(&write);
  for (int round = 1; !todo.empty(); ++round) {
    BulkBody body;
    for (const ChunkWrite* write : todo) add_chunk(body, *write);
    auto items = cluster_.bulk(kIdsBulk, body, kDoing);
    if (!items) return retry(items.error().error);
    std::vector<ChunkWrite*> conflicts;
    std::vector<ChunkWrite*> waiting;
    for (std::size_t i = 0; i < todo.size(); ++i) {
      const ItemAnswer& item = (*items)[i];
      if (item.ok()) {
        todo[i]->owned->chunks[todo[i]->first_offset] = {todo[i]->part->ids_last_offset, item.seq_no, item.primary_term};
      } else if (item.status == 409) {
        conflicts.push_back(todo[i]);
      } else if (is_overload(item.status) && round < kChunkRounds) {
        waiting.push_back(todo[i]);
      } else {
        return retry(error_of(item, kDoing));
      }
    }
    if (!conflicts.empty()) {
      if (round >= kChunkRounds) return retry({ErrorCode::store_unavailable, "processed IDs conflict again and again", "", true});
      if (auto stopped = settle_conflicts(batch, conflicts)) return stopped;
    }
    if (!waiting.empty()) pause_before_attempt(round);
    todo = std::move(conflicts);
    todo.insert(todo.end(), waiting.begin(), waiting.end());
  }
  return drop_chunks(batch);
}

// Somebody else wrote a chunk, or an answer of ours was lost. Who owns the checkpoint tells: another owner fences us, else the chunk is
// ours to replace.
std::optional<CommitResult> Partitions::settle_conflicts(const CommitBatch& batch, std::span<ChunkWrite*> conflicts) {
  doubt(batch);
  if (auto stopped = compare(batch)) return stopped;
  std::vector<std::string> ids;
  for (const ChunkWrite* write : conflicts) ids.push_back(chunk_id(*write->part->topic_partition, write->first_offset));
  std::vector<DocumentRef> refs;
  for (const std::string& id : ids) refs.push_back({id, {}});
  auto found = cluster_.multi_get(kIdsAlias, refs, "reading processed IDs");
  if (!found) return retry(found.error());
  for (std::size_t i = 0; i < conflicts.size(); ++i) {
    const StoredDocument& stored = (*found)[i];
    auto& chunks = conflicts[i]->owned->chunks;
    if (stored.found) {
      chunks[conflicts[i]->first_offset] = {conflicts[i]->part->ids_last_offset, stored.seq_no, stored.primary_term};
    } else {
      chunks.erase(conflicts[i]->first_offset);
    }
  }
  return std::nullopt;
}

// Those that no window reaches any more; those of another log, or past a checkpoint that moves back (the owner's `--on-lost-data`); and
// leftovers of a crash that this batch's own chunk replaces. Crash: some are gone that nobody needed.
std::optional<CommitResult> Partitions::drop_chunks(const CommitBatch& batch) {
  constexpr std::string_view kDoing = "dropping processed IDs";
  BulkBody body;
  std::vector<std::pair<Owned*, std::int64_t>> dropped;
  for (const PartitionCommit& part : batch.partitions) {
    Owned& owned = owned_[*part.topic_partition];
    if (moved_by(part, batch, owned) || part.expected_missing) continue;
    const std::int64_t written =
        part.ids_first_offset < 0 ? -1 : (part.tail_first_offset >= 0 ? part.tail_first_offset : part.ids_first_offset);
    const bool back = part.after.next_offset < part.expected_offset;
    for (const auto& [first_offset, chunk] : owned.chunks) {
      const bool past = back ? first_offset >= part.after.next_offset
                             : first_offset >= part.expected_offset && first_offset < part.after.next_offset && first_offset != written;
      if (chunk.last_offset >= part.trim_ids_below && !past) continue;
      body.remove({chunk_id(*part.topic_partition, first_offset), {}}, -1, 0);
      dropped.emplace_back(&owned, first_offset);
    }
  }
  if (dropped.empty()) return std::nullopt;
  auto items = cluster_.bulk(kIdsBulk, body, kDoing);
  if (!items) return retry(items.error().error);
  for (std::size_t i = 0; i < dropped.size(); ++i) {
    const ItemAnswer& item = (*items)[i];
    if (!item.ok() && item.status != 404) return retry(error_of(item, kDoing));
    dropped[i].first->chunks.erase(dropped[i].second);
  }
  return std::nullopt;
}

// The committed tail is what the batch has made of it.
void Partitions::remember_moved(const PartitionCommit& part, Owned& owned) const {
  if (owned.tail_batch == owned.document.checkpoint.batch_id) return;
  owned.tail_batch = owned.document.checkpoint.batch_id;
  if (part.after.next_offset < part.expected_offset) {
    owned.tail_first_offset = -1;
    owned.tail.clear();
  }
  if (part.expected_missing || part.ids_first_offset < 0 || part.ids.empty()) return;
  if (part.tail_first_offset < 0) {
    owned.tail_first_offset = part.ids_first_offset;
    owned.tail.clear();
  }
  owned.tail += part.ids;
  if (owned.tail.size() <= kMaxTailBytes) return;
  owned.tail_first_offset = -1;
  owned.tail.clear();
  owned.tail.shrink_to_fit();
}

}  // namespace foldline::elasticsearch
