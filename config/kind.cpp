#include "config/kind.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "config/key_template.h"
#include "config/pattern.h"

namespace foldline::config {
namespace {

constexpr std::int32_t kMaxScaledDigits = 18;  // of a numeric(p,s) in Redis: a whole number of 64 bits

struct RedisKind {
  std::string_view name;
  std::string_view implied;  // the one field; empty: none
  bool has_member = false;   // rows that differ in the key part `member` only share a Redis key
  bool declares_fields = false;
};
constexpr std::array kRedisKinds = {RedisKind{"counter", "value"}, RedisKind{"hash", "", false, true}, RedisKind{"json", "", false, true},
                                    RedisKind{"sorted_set", "score", true}, RedisKind{"set", "", true}};

const RedisKind* find_kind(std::string_view kind) {
  const auto found = std::find_if(kRedisKinds.begin(), kRedisKinds.end(), [&](const RedisKind& k) { return k.name == kind; });
  return found == kRedisKinds.end() ? nullptr : &*found;
}

template <class Visit>
void for_each_clause(ViewSpec& view, Visit visit) {
  for (OnEventSpec& on : view.on_event) {
    for (ClauseSpec& clause : on.clauses) visit(clause);
  }
}

struct Operation {
  std::string_view word;
  std::vector<NamedExpr>* fields;
};

std::array<Operation, 4> operations_of(ClauseSpec& clause) {
  return {{{"set", &clause.set}, {"add", &clause.add}, {"min", &clause.min}, {"max", &clause.max}}};
}

// `add: 1` has come without a name.
void settle_short_forms(Reader& reader, const RedisKind* kind, ViewSpec& view) {
  for_each_clause(view, [&](ClauseSpec& clause) {
    for (const Operation& operation : operations_of(clause)) {
      for (NamedExpr& named : *operation.fields) {
        if (!named.name.empty()) continue;
        if (kind != nullptr && !kind->implied.empty()) {
          named.name = kind->implied;
          continue;
        }
        const std::string word(operation.word);
        reader.error(named.at, "`" + word + "` takes a map field → expression",
                     "write " + word + ": {field: expression}; the short form belongs to Redis counters and sorted sets");
      }
      std::erase_if(*operation.fields, [](const NamedExpr& named) { return named.name.empty(); });
    }
  });
}

void check_expire(Reader& reader, const YamlNode& node) {
  const YamlEntry* expire = node.find("expire");
  if (expire != nullptr && expire->value.is_map() && expire->value.find("from") == nullptr) {
    reader.error(expire->value.at, "`expire` needs the key `from`");
  }
}

void check_name(Reader& reader, const YamlNode& node, const RedisKind& kind, ViewSpec& view) {
  const auto member = std::find_if(view.key.begin(), view.key.end(), [](const KeyPartSpec& part) { return part.name == "member"; });
  if (kind.has_member && member == view.key.end() && !view.key.empty()) {
    reader.error(view.at, "the key of a " + view.kind + " needs a part called `member`: what stands in it",
                 "write key: {..., member: {type: text, from: data.customer_id}}");
    return;
  }
  const YamlEntry* name = node.find("name");
  if (name == nullptr || name->value.bad) {
    view.store_name.clear();  // the store makes one of the projection's name, the view's and the key's parts
    return;
  }
  if (view.store_name.rfind("foldline:", 0) == 0) {
    reader.error(name->value.at, "the key's name starts with `foldline:`, which Foldline keeps for itself", "choose another name");
  }
  std::vector<std::string> parts;
  for (const KeyPartSpec& part : view.key) parts.push_back(part.name);
  const int outside = kind.has_member ? static_cast<int>(member - view.key.begin()) : -1;
  const auto parsed = KeyTemplate::parse(view.store_name, parts, outside);
  if (!parsed) reader.error(name->value.at, parsed.error().message, parsed.error().hint);
}

void add_implied_field(Reader& reader, const RedisKind& kind, ViewSpec& view) {
  if (kind.declares_fields) return;
  const bool declared = kind.implied == "score" && view.fields.size() == 1 && view.fields[0].name == "score";
  if (!view.fields.empty() && !declared) {
    const std::string has = kind.implied.empty() ? "no field" : "the one field `" + std::string(kind.implied) + "`, which is implied";
    reader.error(view.fields[0].at, "a " + view.kind + " has " + has, "remove `fields`");
    view.fields.clear();
  }
  if (declared) {
    const TypeKind type = view.fields[0].type.kind;
    if (type == TypeKind::bigint || type == TypeKind::int32 || type == TypeKind::floating) return;
    reader.error(view.fields[0].at, "a score is a whole number or a double", "write score: bigint, or score: double for `set` alone");
    return;
  }
  if (kind.implied.empty()) return;
  FieldSpec field;
  field.name = kind.implied;
  field.at = view.at;
  field.type.kind = TypeKind::bigint;
  view.fields.push_back(std::move(field));
}

void check_clauses(Reader& reader, const RedisKind& kind, ViewSpec& view) {
  if (kind.declares_fields) return;
  for_each_clause(view, [&](ClauseSpec& clause) {
    if (!clause.copy.empty() || !clause.patch.empty() || clause.patch_all) {
      const std::string instead = kind.implied.empty() ? "set: {}" : "set: data.NAME, or add, min, max";
      reader.error(clause.at, "a " + view.kind + " has no fields to copy", "write " + instead);
    }
    if (!kind.implied.empty()) return;
    for (const Operation& operation : operations_of(clause)) {
      if (operation.fields->empty()) continue;
      reader.error(operation.fields->front().at, "a set has no fields: an element is in it or not", "write `set: {}` or `delete: true`");
    }
  });
}

void check_refused(Reader& reader, const RedisKind& kind, ViewSpec& view) {
  if (!view.indexes.empty() || view.fillfactor != 0) {
    reader.error(view.at, "`indexes`, `unique` and `fillfactor` belong to a table", "remove them");
  }
  if (kind.declares_fields) return;
  if (view.newest_by) {
    reader.error(view.newest_by->at, "a " + view.kind + " has no place for the stamps of `newest_by`", "keep a hash or a json instead");
  }
  if (view.soft_delete) {
    reader.error(view.soft_delete->at, "a " + view.kind + " has no place for the field of `soft_delete`", "keep a hash or a json instead");
  }
}

void check_types(const ViewSpec& view, Diagnostics& diagnostics) {
  for (const FieldSpec& field : view.fields) {
    if (field.type.kind != TypeKind::numeric) continue;
    if (field.type.precision > kMaxScaledDigits) {
      diagnostics.error(field.at, "`" + field.name + "` is " + field.type.name() + ", and numbers in Redis have 18 digits",
                        "write numeric(18," + std::to_string(field.type.scale) + "), or numeric, which is kept as text");
    }
    if (field.type.precision != 0 || view.kind == "json") continue;
    for (const OnEventSpec& on : view.on_event) {
      for (const ClauseSpec& clause : on.clauses) {
        for (const NamedExpr& added : clause.add) {
          if (added.name != field.name) continue;
          diagnostics.error(added.at, "`" + field.name + "` is a numeric of any size, which Redis keeps as text and can't add to",
                            "write numeric(18,2), or bigint and cents");
        }
      }
    }
  }
}

void check_patterns(const ProjectionFile& file, Diagnostics& diagnostics) {
  struct Known {
    std::string pattern;
    const ViewSpec* view;
  };
  std::vector<Known> known;
  for (const ViewSpec& view : file.views) {
    const RedisKind* kind = find_kind(view.kind);
    if (kind == nullptr) continue;
    std::string pattern = file.projection + ":" + view.name;
    if (view.store_name.empty()) {
      for (const KeyPartSpec& part : view.key) pattern += kind->has_member && part.name == "member" ? "" : ":*";
    } else {
      std::vector<std::string> parts;
      int member = -1;
      for (const KeyPartSpec& part : view.key) {
        if (kind->has_member && part.name == "member") member = static_cast<int>(parts.size());
        parts.push_back(part.name);
      }
      const auto parsed = KeyTemplate::parse(view.store_name, parts, member);
      if (!parsed) continue;
      pattern = parsed->pattern();
    }
    for (const Known& other : known) {
      if (other.pattern == pattern) {
        diagnostics.error(view.at, "the views `" + other.view->name + "` and `" + view.name + "` keep the same keys, " + pattern,
                          "give one of them another `name`");
      } else if (overlap(other.pattern, pattern)) {
        diagnostics.warning(view.at,
                            "the keys " + pattern + " of `" + view.name + "` and " + other.pattern + " of `" + other.view->name +
                                "` can be the same for some values",
                            "begin their names differently");
      }
    }
    known.push_back({pattern, &view});
  }
}

}  // namespace

bool is_redis_kind(std::string_view kind) { return find_kind(kind) != nullptr; }

void settle_kind(Reader& reader, const YamlNode& node, ViewSpec& view) {
  const RedisKind* kind = find_kind(view.kind);
  settle_short_forms(reader, kind, view);
  if (kind == nullptr) return check_expire(reader, node);
  add_implied_field(reader, *kind, view);
  check_name(reader, node, *kind, view);
  check_clauses(reader, *kind, view);
  check_refused(reader, *kind, view);
}

void check_kinds(const ProjectionFile& file, Diagnostics& diagnostics) {
  if (file.store.kind.empty()) return;  // its own errors are enough
  for (const ViewSpec& view : file.views) {
    const bool redis_kind = is_redis_kind(view.kind);
    if (file.store.kind == "redis" && !redis_kind) {
      diagnostics.error(view.at, "the view `" + view.name + "` needs a `kind`: Redis keeps no tables",
                        "write kind: counter, hash, json, sorted_set or set");
    }
    if (file.store.kind != "redis" && file.store.kind != "memory" && redis_kind) {
      diagnostics.error(
          view.at, "the view `" + view.name + "` is a " + view.kind + ", which lives in Redis",
          file.store.kind == "postgres" ? "this store keeps tables; remove `kind`" : "this store keeps documents; remove `kind`");
    }
    if (file.store.kind != "redis" || !redis_kind) continue;
    check_types(view, diagnostics);
    if (view.expire_after_us == 0) {
      diagnostics.warning(view.at, "the keys of `" + view.name + "` never expire",
                          "write expire: {after: 40d}, unless there are few of them");
    }
  }
  check_patterns(file, diagnostics);
}

}  // namespace foldline::config
