// open(): taking partitions over from whoever had them, alive, dead or frozen (G1, G18); and reload(), which only looks (G3).
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>

#include "common/fault_point.h"
#include "sinks/postgres/column_type.h"
#include "sinks/postgres/generations.h"
#include "sinks/postgres/sink.h"

namespace foldline::postgres {

namespace {

constexpr std::string_view kSuperseded = "FL001";  // of no server: take_ownership()'s own

// Every worker locks in this order: by topic, then partition, bytewise (G17).
std::vector<const TopicPartition*> in_lock_order(std::span<const TopicPartition> partitions) {
  std::vector<const TopicPartition*> out;
  for (const TopicPartition& partition : partitions) out.push_back(&partition);
  std::sort(out.begin(), out.end(), [](const TopicPartition* a, const TopicPartition* b) { return *a < *b; });
  return out;
}

struct Places {
  ArrayParam topics{25};
  ArrayParam numbers{23};
  explicit Places(std::span<const TopicPartition* const> partitions) {
    for (const TopicPartition* partition : partitions) {
      topics.add(partition->topic);
      numbers.add(partition->partition);
    }
  }
  [[nodiscard]] Params params(const ProjectionId& id) const {
    Params out;
    out.add(id.projection).add(id.generation).add(topics).add(numbers);
    return out;
  }
};

// A partition seen for the first time gets a row without next_offset: "owned, nothing committed yet". So the first commit has an owner
// to be compared with, too. ON CONFLICT DO NOTHING waits for a worker that is inserting the same row.
const char* const kInsertMissing = R"(
INSERT INTO foldline.checkpoint (projection, generation, topic, partition, owner)
SELECT $1::text, $2::int8, e.topic, e.partition, $5::uuid
FROM unnest($3::text[], $4::int4[]) WITH ORDINALITY AS e(topic, partition, n)
ORDER BY e.n
ON CONFLICT DO NOTHING)";

const char* const kTake = R"(
UPDATE foldline.checkpoint c
SET owner = $5::uuid, backend_pid = $6::int4, backend_start_us = $7::int8, updated_at = now()
FROM unnest($3::text[], $4::int4[]) AS e(topic, partition)
WHERE c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition)";

// Chunks at or past the checkpoint are from before somebody moved it back: nothing may count them, and the offsets come again.
const char* const kDropStaleIds = R"(
DELETE FROM foldline.seen s
USING foldline.checkpoint c, unnest($3::text[], $4::int4[]) AS e(topic, partition)
WHERE c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition
  AND s.projection = $1::text AND s.generation = $2::int8 AND s.topic = e.topic AND s.partition = e.partition
  AND s.first_offset >= coalesce(c.next_offset, -1))";

// G15: the chunks that reach into [checkpoint - W, checkpoint), oldest first.
const char* const kLoadIds = R"(
SELECT e.n, s.first_offset, s.last_offset, s.ids
FROM unnest($3::text[], $4::int4[]) WITH ORDINALITY AS e(topic, partition, n)
JOIN foldline.checkpoint c
  ON c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition
JOIN foldline.seen s
  ON s.projection = $1::text AND s.generation = $2::int8 AND s.topic = e.topic AND s.partition = e.partition
WHERE s.last_offset >= c.next_offset - $5::int8 AND s.first_offset < c.next_offset
ORDER BY e.n, s.first_offset)";

const char* const kEndBackends = R"(
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))
FROM (SELECT DISTINCT a.pid
      FROM unnest($3::text[], $4::int4[]) AS e(topic, partition)
      JOIN foldline.checkpoint c
        ON c.projection = $1::text AND c.generation = $2::int8 AND c.topic = e.topic AND c.partition = e.partition
      JOIN pg_stat_activity a
        ON a.pid = c.backend_pid AND (extract(epoch FROM a.backend_start) * 1000000)::int8 = c.backend_start_us
      WHERE a.pid <> pg_backend_pid() AND ($5::uuid = '00000000-0000-0000-0000-000000000000' OR c.owner = $5::uuid)) a)";

OpenedPartition opened(const StoredRow& row) {
  OpenedPartition out;
  out.found = row.has_offset;
  out.checkpoint = row.checkpoint;
  return out;
}

// `sorted` is in lock order; the answer is in the order of `wanted`.
std::vector<OpenedPartition> in_request_order(std::span<const TopicPartition> wanted, std::span<const TopicPartition* const> sorted,
                                              std::vector<OpenedPartition> opened) {
  std::vector<OpenedPartition> out(wanted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) out[static_cast<std::size_t>(sorted[i] - wanted.data())] = std::move(opened[i]);
  return out;
}

}  // namespace

Answer<int> end_recorded_backends(Connection& connection, const ProjectionId& id, std::span<const TopicPartition* const> partitions,
                                  const Uuid* owner) {
  const Uuid any{};
  auto rows = connection.query(kEndBackends, Places(partitions).params(id).add(owner == nullptr ? any : *owner));
  if (!rows) return tl::unexpected(rows.error());
  return static_cast<int>(rows->int64(0, 0));
}

