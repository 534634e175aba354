// `foldline status FILE`: checkpoint, log end and lag of every partition; reads only, so it may be stopped anywhere.
#pragma once

#include <ostream>
#include <string>

namespace CLI {
class App;
}

namespace foldline {

struct StatusOptions {
  std::string file;
  std::string shared;
  bool json = false;
  bool letters = false;  // --letters: count them too, which reads the dead-letter topics
};

// 0: printed; 1: the file, the store or Kafka did not answer (said on `err`).
int print_status(const StatusOptions& options, std::ostream& out, std::ostream& err);
void add_status(CLI::App& app, int& exit_code);

}  // namespace foldline
