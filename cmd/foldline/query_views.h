// What `foldline query FILE` lists: views, where they stand in the store, their keys and fields.
#pragma once

#include <ostream>

#include "projectors/declarative/compiled.h"
#include "sinks/sink.h"

namespace foldline {

// JSON: an object a line.
void print_views(const declarative::CompiledProjection& projection, const Store& store, bool json, std::ostream& out);

}  // namespace foldline
