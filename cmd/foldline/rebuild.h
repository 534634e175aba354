// `foldline rebuild FILE`: fills a new generation of a projection's views beside the live one, then lets it take the live one's place.
#pragma once

#include <cstddef>
#include <string>

namespace CLI {
class App;
}

namespace foldline {

struct RebuildCommand {
  std::string file;
  std::string shared;                 // --shared
  std::string from = "earliest";      // --from
  std::size_t max_batch_records = 0;  // --max-batch-records; 0: the default
  bool resume = false;                // go on with the generation in the making
  bool list = false;                  // only show the generations
  bool drop_old = false;              // only drop those that were live before
  bool abandon = false;               // only drop the one in the making
};

// Exit code: 0 done; 1 it could not be done, or was interrupted, and the last lines say how to go on.
int rebuild_projection(const RebuildCommand& options);
void add_rebuild(CLI::App& app, int& exit_code);

}  // namespace foldline
