#include "common/view.h"

namespace foldline {

std::string_view to_string(Op op) {
  switch (op) {
    case Op::set: return "set";
    case Op::add: return "add";
    case Op::min: return "min";
    case Op::max: return "max";
    case Op::append: return "append";
    case Op::remove: return "remove";
  }
  return "set";
}

}  // namespace foldline
