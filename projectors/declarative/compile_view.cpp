#include "projectors/declarative/compile_view.h"

#include <algorithm>

#include "config/pattern.h"
#include "projectors/declarative/view_schema.h"

namespace foldline::declarative {
namespace {

class ViewCompiler {
 public:
  ViewCompiler(const config::ViewSpec& view, const ViewSchema& schema, Expressions& expressions, std::vector<FieldWrites>& writes)
      : view_(view), schema_(schema), expressions_(expressions), writes_(writes) {}

  ViewPlan compile() {
    ViewPlan plan;
    plan.name = view_.name;
    plan.soft_delete = schema_.soft_delete >= 0;
    plan.key = key(nullptr);
    if (view_.newest_by) plan.newest_by = newest_by(*view_.newest_by);
    for (std::size_t handler = 0; handler < view_.on_event.size(); ++handler) {
      std::vector<ClausePlan>& clauses = plan.handlers.emplace_back();
      for (std::size_t index = 0; index < view_.on_event[handler].clauses.size(); ++index) {
        place_ = {handler, index};
        clauses.push_back(clause(view_.on_event[handler].clauses[index]));
      }
    }
    return plan;
  }

 private:
  expr::Program condition(const config::ExprText& text) {
    expr::CompileOptions options;
    options.want_bool = true;
    return expressions_.event_program(text, options);
  }

  expr::Program newest_by(const config::ExprText& text) {
    expr::Program program = expressions_.event_program(text);
    if (!program) return program;
    const expr::ExprKind kind = program.type().kind;
    if (kind != expr::ExprKind::timestamp && kind != expr::ExprKind::integer && kind != expr::ExprKind::dyn) {
      expressions_.problems().error(text.at, "newest_by is " + program.type().name() + ", and must be a timestamp or an integer");
    }
    return program;
  }

  // The view's key, with the parts that `clause` names in place of the view's.
  std::vector<KeyPartPlan> key(const config::ClauseSpec* clause) {
    std::vector<KeyPartPlan> parts;
    for (const config::KeyPartSpec& part : view_.key) {
      const config::ExprText* from = part.from ? &*part.from : nullptr;
      if (clause != nullptr) {
        for (const config::NamedExpr& replaced : clause->key) {
          if (replaced.name == part.name) from = &replaced.expr;
        }
      }
      auto compiled = from != nullptr ? expressions_.value(*from, part.type, *schema_.literals)
                                      : expressions_.member(part.name, part.at, part.type, false);
      if (compiled) parts.push_back({part.name, std::move(compiled->plan)});
    }
    return parts;
  }

  void check_key_names(const config::ClauseSpec& clause) {
    std::vector<std::string> names;
    for (const config::KeyPartSpec& part : view_.key) names.push_back(part.name);
    for (const config::NamedExpr& part : clause.key) {
      if (std::find(names.begin(), names.end(), part.name) != names.end()) continue;
      const auto near = expr::did_you_mean(part.name, names);
      expressions_.problems().error(part.at, "the key of the view " + view_.name + " has no part " + part.name,
                                    near ? "did you mean " + *near + "?" : "");
    }
  }

  void add_operation(ClausePlan& plan, std::size_t field, Op op, std::optional<Expressions::Compiled> compiled, bool copy, bool patch) {
    FieldWrites& writes = writes_[field];
    if (op == Op::set) writes.clauses.insert(place_);
    if (!compiled) {
      writes.may_be_left = true;  // this source has none
      return;
    }
    OperationPlan operation;
    operation.field = static_cast<std::uint16_t>(field);
    operation.op = op;
    operation.takes_null = op == Op::set && !schema_.fields[field].not_null;
    operation.may_be_left = patch || (!copy && compiled->plan.from != ValuePlan::From::slot);
    const std::string word = copy ? "copy" : (patch ? "patch" : std::string(to_string(op)));
    operation.label = word + " " + schema_.fields[field].name;
    operation.value = std::move(compiled->plan);
    if (op == Op::set && (patch || (operation.may_be_left && compiled->may_be_none))) writes.may_be_left = true;
    plan.operations.push_back(std::move(operation));
  }

  void operations(const config::ClauseSpec& clause, ClausePlan& plan) {
    for (const NamedOperation& named : named_operations(clause)) {
      const int index = schema_.field_index(*named.name);
      if (index < 0) continue;  // reported with the schema
      const auto field = static_cast<std::size_t>(index);
      const Type& type = schema_.fields[field].type;
      const bool copy = named.source == NamedOperation::Source::copy;
      const bool patch = named.source == NamedOperation::Source::patch;
      auto compiled = named.expr != nullptr ? expressions_.value(*named.expr, type, *schema_.literals)
                                            : expressions_.member(*named.name, *named.at, type, patch);
      const bool is_null = compiled && compiled->plan.from == ValuePlan::From::constant && compiled->plan.constant.is_null();
      if (is_null && (named.op != Op::set || schema_.fields[field].not_null)) {
        expressions_.problems().error(named.expr->at,
                                      *named.name + " can't be null here: it has a default or is added to, or this is no `set`");
      }
      add_operation(plan, field, named.op, std::move(compiled), copy, patch);
    }
    if (!clause.patch_all) return;
    for (const std::size_t field : patched_by_all(schema_, clause)) {
      const Field& target = schema_.fields[field];
      add_operation(plan, field, Op::set, expressions_.member(target.name, clause.at, target.type, true), false, true);
    }
  }

  ClausePlan clause(const config::ClauseSpec& spec) {
    ClausePlan plan;
    if (spec.when) plan.when = condition(*spec.when);
    check_key_names(spec);
    if (!spec.key.empty()) plan.key = key(&spec);
    for (const config::RejectSpec& reject : spec.reject) plan.reject.push_back({reject.reason, condition(reject.when)});
    plan.erase = spec.erase;
    if (!spec.erase) operations(spec, plan);
    return plan;
  }

  const config::ViewSpec& view_;
  const ViewSchema& schema_;
  Expressions& expressions_;
  std::vector<FieldWrites>& writes_;
  std::pair<std::size_t, std::size_t> place_;
};

}  // namespace

ViewPlan compile_view(const config::ViewSpec& view, const ViewSchema& schema, Expressions& expressions, std::vector<FieldWrites>& writes) {
  return ViewCompiler(view, schema, expressions, writes).compile();
}

void check_types(const config::ViewSpec& view, Problems& problems) {
  std::vector<const config::Named*> seen;
  for (const config::OnEventSpec& on_event : view.on_event) {
    for (const config::Named& type : on_event.types) {
      for (const config::Named* other : seen) {
        if (other->name == type.name) {
          problems.error(type.at, "the type " + type.name + " stands in two keys of the view " + view.name,
                         "put its clauses into one list, under one key");
        } else if (config::is_pattern(other->name) && config::is_pattern(type.name) &&
                   config::literal_characters(other->name) == config::literal_characters(type.name) &&
                   config::overlap(other->name, type.name)) {
          problems.error(type.at, type.name + " and " + other->name + " tie: both match the same types and neither is more specific",
                         "make one of them longer, or name the types");
        }
      }
      seen.push_back(&type);
    }
  }
}

}  // namespace foldline::declarative
