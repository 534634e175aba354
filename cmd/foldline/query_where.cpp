#include "cmd/foldline/query_where.h"

#include <fmt/format.h>

#include <algorithm>

#include "cmd/foldline/query_key.h"
#include "cmd/foldline/query_table.h"
#include "common/expr/ast.h"
#include "common/json.h"
#include "common/record.h"
#include "projectors/declarative/scopes.h"

namespace foldline {

namespace {

// The text with a caret under the place, as a linter shows it.
std::string pointed_at(const std::string& text, std::size_t position) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < std::min(position, text.size()); ++i)
    columns += (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U ? 0 : 1;
  return fmt::format("\n  {}\n  {}^", visible(text), std::string(columns, ' '));
}

tl::unexpected<Error> no_expression(const ViewSchema& view, const std::string& text, const expr::Problem& problem) {
  std::string hint = problem.hint;
  if (!hint.empty()) hint += "; ";
  return fail(ErrorCode::config, fmt::format("--where: {}{}", problem.message, pointed_at(text, problem.position)),
              fmt::format("{}the view {} has: {}", hint, view.name, described(columns_of(view))));
}

// A member of raw JSON; absent where there is none, as in an event.
Value member_of(const Value& json, const std::vector<std::string>& members, Arena& arena) {
  if (members.empty() || json.is_null()) return members.empty() ? json : Value::absent();
  const auto parsed = parse_json(json.as_text(), arena);
  Value at = parsed ? *parsed : Value::absent();
  for (const std::string& member : members) {
    if (!at.is(Kind::map)) return Value::absent();
    const auto entries = at.as_map();
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const MapEntry& entry) { return entry.key == member; });
    if (found == entries.end()) return Value::absent();
    at = found->value;
  }
  return at;
}

}  // namespace

Result<RowFilter> RowFilter::compile(const declarative::CompiledProjection& projection, const ViewSchema& view,
                                     const std::vector<std::string>& texts) {
  RowFilter out;
  expr::Scope constants;
  expr::Scope scope;
  const auto zone = Zone::load(projection.file.zone);
  if (!zone) return fail(zone.error());
  for (expr::Scope* each : {&constants, &scope}) {
    each->set_zone(*zone);
    for (const std::string& member : declarative::enum_members(projection.file)) each->bind_enum_member(member);
  }
  for (const Column& column : columns_of(view)) {
    scope.bind_path(column.name, {expr::Root::value, {column.name}, 0}, expr::expr_type_of(column.type));
  }
  expr::PathSet paths;
  for (const std::string& text : texts) {
    if (text.size() > expr::kMaxSourceBytes) return fail(ErrorCode::config, "--where: the expression is too long");
    const auto ast = expr::parse(text);
    if (!ast) return no_expression(view, text, ast.error());
    auto program = expr::compile(*ast, text, scope, paths, {.expected = nullptr, .want_bool = true});
    if (!program) return no_expression(view, text, program.error());
    out.programs_.push_back(std::move(*program));
    out.collect_equalities(view, *ast, text, constants);
  }
  out.find_sources(view, paths);
  return out;
}

void RowFilter::collect_equalities(const ViewSchema& view, const expr::AstPtr& ast, const std::string& text, const expr::Scope& constants) {
  if (ast->kind == expr::AstKind::conjunction) {
    for (const expr::AstPtr& child : ast->children) collect_equalities(view, child, text, constants);
    return;
  }
  if (ast->kind != expr::AstKind::binary || ast->op != expr::Operator::equal) return;
  for (std::size_t side = 0; side < 2; ++side) {
    const expr::Ast& name = *ast->children[side];
    const expr::AstPtr& other = ast->children[1 - side];
    if (name.kind != expr::AstKind::name) continue;
    const auto part = std::find_if(view.key.begin(), view.key.end(), [&](const KeyPart& p) { return p.name == name.name; });
    if (part == view.key.end()) continue;
    // Compiled with no column in sight, it is a constant or nothing.
    expr::PathSet none;
    const auto program = expr::compile(other, text, constants, none);
    if (!program || !none.paths().empty()) continue;
    Arena arena;
    const std::vector<Value> slots(none.slot_count());
    const auto value = program->eval({slots, &arena});
    if (!value || value->is_null() || value->is_absent()) continue;
    const auto converted = convert(*value, part->type, arena);
    if (!converted) continue;
    equalities_.push_back({static_cast<std::size_t>(part - view.key.begin()), rows::OwnedValue(*converted)});
  }
}

void RowFilter::narrow(const ViewSchema& view, std::vector<rows::OwnedValue>& key) const {
  while (key.size() < view.key.size()) {
    const auto found = std::find_if(equalities_.begin(), equalities_.end(), [&](const Equality& e) { return e.part == key.size(); });
    if (found == equalities_.end()) return;
    key.push_back(found->value);
  }
}

void RowFilter::find_sources(const ViewSchema& view, const expr::PathSet& paths) {
  const std::vector<Column> columns = columns_of(view);
  slots_.resize(paths.slot_count());
  for (const expr::Path& path : paths.paths()) {
    const auto column = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == path.keys.front(); });
    sources_.push_back({column->is_key, column->index, {path.keys.begin() + 1, path.keys.end()}});
  }
}

Result<bool> RowFilter::matches(const rows::StoredRow& row) {
  arena_->reset();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    const rows::OwnedValue& value = source.is_key ? row.key[source.index] : row.fields[source.index];
    slots_[kAttributeSlots + i] =
        value.is_null() && source.members.empty() ? Value::null() : member_of(value.view(*arena_), source.members, *arena_);
  }
  for (const expr::Program& program : programs_) {
    const auto value = program.eval({slots_, arena_.get()});
    if (!value) return fail(value.error());
    if (!value->is(Kind::boolean)) return fail(ErrorCode::expression, "the expression is neither true nor false");
    if (!value->as_bool()) return false;
  }
  return true;
}

}  // namespace foldline
