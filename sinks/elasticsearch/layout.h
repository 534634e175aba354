// How a view lies in a search store: its index, its aliases, its mapping, and what of each field a document holds.
//
//   auto layout = *make_layout(view, 0, {"orders-search", 1});
//   layout.index;         // "orders-g1"
//   layout.create_body;   // what PUT /orders-g1 sends
//
// Names. NAME-gN is the index of generation N. NAME is the alias that people read: it leaves tombstones out (G25). NAME-gN-write is
// the alias that the sink writes through with require_alias, so that an index that somebody deleted is not made anew by a write (G27).
// A generation in the making has no NAME; it gets it when it goes live (switch.h).
// Threads: immutable once made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/view.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

// What every document holds beside the view's own fields; no field of a view may begin with `_`.
inline constexpr std::string_view kHiddenField = "_foldline";                // {w: watermarks, g: guard stamps}: not indexed
inline constexpr std::string_view kDeletedField = "_foldline_deleted";       // true in tombstones; else not there
inline constexpr std::string_view kDeletedAtField = "_foldline_deleted_at";  // of tombstones: ms since 1970, by the worker's clock

// Lucene's longest term (IndexWriter.MAX_TERM_LENGTH): a longer keyword is refused by the store.
inline constexpr std::size_t kMaxKeywordBytes = 32'766;
// Longer texts are found by their words but not by `.keyword`: 8,191 characters have at most 32,764 bytes.
inline constexpr int kKeywordIgnoreAbove = 8'191;
// The store's longest _id.
inline constexpr std::size_t kMaxIdBytes = 512;
// A long holds 18 digits whatever they are; scaled_float keeps value * 10^scale in one.
inline constexpr int kMaxScaledDigits = 18;

struct FieldLayout {
  std::string prefix;        // `"name":`
  std::string mapping_type;  // "date_nanos": what the store's mapping says in the end
};

struct ViewLayout {
  const ViewSchema* view = nullptr;  // owned by StoreShared
  std::uint32_t number = 0;          // among the projection's views
  std::string index;
  std::string read_alias;
  std::string write_alias;
  std::vector<FieldLayout> key;
  std::vector<FieldLayout> fields;
  int routing = -1;         // index of the key part that routes, -1: the store's own way
  std::string mapping;      // {"dynamic":"strict","properties":{...}}
  std::string settings;     // {"index":{...}} of a new index
  std::int32_t shards = 0;  // asked for; 0: the store's default
};

// Errors: code config, with the view and the reason (a name that is no index name, an option that can't be, a kind that is no index).
Result<ViewLayout> make_layout(const ViewSchema& view, std::uint32_t number, const ProjectionId& id);

// {"bool":...} of the read aliases: leaves tombstones out.
std::string read_filter();

// Why `name` can't name an index; empty: it can. From the servers' own rules (MetadataCreateIndexService.validateIndexOrAliasName).
std::string why_no_index_name(std::string_view name);

}  // namespace foldline::elasticsearch
