// The public face: compile(), Program, as_path().
#include <fmt/format.h>

#include "common/expr/compiler.h"
#include "common/expr/evaluator.h"

namespace foldline::expr {
namespace {

constexpr std::size_t kShownWords = 100;  // of an expression, in a message

std::string shown(std::string_view text) {
  if (text.size() <= kShownWords) return std::string(text);
  return std::string(text.substr(0, kShownWords)) + "...";
}

// Constants that the field can't take, also behind a ? or in an orValue(): found when the file is loaded.
bool check_constants(Program::Code& code, std::uint32_t number, const foldline::Type& expected, Problem& problem) {
  const Program::Node& node = code.nodes[number];
  switch (node.kind) {
    case NodeKind::constant: {
      const auto converted = convert(node.constant, expected, code.arena);
      if (converted) return true;
      problem = {node.position, converted.error().message, converted.error().hint};
      if (expected.kind == TypeKind::enumeration && node.constant.is(Kind::text)) {
        if (const auto near = did_you_mean(node.constant.as_text(), expected.members))
          problem.hint = fmt::format("did you mean {}?", *near);
      }
      return false;
    }
    case NodeKind::conditional:
      return check_constants(code, code.child(node, 1), expected, problem) && check_constants(code, code.child(node, 2), expected, problem);
    case NodeKind::or_value:
      return check_constants(code, code.child(node, 0), expected, problem) && check_constants(code, code.child(node, 1), expected, problem);
    case NodeKind::coalesce:
      for (std::size_t i = 0; i < node.count; ++i) {
        if (!check_constants(code, code.child(node, i), expected, problem)) return false;
      }
      return true;
    default: return true;
  }
}

Problem not_assignable(const Ast& ast, const ExprType& from, const foldline::Type& to) {
  Problem out{ast.begin, fmt::format("{} is {}, the field is {}", shown(ast.words()), from.name(), to.name()), ""};
  const ExprKind kind = from.kind == ExprKind::optional ? element_of(from).kind : from.kind;
  const bool to_text = to.kind == TypeKind::text || to.kind == TypeKind::keyword;
  if (to_text) out.hint = "string(x) makes text of a number or a time";
  if (to.kind == TypeKind::date && kind == ExprKind::timestamp) out.hint = "date(t) takes the day of a time";
  if (to.kind == TypeKind::numeric && kind == ExprKind::floating) out.hint = "decimal(x) makes an exact decimal of a double";
  if ((to.kind == TypeKind::bigint || to.kind == TypeKind::int32) && kind == ExprKind::floating) out.hint = "int(x) takes a whole double";
  return out;
}

// A program that reads nothing of the record has one answer: computed and converted now.
bool become_constant(Program::Code& code, Problem& problem) {
  if (code.nodes[code.root].kind == NodeKind::constant) return true;
  Error error;
  Runtime run(code.arena, error);
  Value value;
  if (!Evaluator(code, {}, run).eval(code.root, value)) {
    problem = {run.position, std::move(error.message), std::move(error.hint)};
    return false;
  }
  Program::Node node;
  node.constant = value;
  node.position = code.nodes[code.root].position;
  code.root = static_cast<std::uint32_t>(code.nodes.size());
  code.nodes.push_back(node);
  return true;
}

bool check_result(const Ast& ast, const CompileOptions& options, Program::Code& code, Problem& problem) {
  if (options.want_bool) {
    if (code.type.kind == ExprKind::optional) {
      problem = {ast.begin, fmt::format("{} is optional: it may be none", shown(ast.words())),
                 fmt::format("{}.orValue(false)", shown(ast.words()))};
      return false;
    }
    if (code.type.kind != ExprKind::boolean && code.type.kind != ExprKind::dyn) {
      problem = {ast.begin, fmt::format("{} is {}, not a bool", shown(ast.words()), code.type.name()), ""};
      return false;
    }
    code.want_bool = true;
  }
  if (options.expected != nullptr) {
    const bool constant = code.nodes[code.root].kind == NodeKind::constant;
    if (!assignable(code.type, *options.expected)) {
      problem = not_assignable(ast, code.type, *options.expected);
      return false;
    }
    if (!check_constants(code, code.root, *options.expected, problem)) return false;
    code.expected = *options.expected;
    if (constant) {
      Value& value = code.nodes[code.root].constant;
      value = *convert(value, *options.expected, code.arena);
    }
  }
  return true;
}

std::optional<std::uint32_t> slot_that_is_counted(const Program::Code& code) {
  const Program::Node& root = code.nodes[code.root];
  if (root.kind != NodeKind::call || root.count != 1 || code.calls[root.a].candidates.front()->name != "size") return std::nullopt;
  const Program::Node& argument = code.nodes[code.child(root, 0)];
  return argument.kind == NodeKind::slot ? std::optional(argument.a) : std::nullopt;
}

// size() of a list that nobody has taken apart, whose elements the reader has counted on the way: no program needs to be run for it.
bool read_counted(const Program::Code& code, const Frame& frame, Value& out) {
  const Value& counted = frame.slots[*code.counted_slot];
  if (!counted.is(Kind::json)) return false;
  const auto elements = counted.json_elements();
  if (elements) out = Value::integer(static_cast<std::int64_t>(*elements));
  return elements.has_value();
}

}  // namespace

Checked<Program> compile(const AstPtr& ast, std::string_view text, const Scope& scope, PathSet& paths, const CompileOptions& options) {
  if (ast == nullptr) return tl::unexpected<Problem>({0, "there is no expression", ""});
  Compiler compiler(scope, paths);
  Built root;
  if (!compiler.build(*ast, root)) return tl::unexpected<Problem>(std::move(compiler.problem()));
  const bool bare = root.is_path() && !root.optional;
  if (!compiler.materialise(root)) return tl::unexpected<Problem>(std::move(compiler.problem()));
  auto code = compiler.take_code();
  code->text = std::string(text);
  code->type = root.type;
  code->root = root.node;
  if (bare) code->bare_slot = code->nodes[code->root].a;
  code->counted_slot = slot_that_is_counted(*code);
  Problem problem;
  if (!code->reads_record && !become_constant(*code, problem)) return tl::unexpected<Problem>(std::move(problem));
  if (!check_result(*ast, options, *code, problem)) return tl::unexpected<Problem>(std::move(problem));
  return Program(std::move(code));
}

std::optional<Path> as_path(const AstPtr& ast, const Scope& scope) {
  if (ast == nullptr) return std::nullopt;
  PathSet unused;
  Compiler compiler(scope, unused);
  Built root;
  if (!compiler.build(*ast, root) || !root.is_path() || root.optional) return std::nullopt;
  return root.path;
}

const ExprType& Program::type() const { return code_->type; }
std::optional<std::uint32_t> Program::bare_slot() const { return code_->bare_slot; }
const std::string& Program::text() const { return code_->text; }

namespace {

// The expression stands behind the message, unless the message already names all of it.
Error located(Error error, const std::string& text) {
  if (!error.message.starts_with(text)) error.message += fmt::format(" (in {})", shown(text));
  return error;
}

}  // namespace

Result<Value> Program::eval(const Frame& frame) const {
  Value value;
  Error error;
  if (!eval(frame, value, error)) return tl::unexpected<Error>(std::move(error));
  return value;
}

bool Program::eval(const Frame& frame, Value& out, Error& error) const {
  const Code& code = *code_;
  const auto stop = [&error](Error why) {
    error = std::move(why);
    return false;
  };
  const Node& root = code.nodes[code.root];
  if (root.kind == NodeKind::constant) {
    if (code.want_bool && !root.constant.is(Kind::boolean))
      return stop({ErrorCode::expression, fmt::format("{} is not a bool", shown(code.text)), "", false});
    out = root.constant;
    return true;
  }
  if (frame.slots.size() < code.slots_needed) {
    return stop({ErrorCode::internal,
                 fmt::format("{}: the event has {} slots, {} are needed", shown(code.text), frame.slots.size(), code.slots_needed), "",
                 false});
  }
  if (code.bare_slot && !frame.slots[*code.bare_slot].is_absent()) {
    out = frame.slots[*code.bare_slot];
  } else if (!code.counted_slot || !read_counted(code, frame, out)) {
    Runtime run(*frame.arena, error);
    if (!Evaluator(code, frame.slots, run).eval(code.root, out)) return stop(located(std::move(error), code.text));
  }
  if (code.want_bool && !out.is(Kind::boolean)) {
    return stop({ErrorCode::expression, fmt::format("{} is not a bool (in {})", describe(out), shown(code.text)), "", false});
  }
  if (!code.expected || fits(out, code.expected->kind)) return true;
  auto converted = convert(out, *code.expected, *frame.arena);
  if (converted) {
    out = *converted;
    return true;
  }
  converted.error().message = fmt::format("{}: {}", shown(code.text), converted.error().message);
  return stop(std::move(converted.error()));
}

}  // namespace foldline::expr
