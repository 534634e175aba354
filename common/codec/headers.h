// What a source's expressions read from a record's headers, and CloudEvents' binary mode, which keeps its attributes there.
//
//   HeaderPlan plan(paths);
//   plan.read(record.headers, slots, arena);      // record.headers.tenant
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/codec/json_text.h"
#include "common/expr/expr.h"
#include "common/record.h"
#include "common/value.h"

namespace foldline::codec {

// Text where the bytes are UTF-8, else bytes: keys and headers have no declared format.
inline Value text_or_bytes(std::string_view bytes) { return is_utf8(bytes) ? Value::text(bytes) : Value::bytes(bytes); }

// When a name occurs twice, the last one counts, as in Kafka's own Headers.lastHeader().
class HeaderPlan {
 public:
  explicit HeaderPlan(const expr::PathSet& paths);
  [[nodiscard]] bool empty() const { return slots_.empty() && all_ < 0; }
  void read(std::span<const Header> headers, std::span<Value> slots, Arena& arena) const;

 private:
  struct Slot {
    std::string name;
    std::uint32_t slot;
  };
  std::vector<Slot> slots_;
  std::int64_t all_ = -1;  // the slot of `record.headers` as a whole: a map
};

// CloudEvents 1.0, Kafka protocol binding (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
// Structured: content-type application/cloudevents+json, the event is the value. Binary: attributes in ce_ headers, the value is
// the data, content-type tells its form. Many producers of structured events leave the content-type out.
enum class CloudEventsMode : std::uint8_t {
  structured,
  binary,
  batch
};
CloudEventsMode cloudevents_mode(std::span<const Header> headers);

enum class DataFormat : std::uint8_t {
  json,
  text,
  bytes
};
DataFormat cloudevents_data_format(std::span<const Header> headers);

// Fills the slots of paths such as {value, ["type"]} from headers such as ce_type, so that a record in binary mode reads like one in
// structured mode.
class CloudEventsAttributes {
 public:
  explicit CloudEventsAttributes(const expr::PathSet& paths);
  void read(std::span<const Header> headers, std::span<Value> slots) const;

 private:
  struct Slot {
    std::string header;
    std::uint32_t slot;
  };
  std::vector<Slot> slots_;
};

}  // namespace foldline::codec
