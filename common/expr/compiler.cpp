#include "common/expr/compiler.h"

#include <fmt/format.h>
#include <array>

#include "common/expr/evaluator.h"
#include "common/expr/operators.h"

namespace foldline::expr {

using Node = Program::Node;

bool Compiler::fail(const Ast& ast, std::string message, std::string hint) {
  return fail_at(ast, ast.position, std::move(message), std::move(hint));
}

bool Compiler::fail_at(const Ast& ast, std::size_t position, std::string message, std::string hint) {
  if (outer_position_) {  // the place is in another text: point at the name that stands for it
    message += fmt::format(" (in `{}`)", ast.words());
    position = *outer_position_;
  }
  problem_ = {position, std::move(message), std::move(hint)};
  return false;
}

bool Compiler::build(const Ast& ast, Built& out) {
  if (++depth_ > kMaxTreeDepth)
    return fail(ast, "the expression is too deep once its names are put in their places", "shorten the chain of names");
  const bool good = build_by_kind(ast, out);
  --depth_;
  if (good) out.ast = &ast;
  return good;
}

bool Compiler::build_by_kind(const Ast& ast, Built& out) {
  switch (ast.kind) {
    case AstKind::literal: {
      Built made;
      if (!constant(deep_copy(ast.value, code_->arena), ExprType::of(expr_kind_of(ast.value)), ast, made)) return false;
      out = std::move(made);
      return true;
    }
    case AstKind::name: return name(ast, out);
    case AstKind::select: return select(ast, ast.optional, out);
    case AstKind::index: return index(ast, out);
    case AstKind::call:
    case AstKind::method: return call(ast, out);
    case AstKind::unary: return unary(ast, out);
    case AstKind::binary: return binary(ast, out);
    case AstKind::conjunction:
    case AstKind::disjunction: return junction(ast, out);
    case AstKind::conditional: return conditional(ast, out);
    case AstKind::list: return list(ast, out);
    case AstKind::map: return map(ast, out);
  }
  return fail(ast, "a form that is not built yet");
}

bool Compiler::add(Node node, std::span<const std::uint32_t> children, const Ast& ast, std::uint32_t& out) {
  if (code_->nodes.size() >= kMaxNodes)
    return fail(ast, fmt::format("the expression has more than {} parts, its names put in their places", kMaxNodes));
  node.first = static_cast<std::uint32_t>(code_->children.size());
  node.count = static_cast<std::uint32_t>(children.size());
  node.position = static_cast<std::uint32_t>(outer_position_.value_or(ast.position));
  code_->children.insert(code_->children.end(), children.begin(), children.end());
  out = static_cast<std::uint32_t>(code_->nodes.size());
  code_->nodes.push_back(node);
  return true;
}

bool Compiler::constant(const Value& value, ExprType type, const Ast& ast, Built& out) {
  Node node;
  node.constant = value;
  return finish(node, {}, std::move(type), ast, out);
}

// A node whose children are constants is computed now; an error that will always happen is one of the file.
bool Compiler::fold(Node& node, std::span<const std::uint32_t> children, const Ast& ast) {
  const bool pure = node.kind == NodeKind::select || node.kind == NodeKind::index || node.kind == NodeKind::call ||
                    node.kind == NodeKind::unary || node.kind == NodeKind::binary || node.kind == NodeKind::conditional ||
                    node.kind == NodeKind::list || node.kind == NodeKind::map || node.kind == NodeKind::conjunction ||
                    node.kind == NodeKind::disjunction;
  if (!pure) return true;
  for (const std::uint32_t child : children) {
    if (code_->nodes[child].kind != NodeKind::constant) return true;
  }
  std::uint32_t number = kNone;
  if (!add(node, children, ast, number)) return false;
  Error error;
  Runtime run(code_->arena, error);
  Value value;
  const bool good = Evaluator(*code_, {}, run).eval(number, value);
  code_->nodes.pop_back();
  if (!good) return fail(ast, std::move(error.message), std::move(error.hint));
  node = Node();
  node.constant = value;
  return true;
}

bool Compiler::finish(Node node, std::span<const std::uint32_t> children, ExprType type, const Ast& ast, Built& out) {
  if (!fold(node, children, ast)) return false;
  Built made;
  made.type = std::move(type);
  made.ast = &ast;
  if (!add(node, node.kind == NodeKind::constant ? std::span<const std::uint32_t>{} : children, ast, made.node)) return false;
  out = std::move(made);
  return true;
}

bool Compiler::refuse_optional(const Built& built) {
  if (built.type.kind != ExprKind::optional) return true;
  return fail(*built.ast, fmt::format("{} is optional: it may be none", built.ast->words()),
              fmt::format("{}.orValue(x) gives a none a value", built.ast->words()));
}

bool Compiler::operand(const Ast& ast, Built& out) { return build(ast, out) && materialise(out) && refuse_optional(out); }

bool Compiler::condition(const Ast& ast, std::string_view what, Built& out) {
  if (!operand(ast, out)) return false;
  if (out.type.kind == ExprKind::boolean || out.type.kind == ExprKind::dyn) return true;
  return fail(ast, fmt::format("{} must be a bool, {} is {}", what, ast.words(), out.type.name()));
}

bool Compiler::unary(const Ast& ast, Built& out) {
  Built value;
  if (!operand(*ast.children[0], value)) return false;
  const auto type = unary_type(ast.op, value.type);
  if (!type) {
    return fail(ast, fmt::format("{} is {}: {} takes {}", ast.children[0]->words(), value.type.name(), to_string(ast.op),
                                 ast.op == Operator::logical_not ? "a bool" : "a number"));
  }
  Node node;
  node.kind = NodeKind::unary;
  node.op = ast.op;
  return finish(node, std::array{value.node}, *type, ast, out);
}

bool Compiler::binary(const Ast& ast, Built& out) {
  Built left;
  Built right;
  if (!operand(*ast.children[0], left) || !operand(*ast.children[1], right)) return false;
  const auto type = binary_type(ast.op, left.type, right.type);
  if (!type) {
    auto [message, hint] = explain_mismatch(ast.op, left.type, ast.children[0]->words(), right.type, ast.children[1]->words());
    return fail(ast, std::move(message), std::move(hint));
  }
  Node node;
  node.kind = NodeKind::binary;
  node.op = ast.op;
  return finish(node, std::array{left.node, right.node}, *type, ast, out);
}

bool Compiler::junction(const Ast& ast, Built& out) {
  const bool is_and = ast.kind == AstKind::conjunction;
  std::vector<std::uint32_t> children;
  for (const AstPtr& child : ast.children) {
    Built value;
    if (!condition(*child, is_and ? "an operand of &&" : "an operand of ||", value)) return false;
    children.push_back(value.node);
  }
  Node node;
  node.kind = is_and ? NodeKind::conjunction : NodeKind::disjunction;
  return finish(node, children, ExprType::of(ExprKind::boolean), ast, out);
}

bool Compiler::conditional(const Ast& ast, Built& out) {
  Built test;
  Built yes;
  Built no;
  if (!condition(*ast.children[0], "what stands before ?", test)) return false;
  if (!build(*ast.children[1], yes) || !materialise(yes) || !build(*ast.children[2], no) || !materialise(no)) return false;
  Node node;
  node.kind = NodeKind::conditional;
  return finish(node, std::array{test.node, yes.node, no.node}, join(yes.type, no.type), ast, out);
}

// An element of a list or map. One that may be none must say that it is then left out.
bool Compiler::entry(const Ast& ast, bool optional, const Ast& whole, Built& out) {
  if (!build(ast, out) || !materialise(out)) return false;
  if (optional) return true;
  if (!refuse_optional(out)) {
    problem_.hint = whole.kind == AstKind::list ? "[?x] leaves a none out" : "{?'key': x} leaves a none out";
    return false;
  }
  const NodeKind kind = code_->nodes[out.node].kind;
  if (out.type.kind != ExprKind::dyn || kind == NodeKind::slot || kind == NodeKind::constant) return true;
  Node node;
  node.kind = NodeKind::require;
  node.label = keep(ast.words());
  return finish(node, std::array{out.node}, ExprType::dyn(), ast, out);
}

bool Compiler::list(const Ast& ast, Built& out) {
  std::vector<std::uint32_t> children;
  std::optional<ExprType> element;
  for (std::size_t i = 0; i < ast.children.size(); ++i) {
    Built value;
    if (!entry(*ast.children[i], ast.entry_optional[i], ast, value)) return false;
    children.push_back(value.node);
    const ExprType plain = value.type.kind == ExprKind::optional ? element_of(value.type) : value.type;
    element = element ? join(*element, plain) : plain;
  }
  Node node;
  node.kind = NodeKind::list;
  return finish(node, children, ExprType::list_of(element.value_or(ExprType::dyn())), ast, out);
}

bool Compiler::map(const Ast& ast, Built& out) {
  std::vector<std::uint32_t> children;
  for (std::size_t i = 0; i < ast.children.size(); i += 2) {
    Built key;
    Built value;
    if (!operand(*ast.children[i], key)) return false;
    if (key.type.kind != ExprKind::text && key.type.kind != ExprKind::dyn) {
      return fail(*ast.children[i], fmt::format("{} is {}: keys of a map are texts", ast.children[i]->words(), key.type.name()));
    }
    if (!entry(*ast.children[i + 1], ast.entry_optional[i / 2], ast, value)) return false;
    children.push_back(key.node);
    children.push_back(value.node);
  }
  Node node;
  node.kind = NodeKind::map;
  return finish(node, children, ExprType::of(ExprKind::map), ast, out);
}

bool Compiler::enter_local(const Ast& variable, ExprType type, std::uint32_t& number) {
  if (variable.kind != AstKind::name) return fail(variable, fmt::format("{} must be a name for the element", variable.words()));
  if (locals_.size() >= kMaxLocals) return fail(variable, fmt::format("more than {} loops in one another", kMaxLocals));
  number = static_cast<std::uint32_t>(locals_.size());
  code_->has_locals = true;
  locals_.push_back({variable.name, std::move(type), number});
  return true;
}

}  // namespace foldline::expr
