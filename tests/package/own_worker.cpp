// A program that uses the installed package alone: a projector of its own, and the whole command line as a function.
// `own_worker` checks the projector; `own_worker ARGUMENTS…` is `foldline ARGUMENTS…`.
#include <cstdio>

#include "cmd/foldline/main.h"
#include "common/arena.h"
#include "common/change.h"
#include "common/hash.h"
#include "projectors/projector.h"

namespace {

// Counts events by type.
class CountByType : public foldline::Projector {
 public:
  foldline::Result<void> project(const foldline::Event& event, foldline::Arena& arena, foldline::ChangeList& out) override {
    if (event.type.empty()) return foldline::fail(foldline::ErrorCode::decode, "an event without a type");
    auto* key = arena.array<foldline::Value>(1);
    key[0] = foldline::Value::text(arena.copy(event.type));
    auto* count = arena.array<foldline::Assignment>(1);
    count[0] = {0, foldline::Op::add, foldline::Value::integer(1)};
    foldline::Change change;
    change.key = key;
    change.key_hash = foldline::hash_key({key, 1});
    change.assignments = {count, 1};
    out.push_back(change);
    return {};
  }
};

int check_projector() {
  foldline::Arena arena;
  foldline::ChangeList changes;
  CountByType projector;
  foldline::Event event;
  event.type = "order.placed";
  if (!projector.project(event, arena, changes) || changes.size() != 1) return 1;
  event.type = {};
  const auto refused = projector.project(event, arena, changes);
  if (refused || refused.error().code != foldline::ErrorCode::decode) return 1;
  std::puts("own_worker: one change for an event, an error for one without a type");
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? foldline::run_main(argc, argv) : check_projector(); }
