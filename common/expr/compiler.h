// Tree to program: names are resolved, types checked, constants computed. One Compiler compiles one expression.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/expr/code.h"
#include "common/expr/scope.h"

namespace foldline::expr {

// A part of the expression, compiled. A path stays a path for as long as it can grow (data, data.items, data.items.sku), because only
// its full length is decoded; the same for a name that stands for a map of expressions.
struct Built {
  ExprType type;
  const Ast* ast = nullptr;    // for its words and place
  std::uint32_t node = kNone;  // kNone: a path, or fields
  Path path;
  std::string words;           // the path as the user wrote it
  std::size_t bound_keys = 0;  // keys of the path that came with the bound name: what it stands for need not be there
  bool optional = false;       // a .? stands in it
  std::optional<Path> strict;  // the part before the first .?, which must be there (none: the bound name itself)
  std::string strict_words;
  const Scope::Binding* fields = nullptr;

  [[nodiscard]] bool is_path() const { return node == kNone && fields == nullptr; }
};

class Compiler {
 public:
  Compiler(const Scope& scope, PathSet& paths) : scope_(&scope), paths_(paths), code_(std::make_shared<Program::Code>()) {}

  // false: problem() says why.
  bool build(const Ast& ast, Built& out);
  bool materialise(Built& built);  // afterwards `node` is one

  [[nodiscard]] Problem& problem() { return problem_; }
  std::shared_ptr<Program::Code> take_code() { return std::move(code_); }
  Program::Code& code() { return *code_; }

 private:
  friend struct Macro;
  friend class Macros;

  struct Local {
    std::string name;
    ExprType type;
    std::uint32_t number;
  };

  bool build_by_kind(const Ast& ast, Built& out);
  bool fail(const Ast& ast, std::string message, std::string hint = {});
  bool fail_at(const Ast& ast, std::size_t position, std::string message, std::string hint);

  // Nodes.
  std::string_view keep(std::string_view text) { return code_->arena.copy(text); }
  bool add(Program::Node node, std::span<const std::uint32_t> children, const Ast& ast, std::uint32_t& out);
  bool finish(Program::Node node, std::span<const std::uint32_t> children, ExprType type, const Ast& ast, Built& out);
  bool constant(const Value& value, ExprType type, const Ast& ast, Built& out);
  bool fold(Program::Node& node, std::span<const std::uint32_t> children, const Ast& ast);
  // Of an operand: compiled, a node, and not optional.
  bool operand(const Ast& ast, Built& out);
  bool condition(const Ast& ast, std::string_view what, Built& out);
  bool refuse_optional(const Built& built);

  // Names and paths (compiler_paths.cpp).
  bool name(const Ast& ast, Built& out);
  bool bound(const Ast& ast, const Scope::Binding& binding, Built& out);
  bool inlined(const Ast& ast, const Ast& other, const Scope& seen, Built& out);
  bool unknown_name(const Ast& ast);
  bool select(const Ast& ast, bool optional, Built& out);
  bool select_from(const Ast& ast, std::string_view field, bool optional, Built target, Built& out);
  bool select_field(const Ast& ast, std::string_view field, bool optional, const Scope::Binding& binding, std::string words, Built& out);
  bool index(const Ast& ast, Built& out);
  bool whole_fields(Built& built);

  // Operators and literals.
  bool unary(const Ast& ast, Built& out);
  bool binary(const Ast& ast, Built& out);
  bool junction(const Ast& ast, Built& out);
  bool conditional(const Ast& ast, Built& out);
  bool list(const Ast& ast, Built& out);
  bool map(const Ast& ast, Built& out);
  bool entry(const Ast& ast, bool optional, const Ast& whole, Built& out);

  // Calls (compiler_calls.cpp).
  bool call(const Ast& ast, Built& out);
  bool function(const Ast& ast, Built& out);
  bool unknown_function(const Ast& ast, std::size_t argument_count);
  bool zone_argument(const Ast& ast, Zone& zone);
  bool probe(const Function& function, const Ast& ast, std::span<const std::uint32_t> children);
  bool pick(const Ast& ast, std::vector<const Function*>& candidates, std::span<const Built> arguments);

  bool enter_local(const Ast& variable, ExprType type, std::uint32_t& number);
  void leave_local() { locals_.pop_back(); }

  const Scope* scope_;
  PathSet& paths_;
  std::shared_ptr<Program::Code> code_;
  Problem problem_;
  std::vector<Local> locals_;
  std::size_t first_local_ = 0;  // earlier ones belong to the expression around an inlined one
  std::size_t depth_ = 0;
  std::optional<std::size_t> outer_position_;  // inside an inlined expression: the place of its name
};

// Macros: calls that do not evaluate all of their arguments first (has, map, orValue, coalesce, …).
class Macros {
 public:
  explicit Macros(Compiler& compiler) : compiler_(compiler) {}
  static bool is_macro(std::string_view name, bool method);
  static std::vector<std::string> names();
  bool expand(const Ast& ast, Built& out);

  bool has(const Ast& ast, Built& out);
  bool coalesce(const Ast& ast, Built& out);
  bool or_value(const Ast& ast, Built& out);
  bool or_optional(const Ast& ast, Built& out);
  bool has_value(const Ast& ast, Built& out);
  bool value(const Ast& ast, Built& out);
  bool opt_map(const Ast& ast, Built& out);
  bool loop(const Ast& ast, Built& out);

 private:
  bool optional_target(const Ast& ast, Built& out);
  Compiler& compiler_;
};

}  // namespace foldline::expr
