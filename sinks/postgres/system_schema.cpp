#include "sinks/postgres/system_schema.h"

#include <fmt/format.h>

namespace foldline::postgres {

namespace {

// generation: what each generation of each projection keeps, as it was last prepared; first_topics: what there was to read when it
//   began (G6), where somebody asked.
// view: which table belongs to which projection, so that a second one that keeps the same table is refused.
// checkpoint (G1): half-filled pages, and no index on what a commit changes, so that every move is a HOT update.
//   next_offset null: owned, nothing committed yet. anchor_hash and the other 64-bit numbers keep their bits, without a sign's meaning.
// seen (G15): packed processed IDs. External storage: they are hashes, and hashes don't compress.
const char* const kTables = R"(
CREATE SCHEMA IF NOT EXISTS foldline;
CREATE TABLE IF NOT EXISTS foldline.format (version integer PRIMARY KEY);
CREATE TABLE IF NOT EXISTS foldline.generation (
  projection text NOT NULL,
  generation bigint NOT NULL,
  state text NOT NULL DEFAULT 'live',
  definition jsonb NOT NULL,
  first_topics text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (projection, generation));
CREATE TABLE IF NOT EXISTS foldline.view (
  table_schema text NOT NULL,
  table_name text NOT NULL,
  projection text NOT NULL,
  generation bigint NOT NULL,
  view text NOT NULL,
  PRIMARY KEY (table_schema, table_name));
CREATE TABLE IF NOT EXISTS foldline.checkpoint (
  projection text NOT NULL,
  generation bigint NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  next_offset bigint,
  owner uuid NOT NULL,
  batch_id uuid,
  topic_id text NOT NULL DEFAULT '',
  leader_epoch integer NOT NULL DEFAULT -1,
  anchor_offset bigint NOT NULL DEFAULT -1,
  anchor_hash bigint NOT NULL DEFAULT 0,
  max_event_time_us bigint NOT NULL DEFAULT -9223372036854775808,
  backend_pid integer,
  backend_start_us bigint,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (projection, generation, topic, partition)) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS foldline.seen (
  projection text NOT NULL,
  generation bigint NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  first_offset bigint NOT NULL,
  last_offset bigint NOT NULL,
  ids bytea NOT NULL,
  PRIMARY KEY (projection, generation, topic, partition, first_offset));
ALTER TABLE foldline.seen ALTER COLUMN ids SET STORAGE EXTERNAL;
COMMENT ON SCHEMA foldline IS 'Checkpoints of Foldline. They belong to the tables they were committed with: back up and restore both together.';
)";

}  // namespace

Result<void> prepare_system_schema(pqxx::work& transaction) {
  const pqxx::result found = transaction.exec("SELECT to_regclass('foldline.format') IS NOT NULL");
  if (!found[0][0].as<bool>()) {
    transaction.exec(kTables);
    transaction.exec(fmt::format("INSERT INTO foldline.format (version) VALUES ({})", kFormat));
    return {};
  }
  const pqxx::result stored = transaction.exec("SELECT max(version) FROM foldline.format");
  const int version = stored[0][0].is_null() ? 0 : stored[0][0].as<int>();
  if (version == kFormat) return {};
  return fail(ErrorCode::config, fmt::format("the schema foldline has format {}, this worker knows {}", version, kFormat),
              version > kFormat ? "a newer Foldline has made it: run that version, or another database"
                                : "the table foldline.format was emptied by hand: restore its row");
}

}  // namespace foldline::postgres
