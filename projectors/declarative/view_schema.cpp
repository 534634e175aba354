#include "projectors/declarative/view_schema.h"

#include <algorithm>
#include <set>

#include "common/expr/expr.h"
#include "config/kind.h"

namespace foldline::declarative {
namespace {

using config::ViewSpec;

Value zero_of(const Type& type) {
  switch (type.kind) {
    case TypeKind::numeric: return Value::decimal(Decimal::from_int(0));
    case TypeKind::interval: return Value::interval(0);
    case TypeKind::floating: return Value::floating(0);
    default: return Value::integer(0);
  }
}

bool can_add(const Type& type) {
  return type.kind == TypeKind::int32 || type.kind == TypeKind::bigint || type.kind == TypeKind::numeric || type.kind == TypeKind::interval;
}

bool can_compare(const Type& type) {
  return can_add(type) || type.kind == TypeKind::text || type.kind == TypeKind::keyword || type.kind == TypeKind::date ||
         type.kind == TypeKind::timestamptz;
}

void check_operation(const Field& field, const NamedOperation& operation, Problems& problems) {
  if (operation.op == Op::add && field.type.kind == TypeKind::floating) {
    // G9
    return problems.error(*operation.at, "`add` on a double is refused: the sum would depend on the order in which events arrive",
                          "make " + field.name + " a bigint or numeric; `approximate: true` is not built yet");
  }
  if (operation.op == Op::add && !can_add(field.type)) {
    return problems.error(*operation.at, "`add` needs a number or an interval, and " + field.name + " is " + field.type.name());
  }
  if ((operation.op == Op::min || operation.op == Op::max) && !can_compare(field.type)) {
    problems.error(*operation.at, "`" + std::string(to_string(operation.op)) +
                                      "` needs a number, an interval, a text, a date or a timestamp, and " + field.name + " is " +
                                      field.type.name());
  }
}

void add_parts(const ViewSpec& view, ViewSchema& schema, Problems& problems) {
  std::set<std::string> names;
  for (const config::KeyPartSpec& part : view.key) {
    if (!names.insert(part.name).second) problems.error(part.at, "the key has two parts of the name " + part.name);
    schema.key.push_back({part.name, part.type, part.doc});
  }
  for (const config::FieldSpec& field : view.fields) {
    if (!names.insert(field.name).second) problems.error(field.at, field.name + " is already a part of the key or a field of this view");
    Field out;
    out.name = field.name;
    out.type = field.type;
    out.doc = field.doc;
    out.mapping = field.mapping;
    schema.fields.push_back(std::move(out));
  }
}

void add_soft_delete(const ViewSpec& view, ViewSchema& schema, Problems& problems) {
  if (!view.soft_delete) return;
  const std::string& name = view.soft_delete->name;
  int index = schema.field_index(name);
  if (std::any_of(schema.key.begin(), schema.key.end(), [&](const KeyPart& part) { return part.name == name; })) {
    return problems.error(view.soft_delete->at, "soft_delete: " + name + " is a part of the key", "give it a name of its own");
  }
  if (index < 0) {
    // Need not be declared: nothing else can be meant.
    Field field;
    field.name = name;
    field.type.kind = TypeKind::timestamptz;
    field.doc = "When the row was deleted; null: it is alive";
    index = static_cast<int>(schema.fields.size());
    schema.fields.push_back(std::move(field));
  }
  const Field& field = schema.fields[static_cast<std::size_t>(index)];
  if (field.type.kind != TypeKind::timestamptz) {
    return problems.error(view.soft_delete->at, "soft_delete: " + name + " is " + field.type.name() + ", and must be a timestamptz");
  }
  schema.soft_delete = static_cast<std::int16_t>(index);
}

void add_expiry(const ViewSpec& view, ViewSchema& schema, Problems& problems) {
  if (view.expire_after_us == 0) return;
  schema.expire_after_us = view.expire_after_us;
  if (!view.expire_from) {
    if (config::is_redis_kind(view.kind)) return;  // by the row's newest event
    return problems.error(view.at, "expire needs `from`: a date or timestamptz among the parts and fields of the view " + view.name);
  }
  const std::string& name = view.expire_from->name;
  const Type* type = nullptr;
  for (const KeyPart& part : schema.key) {
    if (part.name == name) type = &part.type;
  }
  for (const Field& field : schema.fields) {
    if (field.name == name) type = &field.type;
  }
  if (type == nullptr) return problems.error(view.expire_from->at, "expire: " + name + " is neither a key part nor a field of this view");
  if (type->kind != TypeKind::date && type->kind != TypeKind::timestamptz) {
    return problems.error(view.expire_from->at, "expire: " + name + " is " + type->name() + ", and must be a date or a timestamptz");
  }
  schema.expire_from = name;
}

void add_indexes(const ViewSpec& view, ViewSchema& schema, Problems& problems) {
  for (const auto& [fields, unique] : view.indexes) {
    ViewIndex index;
    index.unique = unique;
    for (const config::Named& field : fields) {
      const bool is_part = std::any_of(schema.key.begin(), schema.key.end(), [&](const KeyPart& part) { return part.name == field.name; });
      if (!is_part && find_field(schema, field.name, field.at, problems) < 0) continue;
      index.fields.push_back(field.name);
    }
    if (!index.fields.empty()) schema.indexes.push_back(std::move(index));
  }
}

// A default is a constant expression; a field that is added to starts at 0.
void add_default(const config::FieldSpec& spec, Field& field, ViewSchema& schema, const config::ProjectionFile& file, Problems& problems) {
  if ((field.ops & op_bit(Op::add)) != 0) {
    field.default_value = zero_of(field.type);
    field.not_null = true;
  }
  if (!spec.default_value) return;
  const config::ExprText& text = *spec.default_value;
  const auto ast = expr::parse(text.text);
  if (!ast) return problems.error(text, ast.error());
  expr::Scope scope;
  for (const config::ViewSpec& view : file.views) {
    for (const config::FieldSpec& other : view.fields) {
      for (const std::string& member : other.type.members) scope.bind_enum_member(member);
    }
  }
  expr::PathSet paths;
  expr::CompileOptions options;
  options.expected = &field.type;
  const auto program = expr::compile(*ast, text.text, scope, paths, options);
  if (!program) return problems.error(text, program.error());
  Arena scratch;
  Result<Value> value = program->eval({{}, &scratch});
  if (value) value = convert(*value, field.type, scratch);
  if (!value) return problems.error(text.at, "default of " + field.name + ": " + value.error().message, value.error().hint);
  if (value->is_null() || value->is_absent()) return;
  field.default_value = deep_copy(*value, *schema.literals);
  field.not_null = true;
}

void check_clause(const config::ClauseSpec& clause, ViewSchema& schema, Problems& problems) {
  const std::vector<NamedOperation> operations = named_operations(clause);
  if (clause.erase && (!operations.empty() || clause.patch_all || clause.has_set)) {
    problems.error(clause.at, "`delete` stands alone: the row goes, and nothing else can happen to it in the same clause");
  }
  if (!clause.erase && operations.empty() && !clause.patch_all && !clause.has_set) {
    problems.error(clause.at, "a clause needs an operation: copy, patch, set, add, min, max or delete",
                   "`set: {}` only makes sure that the row exists");
  }
  std::set<int> used;
  for (const NamedOperation& operation : operations) {
    const int index = find_field(schema, *operation.name, *operation.at, problems);
    if (index < 0) continue;
    Field& field = schema.fields[static_cast<std::size_t>(index)];
    if (index == schema.soft_delete) {
      problems.error(*operation.at, field.name + " is the view's soft_delete field: only `delete` fills it");
    }
    if (!used.insert(index).second) problems.error(*operation.at, field.name + " stands in two operations of this clause");
    check_operation(field, operation, problems);
    field.ops = static_cast<std::uint8_t>(field.ops | op_bit(operation.op));
  }
  if (!clause.patch_all) return;
  for (const std::size_t index : patched_by_all(schema, clause)) {
    schema.fields[index].ops = static_cast<std::uint8_t>(schema.fields[index].ops | op_bit(Op::set));
  }
}

void check_merges(const ViewSpec& view, const ViewSchema& schema, Problems& problems) {
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    std::vector<std::string> merges;
    for (const Op op : {Op::add, Op::min, Op::max}) {
      if ((field.ops & op_bit(op)) != 0) merges.emplace_back(to_string(op));
    }
    if (merges.size() > 1) {
      // G8: one commutative operation a column, or the batch could not be folded.
      problems.error(view.fields[i].at, field.name + " takes both `" + merges[0] + "` and `" + merges[1] + "`",
                     "keep two fields, one for each");
    }
    const bool filled = static_cast<std::int16_t>(i) == schema.soft_delete || field.ops != 0;
    if (!filled && !view.on_event.empty()) problems.warning(view.fields[i].at, "no clause writes the field " + field.name);
  }
}

}  // namespace

