// Function calls: which overloads the types leave open.
#include <fmt/format.h>
#include <array>

#include "common/expr/compiler.h"

namespace foldline::expr {

using Node = Program::Node;

namespace {

std::size_t argument_count_of(const Ast& ast) { return ast.kind == AstKind::method ? ast.children.size() - 1 : ast.children.size(); }

std::string call_shape(std::string_view name, bool method) { return fmt::format("{}{}(…)", method ? "x." : "", name); }

}  // namespace

bool Compiler::call(const Ast& ast, Built& out) {
  if (const Scope::Binding* binding = scope_->find(ast.name);
      binding != nullptr && binding->kind == Scope::Binding::Kind::refused && ast.kind == AstKind::call) {
    return fail(ast, fmt::format("{}(): {}", ast.name, binding->text));
  }
  // optional.of(x) and optional.none() look like methods of a name.
  if (ast.kind == AstKind::method && ast.children[0]->kind == AstKind::name && ast.children[0]->name == "optional" &&
      scope_->find("optional") == nullptr) {
    if (ast.name == "none" && argument_count_of(ast) == 0)
      return constant(Value::absent(), ExprType::optional_of(ExprType::dyn()), ast, out);
    if (ast.name == "of" && argument_count_of(ast) == 1) {
      if (!operand(*ast.children[1], out)) return false;
      out.type = ExprType::optional_of(out.type);
      return true;
    }
    return fail(ast, fmt::format("optional.{} is not built yet", ast.name), "optional.of(x), optional.none()");
  }
  if (Macros::is_macro(ast.name, ast.kind == AstKind::method)) return Macros(*this).expand(ast, out);
  return function(ast, out);
}

bool Compiler::unknown_function(const Ast& ast, std::size_t argument_count) {
  const bool method = ast.kind == AstKind::method;
  for (std::size_t n = 0; n <= kMaxArguments; ++n) {
    if (!find_functions(ast.name, method, n).empty()) {
      return fail(ast, fmt::format("{}() does not take {} argument{}", ast.name, argument_count, argument_count == 1 ? "" : "s"));
    }
  }
  if (is_function(ast.name) || Macros::is_macro(ast.name, !method)) {
    return fail(ast, fmt::format("{} is not called like this", ast.name), call_shape(ast.name, !method));
  }
  if (const Missing* missing = find_missing(ast.name))
    return fail(ast, fmt::format("{}() {}", ast.name, missing->reason), std::string(missing->hint));
  std::vector<std::string> names = function_names();
  for (std::string& macro : Macros::names()) names.push_back(std::move(macro));
  const auto near = did_you_mean(ast.name, names);
  return fail(ast, fmt::format("unknown function {}()", ast.name), near ? fmt::format("did you mean {}()?", *near) : "");
}

bool Compiler::zone_argument(const Ast& ast, Zone& zone) {
  if (ast.kind != AstKind::literal || !ast.value.is(Kind::text))
    return fail(ast, "the zone must be a constant text", "date(time, 'Europe/Berlin')");
  auto loaded = Zone::load(ast.value.as_text());
  if (!loaded) return fail(ast, std::move(loaded.error().message), std::move(loaded.error().hint));
  zone = std::move(*loaded);
  return true;
}

namespace {

bool accepts(KindSet parameter, const ExprType& type) { return type.kind == ExprKind::dyn || contains(parameter, type.kind); }

std::string_view hint_for(std::string_view name, KindSet accepted, ExprKind got) {
  if (name == "date" && got == ExprKind::text) return "date(timestamp(x)) takes the day of a text's time";
  if (contains(accepted, ExprKind::timestamp) && got == ExprKind::text) return "timestamp(x) reads a text as a timestamp";
  if (contains(accepted, ExprKind::timestamp) && got == ExprKind::integer) return "epoch(x, 'ms') makes a time of a number";
  if (accepted == set_of(ExprKind::text)) return "string(x) makes text of a number or a time";
  if (contains(accepted, ExprKind::decimal) && got == ExprKind::floating) return "decimal(x) makes an exact decimal of a double";
  return "";
}

}  // namespace

// Leaves the overloads that the arguments' types allow; a dyn argument is checked when the program runs.
bool Compiler::pick(const Ast& ast, std::vector<const Function*>& candidates, std::span<const Built> arguments) {
  std::vector<const Function*> left = candidates;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!refuse_optional(arguments[i])) return false;
    KindSet accepted = 0;
    for (const Function* function : left) accepted |= function->parameters[i];
    std::erase_if(left, [&](const Function* function) { return !accepts(function->parameters[i], arguments[i].type); });
    if (!left.empty()) continue;
    const Ast& argument = *arguments[i].ast;
    return fail(argument, fmt::format("{}() takes {}; {} is {}", ast.name, describe(accepted), argument.words(), arguments[i].type.name()),
                std::string(hint_for(ast.name, accepted, arguments[i].type.kind)));
  }
  candidates = std::move(left);
  return true;
}

// epoch(data.ts, 'sec'): the unit is wrong whatever the number, so the file is.
bool Compiler::probe(const Function& function, const Ast& ast, std::span<const std::uint32_t> children) {
  if (!function.probe || children.size() != 2 || code_->nodes[children[1]].kind != NodeKind::constant) return true;
  const std::array arguments{Value::integer(0), code_->nodes[children[1]].constant};
  Error error;
  Runtime run(code_->arena, error);
  Value ignored;
  if (function.apply(arguments, run, ignored)) return true;
  return fail(*ast.children.back(), std::move(error.message), std::move(error.hint));
}

bool Compiler::function(const Ast& ast, Built& out) {
  std::vector<const Function*> candidates = find_functions(ast.name, ast.kind == AstKind::method, ast.children.size());
  if (candidates.empty()) return unknown_function(ast, argument_count_of(ast));
  CallSite site;
  site.zone = scope_->zone();
  std::size_t count = ast.children.size();
  if (count > candidates[0]->parameter_count) {
    --count;
    if (!zone_argument(*ast.children[count], site.zone)) return false;
  }
  std::vector<Built> arguments(count);
  std::vector<std::uint32_t> children;
  for (std::size_t i = 0; i < count; ++i) {
    if (!build(*ast.children[i], arguments[i]) || !materialise(arguments[i])) return false;
    children.push_back(arguments[i].node);
  }
  if (!pick(ast, candidates, arguments) || !probe(*candidates[0], ast, children)) return false;
  ExprType type = ExprType::of(candidates[0]->result);
  if (candidates[0]->element != ExprKind::dyn) type = ExprType::list_of(ExprType::of(candidates[0]->element));
  for (const Function* function : candidates) {
    if (function->result != type.kind) type = ExprType::dyn();
  }
  site.candidates = std::move(candidates);
  Node node;
  node.kind = NodeKind::call;
  node.a = static_cast<std::uint32_t>(code_->calls.size());
  code_->calls.push_back(std::move(site));
  return finish(node, children, std::move(type), ast, out);
}

}  // namespace foldline::expr
