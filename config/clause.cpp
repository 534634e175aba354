// The keys of a clause, and what stands around clauses: `on_event`.
#include <algorithm>
#include <string>

#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

constexpr std::string_view kReadsRow = "expressions in this build read the event only; keep such a rule where the events are made";

void load_when(Reader& reader, const YamlNode& node, ClauseSpec& out) { out.when = reader.expression(node, "when"); }
void load_key(Reader& reader, const YamlNode& node, ClauseSpec& out) { out.key = reader.expressions(node, "key"); }

void load_reject(Reader& reader, const YamlNode& node, ClauseSpec& out) {
  if (!reader.expect_map(node, "`reject`")) return;
  if (node.entries.size() > kMaxRejects) reader.error(node.at, "`reject` holds more than " + std::to_string(kMaxRejects) + " reasons");
  for (const YamlEntry& entry : node.entries) {
    if (entry.key.text.empty() || entry.key.text.size() > kMaxReasonBytes) {
      reader.error(entry.key.at, "a reason has from 1 to " + std::to_string(kMaxReasonBytes) + " bytes");
      continue;
    }
    if (entry.value.is_null() && !entry.value.written) {
      reader.error(entry.key.at, "the reason " + Reader::shown(entry.key) + " has no condition", "write Reason: condition");
      continue;
    }
    if (auto when = reader.expression(entry.value, "reject")) out.reject.push_back({entry.key.text, entry.key.text_at, std::move(*when)});
  }
}

void load_copy(Reader& reader, const YamlNode& node, ClauseSpec& out) {
  if (node.is_scalar() && node.text == "all") {
    reader.error(node.at, "`copy` insists on its fields, so it takes their names", "list the fields, or write patch: all");
    return;
  }
  out.copy = reader.names(node, "copy", kMaxColumns);
}

void load_patch(Reader& reader, const YamlNode& node, ClauseSpec& out) {
  if (node.is_scalar() && node.text == "all") {
    out.patch_all = true;
    return;
  }
  out.patch = reader.names(node, "patch", kMaxColumns);
}

// The short form, `add: 1`, is kept without a name: the kind of the view says which field is meant (kind.cpp).
std::vector<NamedExpr> load_operation(Reader& reader, const YamlNode& node, std::string_view operation) {
  std::vector<NamedExpr> out;
  if (node.is_scalar() && !node.bad) {
    if (auto expr = reader.expression(node, operation)) out.push_back({"", node.at, std::move(*expr)});
    return out;
  }
  return reader.expressions(node, operation);
}

std::vector<NamedExpr> load_merge(Reader& reader, const YamlNode& node, std::string_view operation) {
  if (!node.is_map() && !node.is_scalar() && !node.bad) {
    reader.error(node.at, "`" + std::string(operation) + "` takes a map field → expression",
                 "write " + std::string(operation) + ": {field: expression}");
    return {};
  }
  if (node.is_map() && node.entries.empty() && !node.bad)
    reader.error(node.at, "`" + std::string(operation) + "` names no field", "name one, or remove the key");
  return load_operation(reader, node, operation);
}

void load_set(Reader& reader, const YamlNode& node, ClauseSpec& out) {
  out.has_set = true;
  out.set = load_operation(reader, node, "set");
}
void load_add(Reader& reader, const YamlNode& node, ClauseSpec& out) { out.add = load_merge(reader, node, "add"); }
void load_min(Reader& reader, const YamlNode& node, ClauseSpec& out) { out.min = load_merge(reader, node, "min"); }
void load_max(Reader& reader, const YamlNode& node, ClauseSpec& out) { out.max = load_merge(reader, node, "max"); }

void load_delete(Reader& reader, const YamlNode& node, ClauseSpec& out) {
  const auto yes = reader.boolean(node, "delete");
  if (yes && !*yes) reader.error(node.at, "`delete` takes only `true`", "remove the key to keep the row");
  out.erase = true;
}

