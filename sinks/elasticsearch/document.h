// Documents: a row as the store keeps it, written by hand and read back exactly.
//
//   std::string id = document_id(key, view);                       // "4711", or "2026-04-03:EUR"
//   append_document(out, layout, row, watermarks);                 // {"order_id":"4711",...,"_foldline":{"w":{"orders-0":12}}}
//   Result<Document> d = reader.read(layout, source);
//
// Exactness. Whole numbers are JSON numbers and read back as 64 bits; decimals are strings with their scale; times are RFC 3339 with
// microseconds; intervals are microseconds; bytes are base64; JSON stands as it came (new lines made spaces). `_source` is what the
// store gives back byte for byte, so nothing is rounded however the index keeps it. Null fields are left out.
//
// Watermarks (G24): per source partition, named TOPIC-PARTITION, the last offset the document includes + 1.
// Format of the hidden object, Foldline's own: {"w":{name: next_offset},"g":[base64 stamp, ...]}; `g` only in guarded views.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/record.h"
#include "sinks/elasticsearch/layout.h"
#include "sinks/rows/stored_row.h"

namespace foldline::elasticsearch {

struct Watermark {
  std::string name;  // TOPIC-PARTITION
  std::int64_t next_offset = 0;
  bool operator==(const Watermark&) const = default;
};
std::uint64_t hash_of(std::span<const Watermark> watermarks);
std::string watermark_name(const TopicPartition& topic_partition);
// nullopt: no name of that form.
std::optional<TopicPartition> parse_watermark_name(std::string_view name);

// The _id: the key's parts as text, joined by `:`; `%` is written %25 and, in a key of several parts, `:` %3A; an empty part is `%`.
// Equal keys have equal _ids (decimals lose trailing zeros) and different keys different ones.
std::string document_id(std::span<const Value> key);
void append_document_id(std::string& out, std::span<const Value> key);
// No fewer bytes than it has, found without writing it; a huge number where only writing tells.
std::size_t most_document_id_bytes(std::span<const Value> key);
// A part as text, as it stands in an _id before escaping, and as routing value.
std::string key_text(const Value& part);

// One JSON document on one line. An error (store_rejected): a value that JSON can't hold.
Result<void> append_document(std::string& out, const ViewLayout& layout, const rows::StoredRow& row, std::span<const Watermark> watermarks);
// G25: nothing of the row but its watermarks.
void append_tombstone(std::string& out, std::span<const Watermark> watermarks, std::int64_t deleted_at_ms);

// What a stored document says.
struct Document {
  bool deleted = false;
  rows::StoredRow row;  // of one that is not deleted
  std::vector<Watermark> watermarks;
};

// Keeps its parser and buffers. One thread at a time.
class DocumentReader {
 public:
  DocumentReader();
  ~DocumentReader();
  // An error (code internal): somebody else wrote the document, or it is damaged.
  Result<Document> read(const ViewLayout& layout, std::string_view source);
  // The watermarks only.
  Result<std::vector<Watermark>> read_watermarks(std::string_view source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What the store would refuse, seen from the schema alone (G28): an error of code store_rejected.
Result<void> check_value(const Value& value, const Type& type, std::string_view mapping_type);

}  // namespace foldline::elasticsearch
