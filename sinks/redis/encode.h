// From a batch to the words of the commit script (commit_script.cpp says what they mean).
//
//   ScriptInput head;   encode_partitions(batch, keys, head);   ScriptInput rows;   encoder.encode(layout, view_rows, rows);
//   write_script(request, sha1, {&head, &rows});
//
// Pure: no connection. What can never be written is refused here, with code store_rejected, and names the key.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <initializer_list>
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
  void add(std::int64_t word) {
    std::array<char, 24> digits;
    add(std::string_view(digits.data(),
                         static_cast<std::size_t>(std::to_chars(digits.data(), digits.data() + digits.size(), word).ptr - digits.data())));
  }
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
};

// EVALSHA sha1 numkeys keys words: those of the parts, one after the other.
void write_script(Request& out, std::string_view sha1, std::initializer_list<const ScriptInput*> parts);

void encode_partitions(const CommitBatch& batch, const SystemKeys& keys, ScriptInput& out);

// The script's word for how the view's keys expire, and when this row's does (empty: as it did).
std::string_view expiry_word(const ViewLayout& layout);
std::string expires_at(const ViewLayout& layout, const FoldedRow& row);

// Views whose rows the script computes by itself. Not thread-safe; keeps its buffers.
class RowEncoder {
 public:
  // From now on counters that `known` has are added to without a look; those that the batch writes otherwise go into `notes`. Only for a
  // script that commits the whole batch: such an addition may be refused in phase two.
  void use(const KnownCounters& known, CounterNotes& notes) { known_ = &known, notes_ = &notes; }
  Result<void> encode(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);

 private:
  struct Group {  // rows of one shape
    std::string shape;
    Words keys;
    Words words;
    std::size_t rows = 0;

    void clear() {
      keys.clear();
      words.clear();
      rows = 0;
    }
  };
  struct Name {  // a part of text_
    std::size_t begin = 0;
    std::size_t size = 0;
    std::uint64_t hash = 0;
  };
  Result<void> encode_counters(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);
  Result<void> encode_hashes(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);
  Result<void> add_hash(const ViewLayout& layout, const FoldedRow& row);
  [[nodiscard]] bool may_add_unseen(const ViewLayout& layout) const;
  void name_counters(const ViewLayout& layout, std::span<FoldedRow* const> rows);
  Result<void> add_counter(const ViewLayout& layout, const FoldedRow& row, std::string_view name);
  static void add_known(const Group& group, std::string_view what, const ViewLayout& layout, ScriptInput& out);
  [[nodiscard]] char last_shape() const { return shape_.front(); }
  Group& group_of(const std::string& shape);
  Result<void> encode_members(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out);

  const KnownCounters* known_ = nullptr;
  CounterNotes* notes_ = nullptr;
  std::vector<Group> groups_;
  std::size_t group_count_ = 0;
  std::size_t last_group_ = 0;
  Group ones_;  // counters that are known: 1 is added, or another number
  Group sums_;
  std::vector<Name> names_;
  Words row_words_;
  std::unordered_map<std::string, std::size_t> group_numbers_;
  std::string shape_;
  std::string text_;
};

// A batch's rows as words of the script: all that needs neither what is stored nor the batch's place in the log. Made by the commit, or
// ahead of it (sinks/sink.h). Not thread-safe; keeps its buffers.
class EncodedBatch final : public EncodedRows {
 public:
  // Views whose rows are read first (layout.compared) are left to the commit. Errors as RowEncoder's.
  Result<void> encode(std::span<const ViewLayout> layouts, std::span<const ViewRows> views, const KnownCounters& known);
  [[nodiscard]] const ScriptInput& rows() const { return rows_; }
  [[nodiscard]] const CounterNotes& notes() const { return notes_; }

 private:
  RowEncoder encoder_;
  ScriptInput rows_;
  CounterNotes notes_;
};

}  // namespace foldline::redis