constexpr Property<ClauseSpec> kClause[] = {
    {{.name = "for_each", .refused = "one event changes one row of a view in this build; let the producer send one event for each item"}},
    {{.name = "let", .refused = "write the expression where it is used"}},
    {{.name = "when", .shape = Shape::expression, .fallback = "`true`", .doc = "false: nothing happens"}, load_when},
    {{.name = "key", .shape = Shape::expressions, .fallback = "the view's", .doc = "part → expression, for the parts named"}, load_key},
    {{.name = "where", .refused = "name the row by `key`: one event changes one row of a view in this build"}},
    {{.name = "reject",
      .shape = Shape::expressions,
      .fallback = "none",
      .doc = "reason → boolean expression; the first that is true makes the event a letter with that reason"},
     load_reject},
    {{.name = "on_missing", .refused = kReadsRow}},
    {{.name = "on_existing", .refused = kReadsRow}},
    {{.name = "newest_by", .refused = "write `newest_by` at the view"}},
    {{.name = "move_to", .refused = "let the producer send a delete and a create, as Debezium does for a changed primary key"}},
    {{.name = "copy",
      .shape = Shape::names,
      .doc = "fields set from the fields of `data` with the same names; one that is missing makes the event a letter"},
     load_copy},
    {{.name = "patch",
      .shape = Shape::names,
      .doc = "the same for those that are there; `all`: all fields of the view that the clause does not name"},
     load_patch},
    {{.name = "set",
      .shape = Shape::expressions,
      .doc = "field → expression; none leaves the field as it is, null sets null; `set: {}` only makes sure that the row exists",
      .or_name = true},
     load_set},
    {{.name = "add",
      .shape = Shape::expressions,
      .doc = "sum: int, bigint, numeric, interval; `add: 1` is short for the one field of a counter or sorted set",
      .or_name = true},
     load_add},
    {{.name = "min",
      .shape = Shape::expressions,
      .doc = "keep the smaller: int, bigint, numeric, interval, text, date, timestamptz",
      .or_name = true},
     load_min},
    {{.name = "max", .shape = Shape::expressions, .doc = "keep the greater: as `min`", .or_name = true}, load_max},
    {{.name = "append", .refused = "keep the elements as rows of a view of their own"}},
    {{.name = "remove", .refused = "keep the elements as rows of a view of their own"}},
    {{.name = "delete", .shape = Shape::boolean, .doc = "`true`: delete the row; no other operation beside it"}, load_delete},
};
constexpr Level<ClauseSpec> kClauseLevel = {
    {"a clause", "Clause", "In order of effect. At least one operation (`copy` and below), and a field in only one of them."}, kClause};

void load_clause(Reader& reader, const YamlNode& node, OnEventSpec& out) {
  ClauseSpec clause;
  clause.at = node.at;
  if (!read_level(reader, node, kClauseLevel, clause)) return;
  const bool operates = std::any_of(node.entries.begin(), node.entries.end(), [](const YamlEntry& entry) {
    const auto found = std::find_if(std::begin(kClause), std::end(kClause), [&](const auto& p) { return p.info.name == entry.key.text; });
    if (found == std::end(kClause)) return true;  // unknown: that error is enough
    const std::string_view name = found->info.name;
    return !found->info.refused.empty() || (name != "when" && name != "key" && name != "reject");
  });
  if (!operates)
    reader.error(node.at, "this clause has no operation",
                 "add one of copy, patch, set, add, min, max, delete; `set: {}` only makes the row");
  out.clauses.push_back(std::move(clause));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// `a | b`, each with its own place.
std::vector<Named> split_types(Reader& reader, const YamlNode& key) {
  std::vector<Named> out;
  std::string_view rest = key.text;
  std::size_t offset = 0;
  for (;;) {
    const std::size_t bar = rest.find('|');
    const std::string_view piece = rest.substr(0, bar);
    const std::string_view type = trimmed(piece);
    Location at = key.text_at;
    if (!type.empty()) at.column += static_cast<int>(offset + static_cast<std::size_t>(type.data() - piece.data()));
    if (type.empty()) {
      reader.error(key.at, "an empty type in " + Reader::shown(key), "write a | b");
    } else {
      out.push_back({std::string(type), at});
    }
    if (bar == std::string_view::npos) return out;
    rest.remove_prefix(bar + 1);
    offset += bar + 1;
  }
}

}  // namespace

void load_on_event(Reader& reader, const YamlNode& node, std::vector<OnEventSpec>& out) {
  if (!reader.expect_map(node, "`on_event`")) return;
  if (node.entries.empty()) reader.error(node.at, "`on_event` names no type", "write type: clause");
  if (node.entries.size() > kMaxEventKeys)
    reader.error(node.at, "`on_event` holds more than " + std::to_string(kMaxEventKeys) + " keys", "use patterns: order.*");
  for (const YamlEntry& entry : node.entries) {
    OnEventSpec on;
    on.at = entry.key.at;
    on.types = split_types(reader, entry.key);
    if (entry.value.is_null() && !entry.value.bad) {
      reader.error(entry.key.at, Reader::shown(entry.key) + " has no clause",
                   "write what the event does: {set: {...}}, or {set: {}} to make the row");
      continue;
    }
    reader.one_or_many(entry.value, entry.key.text, kMaxClauses, [&](const YamlNode& clause) { load_clause(reader, clause, on); });
    out.push_back(std::move(on));
  }
}

void describe_clause(std::vector<LevelDescription>& out) { out.push_back(describe(kClauseLevel)); }

}  // namespace foldline::config
