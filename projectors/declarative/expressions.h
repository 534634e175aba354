// Compiles the expressions of one source: from text to what the projector runs.
#pragma once

#include <optional>
#include <string>

#include "common/arena.h"
#include "config/projection_file.h"
#include "projectors/declarative/plan.h"
#include "projectors/declarative/problems.h"
#include "projectors/declarative/scopes.h"

namespace foldline::declarative {

class Expressions {
 public:
  // What is constant is computed now and kept in `literals`.
  Expressions(const SourceScopes& scopes, expr::PathSet& paths, Problems& problems, std::string source_name)
      : scopes_(scopes), paths_(paths), problems_(problems), source_name_(std::move(source_name)) {}

  // Empty after an error, which has been reported.
  expr::Program program(const config::ExprText& text, const expr::Scope& scope, const expr::CompileOptions& options = {});
  expr::Program event_program(const config::ExprText& text, const expr::CompileOptions& options = {}) {
    return program(text, scopes_.event, options);
  }

  struct Compiled {
    ValuePlan plan;
    bool may_be_none = true;  // of a program: its type does not rule none out
  };
  // The value of a field or key part. nullopt after an error, which has been reported.
  std::optional<Compiled> value(const config::ExprText& text, const Type& type, Arena& literals);
  // data.NAME. With `patch`, nullopt without a report means: this source never has such a field.
  std::optional<Compiled> member(const std::string& name, const config::Location& at, const Type& type, bool patch);

  [[nodiscard]] const SourceScopes& scopes() const { return scopes_; }
  [[nodiscard]] Problems& problems() { return problems_; }

 private:
  Compiled plan_of(expr::Program program, const Type& type, std::string text);

  const SourceScopes& scopes_;
  expr::PathSet& paths_;
  Problems& problems_;
  std::string source_name_;
};

}  // namespace foldline::declarative
