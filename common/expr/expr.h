// The expression language: a typed subset of CEL (https://github.com/google/cel-spec), parsed and checked once, at load time.
//
//   PathSet paths;  Scope scope;  scope.bind_path("data", {Root::value, {"payload"}}, ExprType::dyn());
//   Program p = *compile(*parse(text), text, scope, paths, {.expected = &bigint});   // text: "size(data.items)"
//   Result<Value> v = p.eval({event.slots, &arena});       // reads the slot of the path value.payload.items
//
// lexer.h → parser → compiler.h (names, types, constants) → code.h, run by evaluator.h. The functions stand in one table, functions.h.
// Every error carries the place in the expression's text.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/record.h"
#include "common/time.h"
#include "common/type.h"
#include "common/value.h"

namespace foldline::expr {

inline constexpr std::size_t kMaxDepth = 64;            // nesting of an expression
inline constexpr std::size_t kMaxSourceBytes = 16'384;  // length of an expression's text

struct Problem {
  std::size_t position = 0;  // byte offset in the expression's text
  std::string message;
  std::string hint;
};
template <class T>
using Checked = tl::expected<T, Problem>;

// Where in a record a path starts. `attribute`: one of AttributeSlot, its number in Path::attribute and no keys.
enum class Root : std::uint8_t {
  value,
  key,
  headers,
  attribute
};

struct Path {
  Root root = Root::value;
  std::vector<std::string> keys;  // empty: the whole value (or key)
  std::uint32_t attribute = 0;
  auto operator<=>(const Path&) const = default;
  [[nodiscard]] std::string to_string() const;
};

// The paths of one source that something reads; each has a slot behind the attributes' (kAttributeSlots + index).
class PathSet {
 public:
  std::uint32_t slot(const Path& path);
  [[nodiscard]] const std::vector<Path>& paths() const { return paths_; }
  [[nodiscard]] std::size_t slot_count() const { return kAttributeSlots + paths_.size(); }

 private:
  std::vector<Path> paths_;
  std::map<Path, std::uint32_t> index_;
};

enum class ExprKind : std::uint8_t {
  dyn,
  null,
  boolean,
  integer,
  decimal,
  floating,
  text,
  bytes,
  timestamp,
  date,
  interval,
  uuid,
  list,
  map,
  optional
};

struct ExprType {
  ExprKind kind = ExprKind::dyn;
  std::shared_ptr<const ExprType> element;  // list, optional (null: dyn)

  static ExprType dyn() { return {}; }
  static ExprType of(ExprKind kind) { return {kind, nullptr}; }
  static ExprType optional_of(const ExprType& inner);
  static ExprType list_of(const ExprType& inner);
  [[nodiscard]] std::string name() const;
};

// The type of a field as expressions see it.
ExprType expr_type_of(const foldline::Type& type);

struct Ast;  // common/expr/ast.h
using AstPtr = std::shared_ptr<const Ast>;

Checked<AstPtr> parse(std::string_view text);

// The names that an expression may use. Later bindings of a name hide earlier ones.
class Scope {
 public:
  // A name for a place in the record: `data` = {value, ["payload"]}; selecting from it makes the path longer.
  void bind_path(std::string name, Path path, ExprType type);
  // A name for another expression (an envelope's attribute, a `let`): it is put in its place. The expression itself sees the names
  // that were bound before it, or those of `seen` (an envelope's expressions see the record's fields, a view's do not).
  void bind_ast(std::string name, AstPtr ast);
  void bind_ast(std::string name, AstPtr ast, const Scope& seen);
  // `data` as a map of expressions: `data.x` is the expression of x, an unknown x is an error with "did you mean". The name alone is a
  // map of all of them, without those that are none.
  void bind_fields(std::string name, std::map<std::string, AstPtr> fields);
  void bind_fields(std::string name, std::map<std::string, AstPtr> fields, const Scope& seen);
  // A member of an enum of the file. Hidden by every other binding of the name.
  void bind_enum_member(std::string member);
  // A constant of the file, in static storage or in an arena that outlives the program.
  void bind_constant(std::string name, Value value);
  // Unbound names: when set, a name that nothing binds is a field of the record's value (envelope expressions).
  void bind_rest_to_value() { rest_is_value_ = true; }
  void set_zone(const Zone& zone) { zone_ = zone; }
  // Names, of values or functions, that the language has and this build does not: refused by name, with `reason`.
  void refuse(std::string name, std::string reason);

  struct Binding;
  [[nodiscard]] const Binding* find(std::string_view name) const;
  [[nodiscard]] bool rest_is_value() const { return rest_is_value_; }
  [[nodiscard]] const Zone& zone() const { return zone_; }
  [[nodiscard]] std::vector<std::string> names() const;  // for "did you mean"

 private:
  std::map<std::string, std::shared_ptr<const Binding>, std::less<>> bindings_;
  bool rest_is_value_ = false;
  Zone zone_;
};

// What a program reads while it runs.
struct Frame {
  std::span<const Value> slots;
  Arena* arena = nullptr;
};

// Immutable after compile(): many threads may eval() at once, each with its own Frame.
class Program {
 public:
  // A value of kind absent means none (an optional that is empty). Errors: code expression (a path that is not there, an overflow,
  // a wrong type at run time), with the path or the operation in the message.
  [[nodiscard]] Result<Value> eval(const Frame& frame) const;
  // The same for hot paths. False: `error` says why, and `out` is undefined. What is in `error` after true means nothing.
  bool eval(const Frame& frame, Value& out, Error& error) const;
  [[nodiscard]] const ExprType& type() const;
  // The program is one bare, non-optional path or attribute: its slot, for callers that copy it without a call (they convert the value
  // themselves, and call eval() for the error when it is absent).
  [[nodiscard]] std::optional<std::uint32_t> bare_slot() const;
  [[nodiscard]] const std::string& text() const;  // for messages

  struct Node;
  struct Code;
  explicit Program(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  Program() = default;
  [[nodiscard]] explicit operator bool() const { return code_ != nullptr; }

 private:
  std::shared_ptr<const Code> code_;
};

// `expected`: the field that takes the result (checked for assignability as language.md's conversions allow), or nullptr.
// A program for a field answers a Value already converted to its type. `want_bool`: for `when` and `reject`.
struct CompileOptions {
  const foldline::Type* expected = nullptr;
  bool want_bool = false;
};
Checked<Program> compile(const AstPtr& ast, std::string_view text, const Scope& scope, PathSet& paths, const CompileOptions& options = {});

// The path that `ast` is under `scope`, when it is nothing but a path or an attribute: for the order proof (is this key part the
// source's partition_key?).
std::optional<Path> as_path(const AstPtr& ast, const Scope& scope);

// Nearest of `candidates` by edit distance, when near enough to be a slip; for "did you mean".
std::optional<std::string> did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace foldline::expr
