// What a name of an expression stands for.
#pragma once

#include "common/expr/expr.h"

namespace foldline::expr {

struct Scope::Binding {
  enum class Kind : std::uint8_t {
    path,
    ast,
    fields,
    constant,
    enum_member,
    refused
  };
  Kind kind = Kind::path;
  Path path;                             // path
  ExprType type;                         // path
  AstPtr ast;                            // ast
  std::map<std::string, AstPtr> fields;  // fields
  std::shared_ptr<const Scope> seen;     // ast, fields: the names that those expressions may use
  Value value;                           // constant
  std::string text;                      // enum_member: its name; refused: the reason
};

}  // namespace foldline::expr
