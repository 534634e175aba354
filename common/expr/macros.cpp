// Macros: has(), coalesce(), the methods of optionals, and the loops over lists and maps.
#include <fmt/format.h>
#include <array>

#include "common/expr/compiler.h"

namespace foldline::expr {

using Node = Program::Node;

struct Macro {
  std::string_view name;
  bool method;
  std::size_t least;  // arguments, the receiver not counted
  std::size_t most;
  bool (Macros::*expand)(const Ast& ast, Built& out);
  std::string_view doc;
};

namespace {

constexpr std::array kMacros{
    Macro{"has", false, 1, 1, &Macros::has, "whether a field is there: has(data.coupon)"},
    Macro{"coalesce", false, 1, 16, &Macros::coalesce, "the first that is neither none nor null"},
    Macro{"orValue", true, 1, 1, &Macros::or_value, "the optional's value, or x if it is none"},
    Macro{"or", true, 1, 1, &Macros::or_optional, "the optional, or another one if it is none"},
    Macro{"hasValue", true, 0, 0, &Macros::has_value, "whether the optional is not none"},
    Macro{"value", true, 0, 0, &Macros::value, "the optional's value; none is an error"},
    Macro{"optMap", true, 2, 2, &Macros::opt_map, "an expression of the value, or none"},
    Macro{"map", true, 2, 3, &Macros::loop, "a list of an expression of each element; with a test before it: of those that pass"},
    Macro{"filter", true, 2, 2, &Macros::loop, "the elements that pass a test"},
    Macro{"exists", true, 2, 2, &Macros::loop, "whether some element passes a test"},
    Macro{"all", true, 2, 2, &Macros::loop, "whether every element passes a test"},
    Macro{"exists_one", true, 2, 2, &Macros::loop, "whether exactly one element passes a test"},
    Macro{"existsOne", true, 2, 2, &Macros::loop, "the same as exists_one"},
};

const Macro* find_macro(std::string_view name, bool method) {
  for (const Macro& macro : kMacros) {
    if (macro.name == name && macro.method == method) return &macro;
  }
  return nullptr;
}

const ExprType& plain_type(const ExprType& type) { return type.kind == ExprKind::optional ? element_of(type) : type; }

}  // namespace

bool Macros::is_macro(std::string_view name, bool method) { return find_macro(name, method) != nullptr; }

std::vector<std::string> Macros::names() {
  std::vector<std::string> out;
  for (const Macro& macro : kMacros) out.emplace_back(macro.name);
  return out;
}

bool Macros::expand(const Ast& ast, Built& out) {
  const Macro* macro = find_macro(ast.name, ast.kind == AstKind::method);
  const std::size_t count = ast.children.size() - (macro->method ? 1 : 0);
  if (count < macro->least || count > macro->most) {
    return compiler_.fail(ast, fmt::format("{}() does not take {} argument{}", ast.name, count, count == 1 ? "" : "s"));
  }
  return (this->*macro->expand)(ast, out);
}

// has(a.b): whether b is there. A part before it that is missing makes it false too.
bool Macros::has(const Ast& ast, Built& out) {
  const Ast& field = *ast.children[0];
  const bool by_name = field.kind == AstKind::select;
  const bool by_key =
      field.kind == AstKind::index && field.children[1]->kind == AstKind::literal && field.children[1]->value.is(Kind::text);
  if (!by_name && !by_key) return compiler_.fail(field, "has() takes a field", "has(data.coupon)");
  Built target;
  Built value;
  if (!compiler_.build(*field.children[0], target)) return false;
  const std::string name(by_name ? std::string_view(field.name) : field.children[1]->value.as_text());
  if (!compiler_.select_from(field, name, true, std::move(target), value)) return false;
  value.ast = &field;
  value.strict.reset();
  if (!compiler_.materialise(value)) return false;
  Node node;
  node.kind = NodeKind::has_value;
  return compiler_.finish(node, std::array{value.node}, ExprType::of(ExprKind::boolean), ast, out);
}

bool Macros::coalesce(const Ast& ast, Built& out) {
  std::vector<std::uint32_t> children;
  std::optional<ExprType> type;
  bool may_be_none = true;
  for (const AstPtr& child : ast.children) {
    Built value;
    if (!compiler_.build(*child, value) || !compiler_.materialise(value)) return false;
    children.push_back(value.node);
    type = type ? join(*type, plain_type(value.type)) : plain_type(value.type);
    may_be_none = value.type.kind == ExprKind::optional;  // the last one counts
  }
  Node node;
  node.kind = NodeKind::coalesce;
  return compiler_.finish(node, children, may_be_none ? ExprType::optional_of(*type) : *type, ast, out);
}

// The receiver of a method of optionals.
bool Macros::optional_target(const Ast& ast, Built& out) {
  const Ast& target = *ast.children[0];
  if (!compiler_.build(target, out)) return false;
  const bool strict_path = out.node == kNone && !out.optional;
  if (!compiler_.materialise(out)) return false;
  const bool may_be_optional = out.type.kind == ExprKind::optional || (out.type.kind == ExprKind::dyn && !strict_path);
  if (may_be_optional) return true;
  std::string hint;
  if (target.kind == AstKind::select) hint = fmt::format("{}.?{}.{}(…)", target.children[0]->words(), target.name, ast.name);
  return compiler_.fail(ast, fmt::format("{} is not optional: .{}() is for what may be none", target.words(), ast.name), std::move(hint));
}

bool Macros::or_value(const Ast& ast, Built& out) {
  Built target;
  Built other;
  if (!optional_target(ast, target) || !compiler_.build(*ast.children[1], other) || !compiler_.materialise(other)) return false;
  if (other.type.kind == ExprKind::optional) {
    return compiler_.fail(*ast.children[1], fmt::format("{} is optional itself", ast.children[1]->words()), ".or(x) takes an optional");
  }
  Node node;
  node.kind = NodeKind::or_value;
  return compiler_.finish(node, std::array{target.node, other.node}, join(plain_type(target.type), other.type), ast, out);
}

bool Macros::or_optional(const Ast& ast, Built& out) {
  Built target;
  Built other;
  if (!optional_target(ast, target) || !compiler_.build(*ast.children[1], other) || !compiler_.materialise(other)) return false;
  if (other.type.kind != ExprKind::optional && other.type.kind != ExprKind::dyn) {
    return compiler_.fail(*ast.children[1], fmt::format("{} is {}, not an optional", ast.children[1]->words(), other.type.name()),
                          ".orValue(x) takes a value");
  }
  Node node;
  node.kind = NodeKind::or_value;
  return compiler_.finish(node, std::array{target.node, other.node},
                          ExprType::optional_of(join(plain_type(target.type), plain_type(other.type))), ast, out);
}

bool Macros::has_value(const Ast& ast, Built& out) {
  Built target;
  if (!optional_target(ast, target)) return false;
  Node node;
  node.kind = NodeKind::has_value;
  return compiler_.finish(node, std::array{target.node}, ExprType::of(ExprKind::boolean), ast, out);
}

bool Macros::value(const Ast& ast, Built& out) {
  Built target;
  if (!optional_target(ast, target)) return false;
  Node node;
  node.kind = NodeKind::require;
  node.label = compiler_.keep(ast.children[0]->words());
  const ExprType type = plain_type(target.type);
  return compiler_.finish(node, std::array{target.node}, type, ast, out);
}

bool Macros::opt_map(const Ast& ast, Built& out) {
  Built target;
  Built body;
  Node node;
  node.kind = NodeKind::opt_map;
  if (!optional_target(ast, target)) return false;
  if (!compiler_.enter_local(*ast.children[1], plain_type(target.type), node.a)) return false;
  const bool good = compiler_.build(*ast.children[2], body) && compiler_.materialise(body);
  compiler_.leave_local();
  return good && compiler_.finish(node, std::array{target.node, body.node}, ExprType::optional_of(body.type), ast, out);
}

namespace {

Loop loop_of(std::string_view name) {
  if (name == "map") return Loop::map;
  if (name == "filter") return Loop::filter;
  if (name == "exists") return Loop::exists;
  if (name == "all") return Loop::all;
  return Loop::exists_one;
}

}  // namespace

// x.map(i, expr), x.map(i, filter, expr), x.filter(i, test), x.exists(i, test), … Of a map the loop goes over its keys.
bool Macros::loop(const Ast& ast, Built& out) {
  Built range;
  if (!compiler_.operand(*ast.children[0], range)) return false;
  const ExprKind kind = range.type.kind;
  if (kind != ExprKind::list && kind != ExprKind::map && kind != ExprKind::dyn) {
    return compiler_.fail(ast, fmt::format("{} is {}: {}() is for lists and maps", ast.children[0]->words(), range.type.name(), ast.name));
  }
  const ExprType element =
      kind == ExprKind::list ? element_of(range.type) : (kind == ExprKind::map ? ExprType::of(ExprKind::text) : ExprType::dyn());
  Node node;
  node.kind = NodeKind::comprehension;
  node.loop = loop_of(ast.name);
  const bool is_map = node.loop == Loop::map;
  const bool filtered = ast.children.size() == 4;
  Built test;
  Built body;
  if (!compiler_.enter_local(*ast.children[1], element, node.a)) return false;
  bool good = true;
  if (filtered || !is_map) good = compiler_.condition(*ast.children[2], fmt::format("the test of {}()", ast.name), test);
  if (good && is_map) good = compiler_.operand(*ast.children[filtered ? 3 : 2], body);
  compiler_.leave_local();
  if (!good) return false;
  std::vector<std::uint32_t> children{range.node, is_map ? body.node : test.node};
  if (filtered) children.push_back(test.node);
  ExprType type = ExprType::of(ExprKind::boolean);
  if (is_map) type = ExprType::list_of(body.type);
  if (node.loop == Loop::filter) type = ExprType::list_of(element);
  return compiler_.finish(node, children, std::move(type), ast, out);
}

}  // namespace foldline::expr
