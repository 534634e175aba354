// The names that a source's expressions may use. Two scopes a source:
//
// - envelope: the fields of the record's value by name, and `record`. For the envelope's own expressions.
// - event: the attributes (type id time key source schema_version correlation_id), `data`, `old`, `record`. For `when`,
//   `partition_key` and everything in views.
//
//   SourceScopes scopes = *make_scopes(file, file.sources[0], problems);
//   auto program = expr::compile(ast, text, scopes.event, paths, {});
//
// `data` compiles away: where the envelope says that it is a place in the record, a path through it is a path of the record; where it
// is a map, `data.x` is the expression of x.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/codec/envelope.h"
#include "common/expr/ast.h"
#include "common/expr/expr.h"
#include "config/projection_file.h"
#include "projectors/declarative/problems.h"

namespace foldline::declarative {

struct SourceScopes {
  expr::Scope envelope;
  expr::Scope event;
  bool data_is_map = false;
  std::set<std::string> data_fields;  // of the map
};

SourceScopes make_scopes(const config::ProjectionFile& file, const config::SourceSpec& source, const codec::EnvelopeForm& form,
                         const Zone& zone, Problems& problems);

// Members of all enums of the file: constants in expressions.
std::set<std::string> enum_members(const config::ProjectionFile& file);

// `data.NAME`, or `data.?NAME`: what a name in `copy`, `patch` or a key stands for (language.md rule 4).
expr::AstPtr data_member(const std::string& name, bool optional);

}  // namespace foldline::declarative
