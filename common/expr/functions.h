// The functions and methods of the language: one table, with their types and what they do. Macros, which do not evaluate all of their
// arguments first, stand in macros.h.
#pragma once

#include <span>
#include <string_view>

#include "common/expr/runtime.h"
#include "common/expr/types.h"

namespace foldline::expr {

inline constexpr std::size_t kMaxArguments = 4;

struct Function {
  std::string_view name;
  bool method;  // called as x.name(…): the first parameter is x
  std::uint8_t parameter_count;
  KindSet parameters[kMaxArguments];  // what each argument may be
  ExprKind result;
  // false: run.error says why. The arguments are of the kinds that `parameters` name.
  bool (*apply)(std::span<const Value> arguments, Runtime& run, Value& out);
  std::string_view doc;
  bool zone = false;                 // the last argument, if it is one more than apply takes, is a constant zone's name
  bool takes_json = false;           // raw JSON is not taken apart first
  ExprKind element = ExprKind::dyn;  // of a list that it answers
  bool probe = false;                // a constant second argument is tried when the file is loaded, with 0 as the first
};

// Each group stands in a file of its own.
std::span<const Function> text_functions();
std::span<const Function> time_functions();
std::span<const Function> conversion_functions();
std::span<const Function> collection_functions();

std::vector<const Function*> find_functions(std::string_view name, bool method, std::size_t argument_count);
bool is_function(std::string_view name);
std::vector<std::string> function_names();

// Functions that CEL or the language has and this build does not; empty: not one of these.
struct Missing {
  std::string_view reason;
  std::string_view hint;
};
const Missing* find_missing(std::string_view name);

}  // namespace foldline::expr
