// Names and selections: what a name stands for, and how a path grows.
#include <fmt/format.h>
#include <array>

#include "common/expr/compiler.h"

namespace foldline::expr {

using Node = Program::Node;

bool Compiler::name(const Ast& ast, Built& out) {
  for (std::size_t i = locals_.size(); i-- > first_local_;) {
    if (locals_[i].name != ast.name) continue;
    Node node;
    node.kind = NodeKind::local;
    node.a = locals_[i].number;
    return finish(node, {}, locals_[i].type, ast, out);
  }
  if (const Scope::Binding* binding = scope_->find(ast.name)) return bound(ast, *binding, out);
  if (!scope_->rest_is_value()) return unknown_name(ast);
  out = Built();
  out.path = {Root::value, {ast.name}};
  out.bound_keys = 1;
  out.words = ast.name;
  return true;
}

bool Compiler::bound(const Ast& ast, const Scope::Binding& binding, Built& out) {
  using Kind = Scope::Binding::Kind;
  switch (binding.kind) {
    case Kind::path:
      out = Built();
      out.type = binding.type;
      out.path = binding.path;
      out.bound_keys = binding.path.keys.size();
      out.words = ast.name;
      return true;
    case Kind::ast: return inlined(ast, *binding.ast, *binding.seen, out);
    case Kind::fields:
      out = Built();
      out.type = ExprType::of(ExprKind::map);
      out.fields = &binding;
      out.words = ast.name;
      return true;
    case Kind::constant: return constant(deep_copy(binding.value, code_->arena), ExprType::of(expr_kind_of(binding.value)), ast, out);
    case Kind::enum_member: return constant(Value::text(keep(binding.text)), ExprType::of(ExprKind::text), ast, out);
    case Kind::refused: return fail(ast, fmt::format("{}: {}", ast.name, binding.text));
  }
  return false;
}

// Another expression in the place of a name. It sees its own names, and none of the loop variables around it.
bool Compiler::inlined(const Ast& ast, const Ast& other, const Scope& seen, Built& out) {
  const Scope* scope = std::exchange(scope_, &seen);
  const std::size_t first_local = std::exchange(first_local_, locals_.size());
  const auto outer = outer_position_;
  if (!outer_position_) outer_position_ = ast.position;
  const bool good = build(other, out);
  scope_ = scope;
  first_local_ = first_local;
  outer_position_ = outer;
  return good;
}

bool Compiler::unknown_name(const Ast& ast) {
  if (is_function(ast.name) || Macros::is_macro(ast.name, false)) {
    return fail(ast, fmt::format("{} is a function", ast.name), fmt::format("{}(…)", ast.name));
  }
  const std::vector<std::string> names = scope_->names();
  std::string hint;
  if (const auto near = did_you_mean(ast.name, names)) {
    hint = fmt::format("did you mean {}?", *near);
  } else {
    hint = fmt::format("a text stands in quotes: '{}'", ast.name);
    if (const auto* data = scope_->find("data");
        data != nullptr && data->kind == Scope::Binding::Kind::fields && data->fields.contains(ast.name)) {
      hint = fmt::format("did you mean data.{}?", ast.name);
    }
  }
  if (const Missing* missing = find_missing(ast.name))
    return fail(ast, fmt::format("{} {}", ast.name, missing->reason), std::string(missing->hint));
  return fail(ast, fmt::format("unknown name {}", ast.name), std::move(hint));
}

namespace {

// .name or ['a name'], as the user wrote it or would.
std::string step(const Ast& ast, std::string_view field, bool optional) {
  bool plain = ast.kind != AstKind::index && !field.empty() && (field[0] < '0' || field[0] > '9');
  for (const char c : field) plain = plain && (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  if (plain) return (optional ? ".?" : ".") + std::string(field);
  return (optional ? "[?'" : "['") + std::string(field) + "']";
}

bool has_fields(const ExprType& type) { return type.kind == ExprKind::dyn || type.kind == ExprKind::map; }

const ExprType& plain_type(const ExprType& type) { return type.kind == ExprKind::optional ? element_of(type) : type; }

}  // namespace

bool Compiler::select(const Ast& ast, bool optional, Built& out) {
  Built target;
  if (!build(*ast.children[0], target)) return false;
  return select_from(ast, ast.name, optional, std::move(target), out);
}

bool Compiler::select_from(const Ast& ast, std::string_view field, bool optional, Built target, Built& out) {
  if (target.fields != nullptr) {
    const Scope::Binding* fields = target.fields;
    return select_field(ast, field, optional, *fields, target.words + step(ast, field, optional), out);
  }
  if (!has_fields(plain_type(target.type))) {
    return fail(ast, fmt::format("{} is {}: it has no field {}", ast.children[0]->words(), target.type.name(), field));
  }
  if (target.is_path() && target.path.root != Root::attribute) {
    if (optional && !target.optional && target.path.keys.size() > target.bound_keys) {
      target.strict = target.path;
      target.strict_words = target.words;
    }
    out = std::move(target);
    out.optional = out.optional || optional;
    out.path.keys.emplace_back(field);
    out.words += step(ast, field, optional);
    out.type = ExprType::dyn();
    return true;
  }
  const bool is_optional = optional || target.optional || target.type.kind == ExprKind::optional;
  const std::string words = (target.is_path() ? target.words : std::string(ast.children[0]->words())) + step(ast, field, optional);
  if (!materialise(target)) return false;
  Node node;
  node.kind = NodeKind::select;
  node.optional = is_optional;
  node.label = keep(words);
  node.label2 = keep(field);
  return finish(node, std::array{target.node}, is_optional ? ExprType::optional_of(ExprType::dyn()) : ExprType::dyn(), ast, out);
}

// A field of a map of expressions: its expression in its place.
bool Compiler::select_field(const Ast& ast, std::string_view field, bool optional, const Scope::Binding& binding, std::string words,
                            Built& out) {
  const auto found = binding.fields.find(std::string(field));
  if (found == binding.fields.end()) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : binding.fields) names.push_back(name);
    const auto near = did_you_mean(field, names);
    return fail(ast, fmt::format("unknown field {}", words),
                near ? fmt::format("did you mean {}?", *near) : fmt::format("the fields are {}", fmt::join(names, ", ")));
  }
  if (!inlined(ast, *found->second, *binding.seen, out)) return false;
  if (optional) {
    if (out.is_path()) {
      out.optional = true;
    } else {
      out.type = ExprType::optional_of(out.type);
    }
    return true;
  }
  if (out.is_path() ? !out.optional : out.type.kind != ExprKind::optional) return true;
  // `data.x` insists on x, whatever its expression says.
  if (!materialise(out)) return false;
  Node node;
  node.kind = NodeKind::require;
  node.label = keep(words);
  const ExprType type = element_of(out.type);
  return finish(node, std::array{out.node}, type, ast, out);
}

