// Reads from a JSON record exactly the paths that some expression uses, in one forward pass (simdjson On-Demand, or by the shape of earlier
// records).
//
//   JsonPlan plan(paths, expr::Root::value);          // once, at load time
//   JsonReader reader;                                // one a lane
//   Result<void> ok = reader.read(plan, *record.value, slots, arena);
//
// What a slot holds afterwards: text (a view into the record where nothing is escaped, else in the arena), an integer, an exact
// decimal, a boolean, null, or Kind::json: the text of an object or array that a path ends at. A path that is not there, or that
// would go through null or a scalar, is absent. When an object has a name twice, the last one counts, as in Postgres' jsonb and
// in most languages. Only what is read must be well formed; see JsonReadOptions::strict.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/expr/expr.h"
#include "common/value.h"

namespace foldline::codec {

inline constexpr std::size_t kMaxRecordBytes = 16 * 1024 * 1024;

// Names in a path that stand for something else than a member of that name.
//
// A text that holds JSON: {"after", "payload", "json()", "order_id"} goes through the text of after.payload (an outbox' rows).
inline constexpr std::string_view kEmbeddedJson = "json()";
// The row that a Debezium change is about, at the head of a path: `after`, of a delete `before`, else the record's key.
inline constexpr std::string_view kDebeziumRow = "row()";

struct JsonPlanOptions {
  bool unwrap_payload = false;  // Kafka Connect's {"schema": ..., "payload": {...}} is read as its payload
  std::string absent_text;      // a string that stands for "not there" (Debezium's unavailable columns); empty: none
};

// Immutable after construction.
class JsonPlan {
 public:
  struct Child {
    std::string key;
    bool plain = true;  // no character of the key is ever escaped, so its bytes can be compared as they stand
    std::uint32_t node = 0;
    bool is_after = false;  // the Debezium row is (also) read from here
    bool is_before = false;
    // For speed. The first 8 bytes of the key and its closing quote, and which of them there are: one comparison tells most keys apart.
    std::uint64_t head = 0;
    std::uint64_t head_mask = 0;
    std::int32_t leaf_slot = -1;  // the node's slot, when the node is nothing but a slot
  };
  struct Node {
    std::int32_t slot = -1;      // index into `slots`
    std::int32_t embedded = -1;  // node of the JSON that this text holds
    std::vector<Child> children;
  };

  // `strip`: only the paths below this member, read as if it were the whole record (the data of CloudEvents' binary mode).
  JsonPlan(const expr::PathSet& paths, expr::Root root, JsonPlanOptions options = {}, std::string_view strip = {});

  [[nodiscard]] const Node& node(std::uint32_t index) const { return nodes_[index]; }
  [[nodiscard]] std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  // No other plan of this process has it; copies share it.
  [[nodiscard]] std::uint64_t identity() const { return identity_; }
  [[nodiscard]] const Node& root() const { return nodes_[0]; }
  [[nodiscard]] std::int32_t debezium_row() const { return debezium_row_; }  // a node, -1: nobody reads it
  [[nodiscard]] const JsonPlanOptions& options() const { return options_; }
  [[nodiscard]] bool empty() const { return nodes_[0].slot < 0 && nodes_[0].children.empty() && debezium_row_ < 0; }

 private:
  void add(std::span<const std::string> keys, std::uint32_t slot);
  std::uint32_t child(std::uint32_t parent, const std::string& key);
  void attach_debezium_row();
  void finish();

  std::vector<Node> nodes_;
  JsonPlanOptions options_;
  std::int32_t debezium_row_ = -1;
  std::uint64_t identity_;
};

struct JsonReadOptions {
  bool strict = false;            // the whole record must be well-formed JSON, not only what is read
  std::string_view debezium_key;  // the record's key (not padded), for a row that neither `after` nor `before` holds; empty: none
};

// Records that look like earlier ones are read by their shape (json_shape.h), all others by simdjson; both give the same answers.
enum class JsonShapes : std::uint8_t {
  learned,
  off,  // for tests and measurements
};

// Not thread-safe. Keeps its buffers, and the shapes of up to kMaxPlans plans, between records. Plans outlive it.
class JsonReader {
 public:
  static constexpr std::size_t kMaxPlans = 8;

  explicit JsonReader(JsonShapes shapes = JsonShapes::learned);
  ~JsonReader();
  JsonReader(JsonReader&&) noexcept;
  JsonReader& operator=(JsonReader&&) noexcept;

  // `bytes` are followed by kRecordPaddingBytes readable bytes and live as long as the slots. Every slot of the plan was absent
  // before. On an error (code decode) the slots read so far keep their values: a letter shows what is known of its event.
  Result<void> read(const JsonPlan& plan, std::string_view bytes, std::span<Value> slots, Arena& arena,
                    const JsonReadOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "not JSON: expected a value, but the text ends (byte 98)", "not UTF-8 (byte 12)", "empty value": for people.
Error describe_bad_json(std::string_view bytes);

}  // namespace foldline::codec
