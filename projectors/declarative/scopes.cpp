#include "projectors/declarative/scopes.h"

#include <algorithm>
#include <array>

#include "projectors/declarative/nodes.h"

namespace foldline::declarative {
namespace {

using expr::AstPtr;
using expr::ExprKind;
using expr::ExprType;
using expr::Path;
using expr::Root;

Path attribute(AttributeSlot slot) { return {Root::attribute, {}, slot}; }
Path value_path(std::vector<std::string> keys) { return {Root::value, std::move(keys), 0}; }

// `record` and its parts, the same in both scopes.
void bind_record(expr::Scope& scope, const config::SourceSpec& source) {
  const bool json_key = source.key_format == config::Format::json;
  const Path key = json_key ? Path{Root::key, {}, 0} : attribute(kSlotRecordKey);
  std::map<std::string, AstPtr> parts;
  const auto part = [&](const char* name, const Path& path, const ExprType& type) {
    // No text can spell this name. Without a dot, because a dot in what a message shows makes `.?` insist on what stands before it, and
    // `record.value.?x` would read the whole record to know that there is one.
    const std::string hidden = std::string("record ") + name;
    scope.bind_path(hidden, path, type);
    parts.emplace(name, name_node(hidden, std::string("record.") + name));
  };
  part("key", key, ExprType::dyn());
  part("value", value_path({}), ExprType::dyn());
  part("headers", {Root::headers, {}, 0}, ExprType::dyn());
  part("timestamp", attribute(kSlotRecordTimestamp), ExprType::of(ExprKind::timestamp));
  part("topic", attribute(kSlotRecordTopic), ExprType::of(ExprKind::text));
  part("partition", attribute(kSlotRecordPartition), ExprType::of(ExprKind::integer));
  part("offset", attribute(kSlotRecordOffset), ExprType::of(ExprKind::integer));
  scope.bind_fields("record", std::move(parts));
}

// A text that holds JSON is decoded with the record, once, and only the used paths of it: `json(after.payload)` is a path too.
std::optional<Path> place_of(const AstPtr& ast, const expr::Scope& envelope) {
  const bool is_json_call = ast->kind == expr::AstKind::call && ast->name == "json" && ast->children.size() == 1;
  std::optional<Path> path = expr::as_path(is_json_call ? ast->children[0] : ast, envelope);
  if (!path || !is_json_call) return path;
  if (path->root != Root::value) return std::nullopt;
  path->keys.emplace_back(codec::kEmbeddedJson);
  return path;
}

AstPtr parse_or_report(const config::ExprText& text, Problems& problems) {
  auto ast = expr::parse(text.text);
  if (ast) return *ast;
  problems.error(text, ast.error());
  return nullptr;
}

void bind_place_or_ast(expr::Scope& event, const std::string& name, const AstPtr& ast, const expr::Scope& envelope) {
  if (const auto path = place_of(ast, envelope)) return event.bind_path(name, *path, ExprType::dyn());
  event.bind_ast(name, ast, envelope);
}

void bind_data(SourceScopes& scopes, const config::SourceSpec& source, const codec::EnvelopeForm& form, Problems& problems) {
  const config::EnvelopeSpec& envelope = source.envelope;
  if (envelope.data_is_map) {
    scopes.data_is_map = true;
    std::map<std::string, AstPtr> fields;
    for (const config::NamedExpr& field : envelope.data_fields) {
      scopes.data_fields.insert(field.name);
      if (const AstPtr ast = parse_or_report(field.expr, problems)) fields.emplace(field.name, ast);
    }
    return scopes.event.bind_fields("data", std::move(fields), scopes.envelope);
  }
  if (envelope.data) {
    if (const AstPtr ast = parse_or_report(*envelope.data, problems)) bind_place_or_ast(scopes.event, "data", ast, scopes.envelope);
    return;
  }
  if (form.form == codec::Form::debezium) {
    return scopes.event.bind_path("data", value_path({std::string(codec::kDebeziumRow)}), ExprType::dyn());
  }
  if (form.data.empty()) return scopes.event.bind_path("data", value_path({}), ExprType::dyn());
  bind_place_or_ast(scopes.event, "data", *expr::parse(form.data), scopes.envelope);
}

const config::NamedExpr* find_attribute(const config::EnvelopeSpec& envelope, std::string_view name) {
  for (const config::NamedExpr& attribute : envelope.attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

void bind_attributes(SourceScopes& scopes, const config::SourceSpec& source, const codec::EnvelopeForm& form, Problems& problems) {
  expr::Scope& event = scopes.event;
  event.bind_path("type", attribute(kSlotType), ExprType::of(ExprKind::text));
  event.bind_path("id", attribute(kSlotId), ExprType::of(ExprKind::text));
  event.bind_path("time", attribute(kSlotTime), ExprType::of(ExprKind::timestamp));
  event.bind_path("source", attribute(kSlotSource), ExprType::of(ExprKind::text));
  event.bind_path("schema_version", attribute(kSlotSchemaVersion), ExprType::of(ExprKind::text));
  event.bind_path("correlation_id", attribute(kSlotCorrelationId), ExprType::of(ExprKind::text));

  // Without an expression of its own the key is the record's, and the order proof must see that.
  const bool own_key = find_attribute(source.envelope, "key") != nullptr || !form.key.empty();
  const bool json_key = source.key_format == config::Format::json;
  const Path record_key = json_key ? Path{Root::key, {}, 0} : attribute(kSlotRecordKey);
  event.bind_path("key", own_key ? attribute(kSlotKey) : record_key, ExprType::dyn());

  if (const config::NamedExpr* old = find_attribute(source.envelope, "old")) {
    if (const AstPtr ast = parse_or_report(old->expr, problems)) bind_place_or_ast(event, "old", ast, scopes.envelope);
  } else if (!form.old.empty()) {
    bind_place_or_ast(event, "old", *expr::parse(form.old), scopes.envelope);
  } else {
    event.refuse("old", "the envelope of the source " + source.name + " names no `old` (the image before a change)");
  }
}

void refuse_what_is_not_built(expr::Scope& scope) {
  constexpr std::array<const char*, 7> kNames = {"row", "is_new", "lookup", "item", "index", "window_start", "window_end"};
  for (const char* name : kNames) {
    scope.refuse(name,
                 std::string("`") + name + "` is not built yet: this build has no clauses that read rows, no `for_each` and no windows");
  }
}

}  // namespace

std::set<std::string> enum_members(const config::ProjectionFile& file) {
  std::set<std::string> members;
  const auto add = [&](const Type& type) {
    if (type.kind == TypeKind::enumeration) members.insert(type.members.begin(), type.members.end());
    if (type.element && type.element->kind == TypeKind::enumeration)
      members.insert(type.element->members.begin(), type.element->members.end());
  };
  for (const config::ViewSpec& view : file.views) {
    for (const config::KeyPartSpec& part : view.key) add(part.type);
    for (const config::FieldSpec& field : view.fields) add(field.type);
  }
  return members;
}

AstPtr data_member(const std::string& name, bool optional) { return select_node(name_node("data", "data"), name, optional); }

SourceScopes make_scopes(const config::ProjectionFile& file, const config::SourceSpec& source, const codec::EnvelopeForm& form,
                         const Zone& zone, Problems& problems) {
  SourceScopes scopes;
  for (expr::Scope* scope : {&scopes.envelope, &scopes.event}) {
    scope->set_zone(zone);
    bind_record(*scope, source);
  }
  scopes.envelope.bind_rest_to_value();
  refuse_what_is_not_built(scopes.event);
  bind_attributes(scopes, source, form, problems);
  bind_data(scopes, source, form, problems);
  for (const std::string& member : enum_members(file)) scopes.event.bind_enum_member(member);  // the last, as any other name hides it
  return scopes;
}

}  // namespace foldline::declarative
