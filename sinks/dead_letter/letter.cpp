#include "sinks/dead_letter/letter.h"

namespace foldline {

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::decode: return "decode";
    case Stage::project: return "project";
    case Stage::store: return "store";
  }
  return "decode";
}

}  // namespace foldline