std::vector<NamedOperation> named_operations(const config::ClauseSpec& clause) {
  std::vector<NamedOperation> out;
  for (const config::Named& n : clause.copy) out.push_back({&n.name, &n.at, Op::set, NamedOperation::Source::copy, nullptr});
  for (const config::Named& n : clause.patch) out.push_back({&n.name, &n.at, Op::set, NamedOperation::Source::patch, nullptr});
  const auto add = [&out](const std::vector<config::NamedExpr>& fields, Op op) {
    for (const config::NamedExpr& f : fields) out.push_back({&f.name, &f.at, op, NamedOperation::Source::expression, &f.expr});
  };
  add(clause.set, Op::set);
  add(clause.add, Op::add);
  add(clause.min, Op::min);
  add(clause.max, Op::max);
  return out;
}

std::vector<std::size_t> patched_by_all(const ViewSchema& schema, const config::ClauseSpec& clause) {
  std::set<std::string_view> named;
  for (const NamedOperation& operation : named_operations(clause)) named.insert(*operation.name);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    if (static_cast<std::int16_t>(i) != schema.soft_delete && !named.contains(schema.fields[i].name)) out.push_back(i);
  }
  return out;
}

int find_field(const ViewSchema& schema, const std::string& name, const config::Location& at, Problems& problems) {
  const int index = schema.field_index(name);
  if (index >= 0) return index;
  for (const KeyPart& part : schema.key) {
    if (part.name != name) continue;
    problems.error(at, name + " is a part of the key: a row never changes its key", "give the clause its own `key` to write another row");
    return -1;
  }
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  const auto near = expr::did_you_mean(name, names);
  problems.error(at, "the view " + schema.name + " has no field " + name,
                 near ? "did you mean " + *near + "?" : "declare it under `fields`");
  return -1;
}

ViewSchema make_schema(const ViewSpec& view, const config::ProjectionFile& file, Problems& problems) {
  ViewSchema schema;
  schema.name = view.name;
  schema.kind = view.kind.empty() ? "table" : view.kind;
  schema.store_name = view.store_name.empty() && !config::is_redis_kind(view.kind) ? view.name : view.store_name;
  schema.doc = view.doc;
  schema.fillfactor = view.fillfactor;
  schema.index = view.index;
  if (view.key.empty()) problems.error(view.at, "the view " + view.name + " needs a key");
  add_parts(view, schema, problems);
  add_soft_delete(view, schema, problems);
  add_expiry(view, schema, problems);
  add_indexes(view, schema, problems);
  for (const config::OnEventSpec& on_event : view.on_event) {
    for (const config::ClauseSpec& clause : on_event.clauses) check_clause(clause, schema, problems);
  }
  for (std::size_t i = 0; i < view.fields.size(); ++i) add_default(view.fields[i], schema.fields[i], schema, file, problems);
  check_merges(view, schema, problems);
  return schema;
}

}  // namespace foldline::declarative
