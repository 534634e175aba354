#include "sinks/postgres/checkpoints.h"

#include <fmt/format.h>

#include "sinks/postgres/column_type.h"
#include "sinks/postgres/sql.h"

namespace foldline::postgres {

namespace {

constexpr std::uint32_t kTextOid = 25;
constexpr std::uint32_t kInt4Oid = 23;
constexpr std::uint32_t kInt8Oid = 20;
constexpr std::uint32_t kBoolOid = 16;
constexpr std::uint32_t kByteaOid = 17;

// $1 projection, $2 generation, $3 topics, $4 partitions: how every statement below begins.
Params begin_params(const ProjectionId& id, std::span<const TopicPartition* const> partitions) {
  ArrayParam topics(kTextOid);
  ArrayParam numbers(kInt4Oid);
  for (const TopicPartition* partition : partitions) {
    topics.add(partition->topic);
    numbers.add(partition->partition);
  }
  Params out;
  out.add(id.projection).add(id.generation).add(topics).add(numbers);
  return out;
}

template <class Keep>
std::vector<const PartitionCommit*> chosen(const CommitBatch& batch, Keep keep) {
  std::vector<const PartitionCommit*> out;
  for (const PartitionCommit& partition : batch.partitions) {
    if (keep(partition)) out.push_back(&partition);
  }
  return out;
}

std::vector<const TopicPartition*> places(std::span<const PartitionCommit* const> partitions) {
  std::vector<const TopicPartition*> out;
  for (const PartitionCommit* partition : partitions) out.push_back(partition->topic_partition);
  return out;
}

bool any(const PartitionCommit&) { return true; }

}  // namespace

// G1, G17. FOR UPDATE waits for a backend that is still committing the same partitions (another worker's, or our own of a lost
// connection, G5), and under READ COMMITTED then compares what that one left. A null next_offset means: owned, nothing committed yet;
// so the very first commit is fenced like all others.
const char* const kCompareSql = R"(
WITH locked AS MATERIALIZED (
  SELECT c.owner = $5::uuid AND c.next_offset IS NOT DISTINCT FROM e.expected AS mine
  FROM unnest($3::text[], $4::int4[], $6::int8[]) WITH ORDINALITY AS e(topic, partition, expected, n)
  JOIN foldline.checkpoint c
    ON c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition
  ORDER BY e.n
  FOR UPDATE OF c)
SELECT 1 / CASE WHEN count(*) FILTER (WHERE mine) = cardinality($3::text[]) THEN 1 ELSE 0 END FROM locked)";

Params compare_params(const ProjectionId& id, const CommitBatch& batch) {
  const auto partitions = chosen(batch, any);
  ArrayParam expected(kInt8Oid);
  for (const PartitionCommit* partition : partitions) {
    if (partition->expected_missing) {
      expected.add_null();
    } else {
      expected.add(partition->expected_offset);
    }
  }
  return begin_params(id, places(partitions)).add(batch.owner).add(expected);
}

std::string compare_arguments(const ProjectionId& id, const CommitBatch& batch) {
  std::string topics;
  std::string numbers;
  std::string expected;
  for (const PartitionCommit& partition : batch.partitions) {
    const std::string_view comma = topics.empty() ? "" : ", ";
    topics += fmt::format("{}{}", comma, quote_literal(partition.topic_partition->topic));
    numbers += fmt::format("{}{}", comma, partition.topic_partition->partition);
    expected += partition.expected_missing ? fmt::format("{}NULL", comma) : fmt::format("{}{}", comma, partition.expected_offset);
  }
  return fmt::format("{}, {}, ARRAY[{}]::text[], ARRAY[{}]::int4[], '{}', ARRAY[{}]::int8[]", quote_literal(id.projection), id.generation,
                     topics, numbers, batch.owner.to_string(), expected);
}

namespace {

void add_chunks(Params& params, std::span<const PartitionCommit* const> partitions) {
  ArrayParam first(kInt8Oid);
  ArrayParam last(kInt8Oid);
  ArrayParam ids(kByteaOid);
  for (const PartitionCommit* partition : partitions) {
    first.add(partition->tail_first_offset >= 0 ? partition->tail_first_offset : partition->ids_first_offset);
    last.add(partition->ids_last_offset);
    ids.add(partition->ids);
  }
  params.add(first).add(last).add(ids);
}

template <class OffsetOf>
void add_offsets(Params& params, std::span<const PartitionCommit* const> partitions, OffsetOf offset_of) {
  ArrayParam offsets(kInt8Oid);
  for (const PartitionCommit* partition : partitions) offsets.add(offset_of(*partition));
  params.add(offsets);
}

}  // namespace

// first_offset < below follows from last_offset < below; it bounds the scan of the primary key.
const IdsStatement kTrimIds = {"trim ids", R"(
DELETE FROM foldline.seen s
USING unnest($3::text[], $4::int4[], $5::int8[]) AS e(topic, partition, below)
WHERE s.projection = $1::text AND s.generation = $2::int8 AND s.topic = e.topic AND s.partition = e.partition
  AND s.first_offset < e.below AND s.last_offset < e.below)",
                               [](const PartitionCommit& p) { return p.trim_ids_below >= 0; },
                               [](Params& params, std::span<const PartitionCommit* const> partitions) {
                                 add_offsets(params, partitions, [](const PartitionCommit& p) { return p.trim_ids_below; });
                               }};

const IdsStatement kDropRewoundIds = {
    "drop rewound ids", R"(
DELETE FROM foldline.seen s
USING unnest($3::text[], $4::int4[], $5::int8[]) AS e(topic, partition, next_offset)
WHERE s.projection = $1::text AND s.generation = $2::int8 AND s.topic = e.topic AND s.partition = e.partition
  AND s.first_offset >= e.next_offset)",
    [](const PartitionCommit& p) { return !p.expected_missing && p.after.next_offset < p.expected_offset; },
    [](Params& params, std::span<const PartitionCommit* const> partitions) {
      add_offsets(params, partitions, [](const PartitionCommit& p) { return p.after.next_offset; });
    }};

