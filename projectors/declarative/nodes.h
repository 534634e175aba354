// Expressions that no text was parsed into. `words` is what a message shows for them.
#pragma once

#include <string>

#include "common/expr/ast.h"

namespace foldline::declarative {

expr::AstPtr name_node(const std::string& name, const std::string& words);
expr::AstPtr select_node(const expr::AstPtr& from, const std::string& member, bool optional);

}  // namespace foldline::declarative
