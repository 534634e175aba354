// A projector turns an event into changes. Declared in YAML (projectors/declarative) or written in C++.
//
// Pure (G13): the same event gives the same changes, always; halving, replay and rebuild run it again. No clock, no randomness, no I/O.
// Threads: one instance per lane, used by one thread at a time.
#pragma once

#include "common/arena.h"
#include "common/change.h"
#include "common/error.h"
#include "common/record.h"

namespace foldline {

class Projector {
 public:
  virtual ~Projector() = default;
  // Appends the event's changes for all views. On an error the event becomes a letter (stage project) and `out` is ignored.
  // An event of a type that no view handles gives no changes and no error.
  virtual Result<void> project(const Event& event, Arena& arena, ChangeList& out) = 0;
};

}  // namespace foldline
