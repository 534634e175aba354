#include "common/codec/debezium.h"

#include <charconv>
#include <string>

#include "common/codec/json_text.h"
#include "common/hash.h"

namespace foldline::codec {
namespace {

// Longer keys stand in the ID as their hash.
constexpr std::size_t kMaxKeyBytes = 256;

std::string_view operation(std::string_view op) {
  if (op == "c") return "create";
  if (op == "r") return "read";
  if (op == "u") return "update";
  if (op == "d") return "delete";
  if (op == "t") return "truncate";
  return {};
}

// Text that grows in the arena, up to a bound that is known beforehand.
class Builder {
 public:
  Builder(Arena& arena, std::size_t max_bytes) : start_(arena.array<char>(max_bytes)), at_(start_), end_(start_ + max_bytes) {}
  void put(std::string_view text) {
    const std::size_t size = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    if (size != 0) std::memcpy(at_, text.data(), size);
    at_ += size;
  }
  void put(const Value& value) {
    switch (value.kind()) {
      case Kind::text:
      case Kind::json: return put(value.as_text());
      case Kind::integer: at_ = std::to_chars(at_, end_, value.as_int()).ptr; return;
      case Kind::decimal: return put(value.as_decimal().to_string());
      case Kind::boolean: return put(value.as_bool() ? "true" : "false");
      default: return;
    }
  }
  [[nodiscard]] std::string_view text() const { return {start_, static_cast<std::size_t>(at_ - start_)}; }

 private:
  char* start_;
  char* at_;
  char* end_;
};

bool is_there(const Value& value) { return !value.is_absent() && !value.is_null(); }

std::size_t room_of(const Value& value) { return value.is(Kind::text) || value.is(Kind::json) ? value.as_text().size() : 48; }

void put_key(Builder& to, std::string_view key) {
  if (key.size() <= kMaxKeyBytes && is_utf8(key)) return to.put(key);
  const Hash128 hash = hash128(key);
  for (const std::uint64_t half : {hash.high, hash.low}) {
    std::array<char, 16> hex{};
    const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), half, 16).ptr;
    to.put("#");
    to.put({hex.data(), static_cast<std::size_t>(end - hex.data())});
  }
}

std::string_view make_id(const DebeziumSlots& at, std::span<const Value> slots, const Value& table, const Record& record, Arena& arena) {
  std::size_t room = kMaxKeyBytes + 64 + room_of(table);
  bool has_position = false;
  for (const std::uint32_t slot : at.positions) {
    if (!is_there(slots[slot])) continue;
    has_position = true;
    room += room_of(slots[slot]) + 24;
  }
  if (!has_position) return {};
  const std::array<std::uint32_t, 3> place = {at.name, at.database, at.schema};
  for (const std::uint32_t slot : place) room += room_of(slots[slot]) + 1;

  Builder id(arena, room);
  for (const std::uint32_t slot : place) {
    id.put(slots[slot]);
    id.put(".");
  }
  id.put(table);
  for (std::size_t i = 0; i < at.positions.size(); ++i) {
    const Value& value = slots[at.positions[i]];
    if (!is_there(value)) continue;
    id.put(" ");
    id.put(kDebeziumPositions[i]);
    id.put("=");
    id.put(value);
  }
  id.put(" ");
  id.put(slots[at.op]);
  id.put(" ");
  if (record.key) put_key(id, *record.key);
  return id.text();
}

}  // namespace

DebeziumSlots add_debezium_paths(expr::PathSet& paths) {
  const auto slot = [&paths](std::vector<std::string> keys) { return paths.slot({expr::Root::value, std::move(keys), 0}); };
  DebeziumSlots at;
  at.op = slot({"op"});
  at.ts_ms = slot({"ts_ms"});
  at.source_ts_ms = slot({"source", "ts_ms"});
  at.name = slot({"source", "name"});
  at.database = slot({"source", "db"});
  at.schema = slot({"source", "schema"});
  at.table = slot({"source", "table"});
  at.collection = slot({"source", "collection"});
  for (std::size_t i = 0; i < kDebeziumPositions.size(); ++i) at.positions[i] = slot({"source", std::string(kDebeziumPositions[i])});
  return at;
}

Result<DebeziumChange> read_debezium(const DebeziumSlots& at, std::span<const Value> slots, const Record& record, Arena& arena) {
  constexpr const char* kHint = "form debezium reads {before, after, source, op}; a connector that flattens its events needs another form";
  DebeziumChange change;
  const Value& op = slots[at.op];
  if (!op.is(Kind::text))
    return fail(ErrorCode::decode, "not a Debezium change: 'op' is " + (is_there(op) ? describe(op) : "missing"), kHint);
  if (op.as_text() == "m") {
    change.is_row = false;
    return change;
  }
  const std::string_view word = operation(op.as_text());
  if (word.empty()) return fail(ErrorCode::decode, "not a Debezium change: 'op' is " + describe(op) + ", not c, r, u, d or t", kHint);
  change.time = is_there(slots[at.source_ts_ms]) ? slots[at.source_ts_ms] : slots[at.ts_ms];
  if (change.time.is_null()) change.time = Value::absent();

  const Value& table = is_there(slots[at.table]) ? slots[at.table] : slots[at.collection];
  change.id = make_id(at, slots, table, record, arena);
  if (!table.is(Kind::text)) return fail(ErrorCode::decode, "not a Debezium change: 'source.table' is missing", kHint);
  Builder type(arena, table.as_text().size() + 1 + word.size());
  type.put(table);
  type.put(".");
  type.put(word);
  change.type = type.text();
  return change;
}

}  // namespace foldline::codec
