// From a view of the file to what the projector runs for one source.
#pragma once

#include <vector>

#include "projectors/declarative/expressions.h"
#include "projectors/declarative/guards.h"

namespace foldline::declarative {

// `writes` collects over the sources what guards need to know.
ViewPlan compile_view(const config::ViewSpec& view, const ViewSchema& schema, Expressions& expressions, std::vector<FieldWrites>& writes);

// One type, one key of a view: refuses a type in two keys, and patterns that tie.
void check_types(const config::ViewSpec& view, Problems& problems);

}  // namespace foldline::declarative
