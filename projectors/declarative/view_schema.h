// From a view of the file to its schema: what holds whatever the source is. Types, operations, defaults, names; not the expressions.
#pragma once

#include "common/view.h"
#include "config/projection_file.h"
#include "projectors/declarative/problems.h"

namespace foldline::declarative {

// Reports everything about the view that can be told without its expressions. Guards are added later (guards.h).
ViewSchema make_schema(const config::ViewSpec& view, const config::ProjectionFile& file, Problems& problems);

// The field that `name` is, or an error that says what it is instead.
int find_field(const ViewSchema& schema, const std::string& name, const config::Location& at, Problems& problems);

// All fields that the clause names, with what it does to them. `patch: all` is not spelled out.
struct NamedOperation {
  const std::string* name;
  const config::Location* at;
  Op op;
  enum class Source : std::uint8_t {
    copy,
    patch,
    expression
  } source;
  const config::ExprText* expr;  // expression
};
std::vector<NamedOperation> named_operations(const config::ClauseSpec& clause);

// Fields that `patch: all` takes: every one that the clause does not name, and that no `delete` fills.
std::vector<std::size_t> patched_by_all(const ViewSchema& schema, const config::ClauseSpec& clause);

}  // namespace foldline::declarative
