// Runs a program: one evaluator per eval(), on the stack.
#pragma once

#include <span>

#include "common/expr/code.h"
#include "common/expr/runtime.h"

namespace foldline::expr {

class Evaluator {
 public:
  Evaluator(const Program::Code& code, std::span<const Value> slots, Runtime& run)
      : code_(code), slots_(slots), run_(run), locals_(code.has_locals ? run.arena.array<Value>(kMaxLocals) : nullptr) {}

  // false: run.error says why.
  bool eval(std::uint32_t node, Value& out);

 private:
  using Node = Program::Node;

  bool fail(const Node& node, std::string message, std::string hint = {});
  bool slot(const Node& node, Value& out);
  bool select(const Node& node, Value& out);
  bool index(const Node& node, Value& out);
  bool call(const Node& node, Value& out);
  bool no_overload(const Node& node, std::span<const Value> arguments);
  bool operation(const Node& node, Value& out);
  bool junction(const Node& node, bool deciding, Value& out);
  bool condition(const Node& parent, std::uint32_t node, bool& out);
  bool list(const Node& node, Value& out);
  bool map(const Node& node, Value& out);
  bool or_value(const Node& node, Value& out);
  bool opt_map(const Node& node, Value& out);
  bool coalesce(const Node& node, Value& out);
  bool comprehension(const Node& node, Value& out);
  bool range(const Node& node, std::span<const Value>& items);
  bool building_loop(const Node& node, std::span<const Value> items, Value& out);
  bool deciding_loop(const Node& node, std::span<const Value> items, Value& out);
  bool counting_loop(const Node& node, std::span<const Value> items, Value& out);
  bool step(const Node& node);

  const Program::Code& code_;
  std::span<const Value> slots_;
  Runtime& run_;
  Value* locals_;  // the variables of macros
};

}  // namespace foldline::expr