const IdsStatement kPutIds = {"put ids", R"(
INSERT INTO foldline.seen (projection, generation, topic, partition, first_offset, last_offset, ids)
SELECT $1::text, $2::int8, e.topic, e.partition, e.first_offset, e.last_offset, e.ids
FROM unnest($3::text[], $4::int4[], $5::int8[], $6::int8[], $7::bytea[]) AS e(topic, partition, first_offset, last_offset, ids)
ON CONFLICT (projection, generation, topic, partition, first_offset) DO UPDATE
SET last_offset = excluded.last_offset, ids = excluded.ids)",
                              [](const PartitionCommit& p) { return !p.ids.empty() && p.tail_first_offset < 0; }, add_chunks};

const IdsStatement kAppendIds = {"append ids", R"(
INSERT INTO foldline.seen AS s (projection, generation, topic, partition, first_offset, last_offset, ids)
SELECT $1::text, $2::int8, e.topic, e.partition, e.first_offset, e.last_offset, e.ids
FROM unnest($3::text[], $4::int4[], $5::int8[], $6::int8[], $7::bytea[]) AS e(topic, partition, first_offset, last_offset, ids)
ON CONFLICT (projection, generation, topic, partition, first_offset) DO UPDATE
SET last_offset = excluded.last_offset, ids = s.ids || excluded.ids)",
                                 [](const PartitionCommit& p) { return !p.ids.empty() && p.tail_first_offset >= 0; }, add_chunks};

std::optional<Params> ids_params(const IdsStatement& statement, const ProjectionId& id, const CommitBatch& batch) {
  const auto partitions = chosen(batch, statement.concerns);
  if (partitions.empty()) return std::nullopt;
  Params out = begin_params(id, places(partitions));
  statement.add_params(out, partitions);
  return out;
}

const char* const kMoveSql = R"(
UPDATE foldline.checkpoint c
SET next_offset = e.next_offset, batch_id = $5::uuid, topic_id = e.topic_id, leader_epoch = e.leader_epoch,
    anchor_offset = e.anchor_offset, anchor_hash = e.anchor_hash, max_event_time_us = e.max_event_time_us,
    backend_pid = $6::int4, backend_start_us = $7::int8, updated_at = now()
FROM unnest($3::text[], $4::int4[], $8::int8[], $9::text[], $10::int4[], $11::int8[], $12::int8[], $13::int8[])
  AS e(topic, partition, next_offset, topic_id, leader_epoch, anchor_offset, anchor_hash, max_event_time_us)
WHERE c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition)";

Params move_params(const ProjectionId& id, const CommitBatch& batch, std::int32_t backend_pid, std::int64_t backend_start_us) {
  const auto partitions = chosen(batch, any);
  ArrayParam next(kInt8Oid);
  ArrayParam topic_ids(kTextOid);
  ArrayParam epochs(kInt4Oid);
  ArrayParam anchors(kInt8Oid);
  ArrayParam hashes(kInt8Oid);
  ArrayParam times(kInt8Oid);
  for (const PartitionCommit* partition : partitions) {
    const Checkpoint& after = partition->after;
    next.add(after.next_offset);
    topic_ids.add(after.topic_id);
    epochs.add(after.leader_epoch);
    anchors.add(after.anchor_offset);
    hashes.add(static_cast<std::int64_t>(after.anchor_hash));  // the same 64 bits; PostgreSQL has no unsigned type
    times.add(after.max_event_time_us);
  }
  return begin_params(id, places(partitions))
      .add(batch.batch_id)
      .add(backend_pid)
      .add(backend_start_us)
      .add(next)
      .add(topic_ids)
      .add(epochs)
      .add(anchors)
      .add(hashes)
      .add(times);
}

Answer<std::vector<StoredRow>> read_checkpoints(Connection& connection, const ProjectionId& id,
                                                std::span<const TopicPartition* const> partitions, bool lock) {
  static const std::string kRead = R"(
SELECT e.n, c.next_offset, c.owner, c.batch_id, c.topic_id, c.leader_epoch, c.anchor_offset, c.anchor_hash, c.max_event_time_us
FROM unnest($3::text[], $4::int4[]) WITH ORDINALITY AS e(topic, partition, n)
JOIN foldline.checkpoint c
  ON c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition
ORDER BY e.n)";
  static const std::string kLock = kRead + " FOR UPDATE OF c";
  auto rows = connection.query(lock ? kLock.c_str() : kRead.c_str(), begin_params(id, partitions));
  if (!rows) return tl::unexpected(rows.error());
  std::vector<StoredRow> out(partitions.size());
  for (int i = 0; i < rows->size(); ++i) {
    StoredRow& row = out[static_cast<std::size_t>(rows->int64(i, 0) - 1)];
    row.exists = true;
    row.has_offset = !rows->is_null(i, 1);
    row.checkpoint.next_offset = rows->int64(i, 1);
    row.checkpoint.owner = rows->uuid(i, 2);
    row.checkpoint.batch_id = rows->uuid(i, 3);
    row.checkpoint.topic_id = rows->bytes(i, 4);
    row.checkpoint.leader_epoch = rows->int32(i, 5, -1);
    row.checkpoint.anchor_offset = rows->int64(i, 6, -1);
    row.checkpoint.anchor_hash = static_cast<std::uint64_t>(rows->int64(i, 7));
    row.checkpoint.max_event_time_us = rows->int64(i, 8, INT64_MIN);
  }
  return out;
}

}  // namespace foldline::postgres
