// What a view looks like, as projectors, the fold and the sinks share it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/type.h"

namespace foldline {

enum class Op : std::uint8_t {
  set,
  add,
  min,
  max,
  append,
  remove
};
std::string_view to_string(Op op);
inline constexpr std::uint8_t op_bit(Op op) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(op)); }

struct KeyPart {
  std::string name;
  Type type;
  std::string doc;
};

struct Field {
  std::string name;
  Type type;
  std::string doc;
  Value default_value = Value::null();  // points into ViewSchema::literals; null: none
  bool not_null = false;                // it has a default, or a clause adds to it (then the default is 0)
  std::uint8_t ops = 0;                 // op_bit()s of every operation that some clause does to it
  std::int16_t guard = -1;              // index of its `newest_by` guard (G10), -1: none
  std::string mapping{};                // index: mapping parameters as a JSON object, {"analyzer":"english"}; empty: none
};

struct ViewIndex {
  std::vector<std::string> fields;
  bool unique = false;
};

// What a search index is made with. JSON is checked for shape by whoever loads the file, for meaning by the store.
struct IndexOptions {
  std::int32_t shards = 0;       // 0: the store's default
  std::int32_t replicas = -1;    // -1: the store's default
  std::string refresh_interval;  // "5s", "-1"; empty: the store's default
  std::string routing;           // the key part by which documents are spread; empty: by the whole key
  std::string settings;          // JSON object, merged into the index's settings; empty: none
  std::string mappings;          // JSON object, merged into the index's mappings; empty: none
};

// Guards (G10): one per group of fields that are always set together, each a hidden column that holds the stamp
// (see GuardStamp in change.h) of the event that wrote the group last. A guarded view with `delete` has two more: the stamps of
// the newest event that was no delete, and of the newest delete; the row is alive while the first is greater.
struct ViewSchema {
  std::string name;
  std::string kind = "table";
  std::string store_name;  // table (`schema.table` or `table`), index or key template; empty in Redis: the store's default
  std::string doc;
  std::vector<KeyPart> key;
  std::vector<Field> fields;
  std::int16_t guard_count = 0;  // all hidden guards, the two of deletes included
  std::int16_t guard_alive = -1;
  std::int16_t guard_deleted = -1;
  std::int16_t soft_delete = -1;     // index of the field that `delete` fills, -1: hard deletes
  std::int64_t expire_after_us = 0;  // 0: never
  std::string expire_from;           // a key part or field (date, timestamptz); empty: the time of the row's newest event
  std::vector<ViewIndex> indexes;
  std::int32_t fillfactor = 0;  // 0: the store's default
  IndexOptions index;           // kind index only
  std::shared_ptr<Arena> literals = std::make_shared<Arena>();

  [[nodiscard]] int field_index(std::string_view field) const {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name == field) return static_cast<int>(i);
    }
    return -1;
  }
};

}  // namespace foldline
