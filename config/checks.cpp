// What can be said of a file without compiling its expressions.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "config/levels.h"
#include "config/limits.h"
#include "config/nearest.h"
#include "config/pattern.h"

namespace foldline::config {
namespace {

class ViewChecks {
 public:
  ViewChecks(const ViewSpec& view, Diagnostics& diagnostics) : view_(view), diagnostics_(diagnostics) {}

  void run() {
    check_columns();
    check_types();
    for (const OnEventSpec& on : view_.on_event) {
      for (const ClauseSpec& clause : on.clauses) check_clause(clause);
    }
    check_newest_by();
    check_options();
    warn_unwritten();
    warn_money();
  }

 private:
  struct Target {
    std::string_view operation;
    const std::string& name;
    const Location& at;
  };

  [[nodiscard]] const FieldSpec* field(const std::string& name) const {
    const auto found = std::find_if(view_.fields.begin(), view_.fields.end(), [&](const FieldSpec& f) { return f.name == name; });
    return found == view_.fields.end() ? nullptr : &*found;
  }
  [[nodiscard]] const KeyPartSpec* part(const std::string& name) const {
    const auto found = std::find_if(view_.key.begin(), view_.key.end(), [&](const KeyPartSpec& p) { return p.name == name; });
    return found == view_.key.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::string near(const std::string& name, bool with_parts) const {
    std::vector<std::string> names;
    for (const FieldSpec& f : view_.fields) names.push_back(f.name);
    if (with_parts) {
      for (const KeyPartSpec& p : view_.key) names.push_back(p.name);
    }
    const auto best = nearest(name, names);
    return best ? "did you mean `" + *best + "`?" : "declare it under `fields` of the view `" + view_.name + "`";
  }

  static std::vector<Target> targets(const ClauseSpec& clause) {
    std::vector<Target> out;
    for (const Named& n : clause.copy) out.push_back({"copy", n.name, n.at});
    for (const Named& n : clause.patch) out.push_back({"patch", n.name, n.at});
    for (const NamedExpr& n : clause.set) out.push_back({"set", n.name, n.at});
    for (const NamedExpr& n : clause.add) out.push_back({"add", n.name, n.at});
    for (const NamedExpr& n : clause.min) out.push_back({"min", n.name, n.at});
    for (const NamedExpr& n : clause.max) out.push_back({"max", n.name, n.at});
    return out;
  }

  void check_columns() {
    if (view_.key.size() + view_.fields.size() > kMaxColumns) {
      diagnostics_.error(view_.at, "the view has more than " + std::to_string(kMaxColumns) + " key parts and fields",
                         "split it into several views");
    }
    for (const FieldSpec& f : view_.fields) {
      if (part(f.name) != nullptr)
        diagnostics_.error(f.at, "`" + f.name + "` is a part of the key already", "a key part is a column: remove the field");
    }
  }

  // A type in two keys, and patterns of which neither is more specific.
  void check_types() {
    std::vector<const Named*> seen;
    for (const OnEventSpec& on : view_.on_event) {
      for (const Named& type : on.types) {
        for (const Named* other : seen) {
          if (other->name == type.name) {
            diagnostics_.error(type.at,
                               "the type `" + type.name + "` stands twice in this view, first in line " + std::to_string(other->at.line),
                               "give it one key; several clauses are a list: [{...}, {...}]");
            break;
          }
          const bool tie =
              is_pattern(type.name) && is_pattern(other->name) && literal_characters(type.name) == literal_characters(other->name);
          if (tie && overlap(type.name, other->name)) {
            diagnostics_.error(type.at,
                               "the patterns `" + other->name + "` and `" + type.name + "` can fit one type, and neither is more specific",
                               "add a key for the types that both fit, or make one of them longer");
          }
        }
        seen.push_back(&type);
      }
    }
  }

  void check_clause(const ClauseSpec& clause) {
    std::map<std::string, std::string_view> used;
    for (const Target& target : targets(clause)) {
      check_target(target);
      const auto [first, is_new] = used.emplace(target.name, target.operation);
      if (!is_new && first->second != target.operation) {
        diagnostics_.error(target.at,
                           "`" + target.name + "` stands under `" + std::string(first->second) + "` and `" + std::string(target.operation) +
                               "` of one clause",
                           "a field stands in only one operation; a later clause of a list can change it again");
      }
    }
    const bool other = clause.has_set || clause.patch_all || !used.empty();
    if (clause.erase && other)
      diagnostics_.error(clause.at, "`delete` allows no other operation beside it", "make it two clauses: [{delete: true}, {...}]");
    for (const NamedExpr& part_of : clause.key) {
      if (part(part_of.name) == nullptr)
        diagnostics_.error(part_of.at, "the view's key has no part `" + part_of.name + "`", near_part(part_of.name));
    }
  }

  [[nodiscard]] std::string near_part(const std::string& name) const {
    std::vector<std::string> names;
    std::string listed;
    for (const KeyPartSpec& p : view_.key) {
      names.push_back(p.name);
      listed += (listed.empty() ? "" : ", ") + p.name;
    }
    const auto best = nearest(name, names);
    return best ? "did you mean `" + *best + "`?" : "its parts are " + listed;
  }

  void check_target(const Target& target) {
    const FieldSpec* f = field(target.name);
    if (f == nullptr && part(target.name) != nullptr) {
      diagnostics_.error(target.at, "`" + target.name + "` is a part of the key, which a clause can't change",
                         "remove it: the key has its value already");
    } else if (f == nullptr) {
      diagnostics_.error(target.at, "the view has no field `" + target.name + "`", near(target.name, false));
    } else if (view_.soft_delete && view_.soft_delete->name == target.name) {
      diagnostics_.error(target.at, "`" + target.name + "` is filled by `delete` (soft_delete)", "remove it here");
    } else if (!f->broken) {
      check_operation(target, *f);
    }
  }

  void check_operation(const Target& target, const FieldSpec& f) {
    const TypeKind kind = f.type.kind;
    const bool sums = kind == TypeKind::int32 || kind == TypeKind::bigint || kind == TypeKind::numeric || kind == TypeKind::interval;
    const bool compares =
        sums || kind == TypeKind::text || kind == TypeKind::keyword || kind == TypeKind::date || kind == TypeKind::timestamptz;
    if (target.operation == "add" && kind == TypeKind::floating) {
      diagnostics_.error(target.at, "`add` on a double depends on the order of the events (G9)",
                         "make `" + f.name + "` a bigint (cents) or numeric");
    } else if (target.operation == "add" && !sums) {
      diagnostics_.error(target.at, "`add` sums int, bigint, numeric and interval, and `" + f.name + "` is " + f.type.name(),
                         "use `set`, or another type");
    } else if ((target.operation == "min" || target.operation == "max") && !compares) {
      diagnostics_.error(target.at,
                         "`" + std::string(target.operation) +
                             "` compares int, bigint, numeric, interval, text, date and timestamptz, and `" + f.name + "` is " +
                             f.type.name(),
                         "use `set`, or another type");
    }
  }

  // G10: a guarded field changes by `set`, `copy` and `patch` only, and a guarded view deletes softly.
  void check_newest_by() {
    if (!view_.newest_by) return;
    std::set<std::string> guarded;
    for (const OnEventSpec& on : view_.on_event) {
      for (const ClauseSpec& clause : on.clauses) {
        if (clause.erase && !view_.soft_delete) {
          diagnostics_.error(clause.at,
                             "`delete` in a view with `newest_by` needs `soft_delete`: an older event must still find what it comes after",
                             "add soft_delete: deleted_at to the view");
        }
        for (const Target& t : targets(clause)) {
          if (t.operation == "set" || t.operation == "copy" || t.operation == "patch") guarded.insert(t.name);
        }
        if (clause.patch_all) {
          for (const FieldSpec& f : view_.fields) guard_if_patched(clause, f, guarded);
        }
      }
    }
    for (const OnEventSpec& on : view_.on_event) {
      for (const ClauseSpec& clause : on.clauses) {
        for (const Target& t : targets(clause)) {
          const bool commutes = t.operation == "add" || t.operation == "min" || t.operation == "max";
          if (!commutes || guarded.count(t.name) == 0) continue;
          diagnostics_.error(t.at,
                             "`" + t.name + "` is guarded by `newest_by`, since a clause sets it, and can't be changed by `" +
                                 std::string(t.operation) + "` too",
                             "use two fields");
        }
      }
    }
  }

  static void guard_if_patched(const ClauseSpec& clause, const FieldSpec& f, std::set<std::string>& guarded) {
    const auto named = targets(clause);
    const bool elsewhere = std::any_of(named.begin(), named.end(), [&](const Target& t) { return t.name == f.name; });
    if (!elsewhere) guarded.insert(f.name);
  }

  void check_options() {
    for (const auto& [fields, unique] : view_.indexes) {
      for (const Named& name : fields) {
        if (field(name.name) == nullptr && part(name.name) == nullptr)
          diagnostics_.error(name.at, "the view has no field or key part `" + name.name + "`", near(name.name, true));
      }
    }
    if (!view_.expire_from) return;
    const FieldSpec* f = field(view_.expire_from->name);
    const KeyPartSpec* p = part(view_.expire_from->name);
    if (f == nullptr && p == nullptr) {
      diagnostics_.error(view_.expire_from->at, "the view has no field or key part `" + view_.expire_from->name + "`",
                         near(view_.expire_from->name, true));
      return;
    }
    const TypeKind kind = f != nullptr ? f->type.kind : p->type.kind;
    if (kind != TypeKind::date && kind != TypeKind::timestamptz) {
      diagnostics_.error(view_.expire_from->at,
                         "`expire` counts from a date or timestamptz, and `" + view_.expire_from->name + "` is neither",
                         "name another field");
    }
  }

  void warn_unwritten() {
    std::set<std::string> written;
    for (const OnEventSpec& on : view_.on_event) {
      for (const ClauseSpec& clause : on.clauses) {
        if (clause.patch_all) return;
        for (const Target& t : targets(clause)) written.insert(t.name);
      }
    }
    for (const FieldSpec& f : view_.fields) {
      const bool filled_by_delete = view_.soft_delete && view_.soft_delete->name == f.name;
      if (written.count(f.name) == 0 && !filled_by_delete)
        diagnostics_.warning(f.at, "no clause writes the field `" + f.name + "`", "write it in a clause, or remove it");
    }
  }

  void warn_money() {
    static constexpr std::array<std::string_view, 10> kMoney = {"amount", "price", "total", "balance", "revenue",
                                                                "cost",   "fee",   "money", "cents",   "paid"};
    for (const FieldSpec& f : view_.fields) {
      if (f.type.kind != TypeKind::floating) continue;
      const bool money =
          std::any_of(kMoney.begin(), kMoney.end(), [&](std::string_view word) { return f.name.find(word) != std::string::npos; });
      if (money)
        diagnostics_.warning(f.at, "`" + f.name + "` looks like money, and a double is not exact", "use bigint (cents) or numeric");
    }
  }

  const ViewSpec& view_;
  Diagnostics& diagnostics_;
};

std::string table_of(const ProjectionFile& file, const ViewSpec& view) {
  return view.store_name.find('.') == std::string::npos ? file.store.schema + "." + view.store_name : view.store_name;
}

void check_tables(const ProjectionFile& file, Diagnostics& diagnostics) {
  std::map<std::string, std::string> keeper;
  for (const ViewSpec& view : file.views) {
    const auto [first, is_new] = keeper.emplace(table_of(file, view), view.name);
    if (!is_new)
      diagnostics.error(view.at, "the views `" + first->second + "` and `" + view.name + "` keep the same table",
                        "give one of them another `name`");
  }
}

void check_topics(const ProjectionFile& file, Diagnostics& diagnostics) {
  for (std::size_t a = 0; a < file.sources.size(); ++a) {
    for (const Named& topic : file.sources[a].topics) {
      for (std::size_t b = 0; b < a; ++b) {
        for (const Named& other : file.sources[b].topics) {
          if (!overlap(topic.name, other.name)) continue;
          diagnostics.error(
              topic.at,
              "the topic `" + topic.name + "` is read by the source `" + file.sources[b].name + "` already, there as `" + other.name + "`",
              "a topic stands in one source of a file");
        }
      }
      if (topic.name == file.dead_letter.topic) {
        diagnostics.error(topic.at, "the topic `" + topic.name + "` is the dead-letter topic of this projection",
                          "read letters with `foldline dlq`");
      }
    }
  }
}

void warn_unused_types(const ProjectionFile& file, Diagnostics& diagnostics) {
  for (const SourceSpec& source : file.sources) {
    for (const Named& type : source.event_types) {
      const bool used = std::any_of(file.views.begin(), file.views.end(), [&](const ViewSpec& view) {
        return std::any_of(view.on_event.begin(), view.on_event.end(), [&](const OnEventSpec& on) {
          return std::any_of(on.types.begin(), on.types.end(), [&](const Named& t) { return matches(t.name, type.name); });
        });
      });
      if (!used)
        diagnostics.warning(type.at, "no view uses the type `" + type.name + "`, which `events` lists",
                            "add a clause for it, or leave it out of `events`");
    }
  }
}

}  // namespace

void check_file(const ProjectionFile& file, Diagnostics& diagnostics) {
  for (const ViewSpec& view : file.views) ViewChecks(view, diagnostics).run();
  check_tables(file, diagnostics);
  check_topics(file, diagnostics);
  warn_unused_types(file, diagnostics);
}

}  // namespace foldline::config
