#include "projectors/declarative/expressions.h"

#include <algorithm>

#include "common/expr/scope.h"

namespace foldline::declarative {
namespace {

using expr::AstKind;
using expr::ExprKind;

// Reads nothing of the event: literals, members of enums, and what pure functions make of them (G13).
bool is_constant(const expr::AstPtr& ast, const expr::Scope& scope) {
  switch (ast->kind) {
    case AstKind::literal: return true;
    case AstKind::name: {
      const auto* binding = scope.find(ast->name);
      return binding != nullptr &&
             (binding->kind == expr::Scope::Binding::Kind::enum_member || binding->kind == expr::Scope::Binding::Kind::constant);
    }
    case AstKind::call:
    case AstKind::unary:
    case AstKind::binary:
    case AstKind::conditional:
      return std::all_of(ast->children.begin(), ast->children.end(), [&](const auto& child) { return is_constant(child, scope); });
    default: return false;
  }
}

// A shared guard must not move when its field does not: only types that can't be none count as always set.
bool may_be_none(const expr::ExprType& type) { return type.kind == ExprKind::optional || type.kind == ExprKind::dyn; }

}  // namespace

expr::Program Expressions::program(const config::ExprText& text, const expr::Scope& scope, const expr::CompileOptions& options) {
  const auto ast = expr::parse(text.text);
  if (!ast) {
    problems_.error(text, ast.error());
    return {};
  }
  auto program = expr::compile(*ast, text.text, scope, paths_, options);
  if (!program) {
    problems_.error(text, program.error());
    return {};
  }
  return std::move(*program);
}

Expressions::Compiled Expressions::plan_of(expr::Program program, const Type& type, std::string text) {
  Compiled out;
  out.plan.type = type;
  out.plan.text = std::move(text);
  if (const auto slot = program.bare_slot()) {
    out.plan.from = ValuePlan::From::slot;
    out.plan.slot = *slot;
    out.may_be_none = false;  // a path that is not there is an error
    return out;
  }
  out.may_be_none = may_be_none(program.type());
  out.plan.program = std::move(program);
  return out;
}

std::optional<Expressions::Compiled> Expressions::value(const config::ExprText& text, const Type& type, Arena& literals) {
  expr::CompileOptions options;
  options.expected = &type;
  expr::Program compiled = event_program(text, options);
  if (!compiled) return std::nullopt;
  const auto ast = expr::parse(text.text);
  if (!is_constant(*ast, scopes_.event)) return plan_of(std::move(compiled), type, text.text);

  Arena scratch;
  Result<Value> value = compiled.eval({{}, &scratch});
  if (value) value = convert(*value, type, scratch);
  if (!value) {
    problems_.error(text.at, value.error().message, value.error().hint);
    return std::nullopt;
  }
  Compiled out;
  out.plan.from = ValuePlan::From::constant;
  out.plan.constant = deep_copy(*value, literals);
  out.plan.type = type;
  out.plan.text = text.text;
  out.may_be_none = value->is_absent();
  return out;
}

std::optional<Expressions::Compiled> Expressions::member(const std::string& name, const config::Location& at, const Type& type,
                                                         bool patch) {
  if (scopes_.data_is_map && !scopes_.data_fields.contains(name)) {
    if (patch) return std::nullopt;
    const std::vector<std::string> fields(scopes_.data_fields.begin(), scopes_.data_fields.end());
    const auto near = expr::did_you_mean(name, fields);
    problems_.error(at, "the source " + source_name_ + " builds `data` from a map that has no " + name,
                    near ? "did you mean " + *near + "?" : "add it to the envelope's `data`");
    return std::nullopt;
  }
  expr::CompileOptions options;
  options.expected = &type;
  const auto compile_member = [&](bool optional) {
    const expr::AstPtr ast = data_member(name, optional);
    return expr::compile(ast, ast->source->text, scopes_.event, paths_, options);
  };
  auto program = compile_member(false);
  // A path that is not there leaves a patched field as it is, without any expression to run. What is more than a path, of a `data` that
  // is built, is asked for as an optional.
  if (patch && program && !program->bare_slot()) {
    if (auto optional = compile_member(true)) program = std::move(optional);
  }
  if (!program) {
    problems_.error(at, program.error().message, program.error().hint);
    return std::nullopt;
  }
  return plan_of(std::move(*program), type, "data." + name);
}

}  // namespace foldline::declarative
