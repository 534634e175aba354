// From a batch to the words of the commit script (commit_script.cpp says what they mean).
//
//   ScriptInput input;   encode_partitions(batch, keys, input);   encoder.encode(layout, rows, input);   input.write(request, sha1);
//
// Pure: no connection. What can never be written is refused here, with code store_rejected, and names the key.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/error.h"
#include "sinks/redis/checkpoints.h"
#include "sinks/redis/known_counters.h"
#include "sinks/redis/layout.h"
#include "sinks/redis/resp.h"
#include "sinks/sink.h"

namespace foldline::redis {

// Arguments of a command that is not complete yet.
struct Words {
  std::string bytes;
  std::size_t count = 0;

  void add(std::string_view word) {
    append_argument(bytes, word);
    ++count;
  }
  void add(std::int64_t word) { add(std::string_view(std::to_string(word))); }
  void add_all(const Words& other) {
    bytes += other.bytes;
    count += other.count;
  }
  void clear() {
    bytes.clear();
    count = 0;
  }
};

struct ScriptInput {
  Words keys;
  Words words;

  void clear() {
    keys.clear();
    words.clear();
  }
  // EVALSHA sha1 numkeys keys words
  void write(Request& out, std::string_view sha1) const;
};

void encode_partitions(const CommitBatch& batch, const SystemKeys& keys, ScriptInput& out);

// The script's word for how the view's keys expire, and when this row's does (empty: as it did).
std::string_view expiry_word(const ViewLayout& layout);
std::string expires_at(const ViewLayout& layout, const FoldedRow& row);

// Views whose rows the script computes by itself. Not thread-safe; keeps its buffers.
class RowEncoder {
 public:
  // From now on counters that `known` has are added to without a look; those that the batch writes otherwise are noted there. Only for a
  // script that commits the whole batch: such an addition may be refused in phase two.
  void use(KnownCounters& known) { known_ = &known; }
  Result<void> encode(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);

 private:
  struct Group {  // hashes of one shape
    std::string shape;
    Words keys;
    Words words;
    std::size_t rows = 0;
  };
  Result<void> encode_counters(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);
  Result<void> encode_hashes(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);
  Result<void> add_hash(const ViewLayout& layout, const FoldedRow& row);
  [[nodiscard]] bool may_add_unseen(const ViewLayout& layout, char op, std::string_view value) const;  // to the key in text_
  void note(const ViewLayout& layout, char op);
  Group& group_of(const std::string& shape);
  Result<void> encode_members(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);

  KnownCounters* known_ = nullptr;
  std::vector<Group> groups_;
  std::size_t group_count_ = 0;
  std::size_t last_group_ = 0;
  Words row_words_;
  std::unordered_map<std::string, std::size_t> group_numbers_;
  std::string shape_;
  std::string text_;
};

}  // namespace foldline::redis
