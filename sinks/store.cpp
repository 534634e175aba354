// What a store answers that can't do a thing.
#include "sinks/row_query.h"
#include "sinks/sink.h"

namespace foldline {

namespace {

tl::unexpected<Error> one_generation() {
  return fail(ErrorCode::config, "this store keeps one generation: it can't build another beside it in this build of Foldline",
              "stop the workers, empty the store of what the projection keeps, its checkpoints too, and start them again");
}

}  // namespace

std::string_view to_string(GenerationState state) {
  switch (state) {
    case GenerationState::building: return "building";
    case GenerationState::switching: return "switching";
    case GenerationState::live: return "live";
    case GenerationState::retiring: return "retiring";
    case GenerationState::retired: return "retired";
    case GenerationState::dropping: return "dropping";
    case GenerationState::dropped: return "dropped";
  }
  return "live";
}

Result<std::vector<Generation>> Store::generations() { return one_generation(); }
Result<bool> Store::go_live(const GoLiveStep& /*step*/) { return one_generation(); }
Result<void> Store::drop_generation(std::int64_t /*number*/) { return one_generation(); }

Result<std::unique_ptr<RowReader>> Store::read_rows(const RowQuery& /*query*/) {
  return fail(ErrorCode::config, "this store can't be read by `foldline query` in this build of Foldline", "read it with its own tools");
}
std::string Store::name_of_view(std::uint32_t /*view*/) const { return {}; }

}  // namespace foldline
