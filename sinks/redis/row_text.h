// Whole rows as they stand in Redis, and back: for rows that are read, changed here, and written with a compare.
//
//   std::vector<std::string> words = hash_words(layout, row);                 // "-" or "=text", fields first, then guards
//   Result<std::optional<rows::StoredRow>> row = row_from_hash(layout, key, words);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "sinks/redis/layout.h"
#include "sinks/rows/stored_row.h"

namespace foldline::redis {

inline constexpr std::string_view kNoText = "-";

// The names of a hash's fields that hold the row, guards behind fields.
std::vector<std::string> hash_names(const ViewLayout& layout);
// One word for each of hash_names().
std::vector<std::string> hash_words(const ViewLayout& layout, const rows::StoredRow& row);
// nullopt: no such row. A field with a default that is not there (it was added to the view later) holds its default.
Result<std::optional<rows::StoredRow>> row_from_hash(const ViewLayout& layout, const Value* key, const std::vector<std::string>& words);

// {"name":"x","total":3,"_newest_1":"gAAA..."}: every field, null as null; guards that hold nothing are left out.
std::string json_of(const ViewLayout& layout, const rows::StoredRow& row);
// Members that are no field are somebody else's, and are not kept. Errors (code store_rejected): it is no object of ours.
Result<rows::StoredRow> row_from_json(const ViewLayout& layout, const Value* key, std::string_view json);

// The members of a JSON object, with their values' text as it stands there; nullopt: it is none.
std::optional<std::vector<std::pair<std::string, std::string_view>>> json_members(std::string_view json);

}  // namespace foldline::redis
