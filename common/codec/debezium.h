// Debezium's change events (https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-change-events-value;
// the other connectors differ in `source`): {"before", "after", "source", "op", "ts_ms"}, bare or as the payload of Kafka Connect's
// {"schema", "payload"}.
//
// type = TABLE.create|read|update|delete|truncate; time = source.ts_ms (when the database did it), else ts_ms; id = the change's place in
// the source's log + op + the record's key: rows of a snapshot share a place, and a changed primary key is a delete and a create at
// one place. A logical message (op m) is no change of a row and is skipped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/arena.h"
#include "common/error.h"
#include "common/expr/expr.h"
#include "common/record.h"
#include "common/value.h"

namespace foldline::codec {

inline constexpr std::string_view kDebeziumUnavailable = "__debezium_unavailable_value";

// What the connectors call a place in their log: Postgres; MySQL and MariaDB; SQL Server and Db2; Oracle; MongoDB; Vitess.
inline constexpr std::array<std::string_view, 14> kDebeziumPositions = {
    "lsn", "file",       "pos",   "row", "change_lsn", "commit_lsn",   "event_serial_no",
    "scn", "commit_scn", "rs_id", "ssn", "ord",        "resume_token", "vgtid"};

struct DebeziumSlots {
  std::uint32_t op = 0;
  std::uint32_t ts_ms = 0;
  std::uint32_t source_ts_ms = 0;
  std::uint32_t name = 0;  // of the connector: two databases may have the same places
  std::uint32_t database = 0;
  std::uint32_t schema = 0;
  std::uint32_t table = 0;
  std::uint32_t collection = 0;  // MongoDB's word for table
  std::array<std::uint32_t, kDebeziumPositions.size()> positions{};
};

DebeziumSlots add_debezium_paths(expr::PathSet& paths);

struct DebeziumChange {
  std::string_view type;  // in the arena
  std::string_view id;    // empty: the source names no place
  Value time;             // a whole number of ms, or absent
  bool is_row = true;     // false: a logical message
};
Result<DebeziumChange> read_debezium(const DebeziumSlots& at, std::span<const Value> slots, const Record& record, Arena& arena);

}  // namespace foldline::codec
