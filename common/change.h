// A change: one operation on one keyed row, as a projector makes it and the fold takes it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/value.h"
#include "common/view.h"

namespace foldline {

// One field of a change. The value has been converted to the field's type.
struct Assignment {
  std::uint16_t field = 0;
  Op op = Op::set;
  Value value;
};

enum class RowOp : std::uint8_t {
  upsert,  // the assignments, on a row that is made if it is missing
  erase,   // the row goes (hard), or its soft_delete field is set to `deleted_at_us`
};

// Guard stamp of `newest_by` (G10): 8 bytes of the version (big-endian, sign bit flipped), then the event ID's bytes. memcmp order is
// version order with ties broken by event ID. Empty: the view is not guarded.
using GuardStamp = std::string_view;

// Everything points into the batch's arena, but for the assignments: they may go when kDecodedTogether (codec/decoder.h) more events have
// been projected. They are folded at once; in the arena they would be an eighth of a batch, written once and never read again.
struct Change {
  std::uint32_t view = 0;  // index in the projection's views
  RowOp op = RowOp::upsert;
  std::uint64_t key_hash = 0;  // hash_key(key)
  const Value* key = nullptr;  // as many as the view's key has parts, converted to their types
  std::span<const Assignment> assignments;
  GuardStamp guard;
  std::int64_t deleted_at_us = 0;  // the event's time, for erase in a view with soft_delete
};

// What one event changes. A projector appends; the engine folds all of it or nothing (language.md rule 6).
using ChangeList = std::vector<Change>;

}  // namespace foldline