Result<std::vector<OpenedPartition>> PostgresSink::open(const OpenRequest& request) {
  if (request.owner.is_nil()) return fail(ErrorCode::internal, "an owner needs a UUID");
  if (request.partitions.empty()) return std::vector<OpenedPartition>{};
  const std::string doing = fmt::format("taking over {} partition(s)", request.partitions.size());
  for (int attempt = 1;; ++attempt) {
    auto connected = session();
    if (!connected) return fail(connected.error());
    Connection& connection = (*connected)->connection;
    auto taken = take_ownership(**connected, request);
    if (taken) return std::move(*taken);
    // A crash or a lost connection here: either nothing changed, or we own the partitions and write nothing. The next owner takes
    // them over the same way.
    if (taken.error().connection_lost() && attempt == 1) continue;  // often one that died while no batch flowed
    if (!taken.error().connection_lost()) static_cast<void>(connection.exec("ROLLBACK"));
    if (taken.error().sqlstate == kSuperseded) {
      return fail(ErrorCode::superseded,
                  fmt::format("generation {} of {} is no longer {}", store_->id.generation, store_->id.projection,
                              store_->building ? "in the making" : "live"),
                  "restart the worker: it goes on with the live generation");
    }
    if (taken.error().sqlstate != kLockNotAvailable || attempt == kOwnershipAttempts) return fail(error_of(taken.error(), doing));
    // G18: the previous owner's backend sits on the checkpoints, frozen in the middle of a commit. It has lost them by Kafka's
    // decision; end exactly that backend.
    const auto ended = end_recorded_backends(connection, store_->id, in_lock_order(request.partitions), nullptr);
    if (!ended) return fail(error_of(ended.error(), "ending the backend of the partitions' previous owner"));
    spdlog::warn("postgres: {}: checkpoints were locked; ended {} backend(s) of their previous owner", doing, *ended);
  }
}

Answer<std::vector<OpenedPartition>> PostgresSink::take_ownership(Session& session, const OpenRequest& request) {
  Connection& connection = session.connection;
  const auto sorted = in_lock_order(request.partitions);
  const Places places(sorted);
  const auto run = [&](const char* sql, const Params& params) -> Answer<void> {
    if (auto rows = connection.query(sql, params); !rows) return tl::unexpected(rows.error());
    return {};
  };
  // G18: don't wait long for a frozen one.
  const std::string begin =
      fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}", store_->ownership_lock_timeout_ms);
  if (auto ok = connection.exec(begin); !ok) return tl::unexpected(ok.error());
  // Another generation may have gone live since: writing its tables under our checkpoints would mix the two.
  auto state = connection.query(kStateSql, Params().add(store_->id.projection).add(store_->id.generation));
  if (!state) return tl::unexpected(state.error());
  if (state->size() != 1 || state->bytes(0, 0) != std::string_view(store_->building ? "building" : "live")) {
    Failure over;
    over.sqlstate = kSuperseded;
    return tl::unexpected(std::move(over));
  }
  if (auto ok = run(kInsertMissing, places.params(store_->id).add(request.owner)); !ok) return tl::unexpected(ok.error());
  // Locked in order before anything is changed: a commit of the old owner that holds them ends first, and its checkpoint is the one we
  // read.
  auto rows = read_checkpoints(connection, store_->id, sorted, true);
  if (!rows) return tl::unexpected(rows.error());
  const Params take = places.params(store_->id).add(request.owner).add(session.backend_pid).add(session.backend_start_us);
  if (auto ok = run(kTake, take); !ok) return tl::unexpected(ok.error());
  if (auto ok = run(kDropStaleIds, places.params(store_->id)); !ok) return tl::unexpected(ok.error());

  std::vector<OpenedPartition> out;
  for (StoredRow& row : *rows) {
    row.checkpoint.owner = request.owner;
    out.push_back(opened(row));
  }
  if (request.id_window > 0) {
    auto chunks = connection.query(kLoadIds, places.params(store_->id).add(request.id_window));
    if (!chunks) return tl::unexpected(chunks.error());
    for (int i = 0; i < chunks->size(); ++i) {
      auto& ids = out[static_cast<std::size_t>(chunks->int64(i, 0) - 1)].ids;
      ids.push_back({chunks->int64(i, 1), chunks->int64(i, 2), std::string(chunks->bytes(i, 3))});
    }
  }
  FOLDLINE_FAULT_POINT("postgres.ownership_taken");
  // From this COMMIT on, no commit of another owner passes its compare.
  if (auto ok = connection.exec("COMMIT"); !ok) return tl::unexpected(ok.error());
  return in_request_order(request.partitions, sorted, std::move(out));
}

Result<std::vector<OpenedPartition>> PostgresSink::reload(std::span<const TopicPartition> partitions) {
  const auto sorted = in_lock_order(partitions);
  Answer<std::vector<StoredRow>> rows = tl::unexpected(Failure{});
  for (int attempt = 1; attempt <= 2 && !rows; ++attempt) {  // the first connection may have died while no batch flowed
    auto connected = session();
    if (!connected) return fail(connected.error());
    rows = read_checkpoints((*connected)->connection, store_->id, sorted, false);
    if (!rows && !rows.error().connection_lost()) break;
  }
  if (!rows) return fail(error_of(rows.error(), "reading the checkpoints"));
  std::vector<OpenedPartition> out;
  for (const StoredRow& row : *rows) out.push_back(opened(row));
  return in_request_order(partitions, sorted, std::move(out));
}

}  // namespace foldline::postgres