bool Compiler::index(const Ast& ast, Built& out) {
  const Ast& place_ast = *ast.children[1];
  Built target;
  if (!build(*ast.children[0], target)) return false;
  if (place_ast.kind == AstKind::literal && place_ast.value.is(Kind::text) &&
      (target.fields != nullptr || has_fields(plain_type(target.type)))) {
    return select_from(ast, place_ast.value.as_text(), ast.optional, std::move(target), out);
  }
  const bool is_optional = ast.optional || target.optional || target.type.kind == ExprKind::optional;
  const std::string words = fmt::format("{}[{}{}]", target.node == kNone ? target.words : std::string(ast.children[0]->words()),
                                        ast.optional ? "?" : "", place_ast.words());
  Built place;
  if (!materialise(target) || !operand(place_ast, place)) return false;
  const ExprType& container = plain_type(target.type);
  if (!has_fields(container) && container.kind != ExprKind::list) {
    return fail(ast, fmt::format("{} is {}: only lists and maps have elements", ast.children[0]->words(), container.name()));
  }
  const ExprKind wanted = container.kind == ExprKind::list ? ExprKind::integer : ExprKind::text;
  const bool fits = place.type.kind == ExprKind::dyn || place.type.kind == wanted ||
                    (container.kind == ExprKind::dyn && place.type.kind == ExprKind::integer);
  if (!fits) {
    return fail(place_ast,
                fmt::format("{} is {}: places in a list are integers, keys of a map are texts", place_ast.words(), place.type.name()));
  }
  Node node;
  node.kind = NodeKind::index;
  node.optional = is_optional;
  node.label = keep(words);
  const ExprType element = container.kind == ExprKind::list ? element_of(container) : ExprType::dyn();
  return finish(node, std::array{target.node, place.node}, is_optional ? ExprType::optional_of(element) : element, ast, out);
}

bool Compiler::materialise(Built& built) {
  if (built.fields != nullptr) return whole_fields(built);
  if (built.node != kNone) return true;
  Node node;
  node.kind = NodeKind::slot;
  node.a = paths_.slot(built.path);
  node.optional = built.optional;
  node.label = keep(built.words);
  std::uint32_t needed = node.a;
  if (built.strict) {
    node.b = paths_.slot(*built.strict);
    node.label2 = keep(built.strict_words);
    needed = std::max(needed, node.b);
  } else if (!built.optional && built.words.rfind('.') != std::string::npos && built.words.back() != ']') {
    std::string optional = built.words;
    optional.insert(built.words.rfind('.') + 1, 1, '?');
    node.label2 = keep(optional);
  }
  code_->reads_record = true;
  code_->slots_needed = std::max(code_->slots_needed, needed + 1);
  const Ast& ast = *built.ast;
  return finish(node, {}, built.optional ? ExprType::optional_of(built.type) : built.type, ast, built);
}

// `data` alone, when it is a map of expressions: a map of them all, those that are none left out.
bool Compiler::whole_fields(Built& built) {
  const Ast& ast = *built.ast;
  const Scope::Binding* binding = built.fields;
  std::vector<std::uint32_t> children;
  for (const auto& [field, expression] : binding->fields) {
    Built key;
    Built value;
    if (!constant(Value::text(keep(field)), ExprType::of(ExprKind::text), ast, key)) return false;
    if (!inlined(ast, *expression, *binding->seen, value) || !materialise(value)) return false;
    children.push_back(key.node);
    children.push_back(value.node);
  }
  Node node;
  node.kind = NodeKind::map;
  return finish(node, children, ExprType::of(ExprKind::map), ast, built);
}

}  // namespace foldline::expr
