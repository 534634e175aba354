// What can be said of a whole file before its expressions are compiled. Names and types inside a view are the compiler's to check
// (projectors/declarative), which has the same diagnostics.
#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "config/kind.h"
#include "config/levels.h"
#include "config/limits.h"
#include "config/pattern.h"

namespace foldline::config {
namespace {

void check_columns(const ViewSpec& view, Diagnostics& diagnostics) {
  if (view.key.size() + view.fields.size() <= kMaxColumns) return;
  diagnostics.error(view.at, "the view has more than " + std::to_string(kMaxColumns) + " key parts and fields",
                    "split it into several views");
}

void check_soft_delete(const ViewSpec& view, Diagnostics& diagnostics) {
  if (!view.soft_delete) return;
  for (const FieldSpec& field : view.fields) {
    if (field.name != view.soft_delete->name || !field.default_value) continue;
    diagnostics.error(field.default_value->at, "`soft_delete` fills `" + field.name + "`, so it can have no default",
                      "remove the default: null says that the row is alive");
  }
}

// Doubles are not exact, and money must be.
void warn_money(const ViewSpec& view, Diagnostics& diagnostics) {
  static constexpr std::array<std::string_view, 10> kMoney = {"amount", "price", "total", "balance", "revenue",
                                                              "cost",   "fee",   "money", "cents",   "paid"};
  for (const FieldSpec& field : view.fields) {
    if (field.type.kind != TypeKind::floating) continue;
    const bool money =
        std::any_of(kMoney.begin(), kMoney.end(), [&](std::string_view word) { return field.name.find(word) != std::string::npos; });
    if (money)
      diagnostics.warning(field.at, "`" + field.name + "` looks like money, and a double is not exact", "use bigint (cents) or numeric");
  }
}

// Without processed IDs an event that its producer sent twice counts twice (G14).
void warn_double_counts(const ProjectionFile& file, const ViewSpec& view, Diagnostics& diagnostics) {
  if (file.id_window != 0) return;
  for (const OnEventSpec& on : view.on_event) {
    for (const ClauseSpec& clause : on.clauses) {
      if (clause.add.empty()) continue;
      diagnostics.warning(clause.add.front().at, "with `processed_ids: none` an event that its producer sends twice is added twice",
                          "remove `processed_ids`, unless the producer never sends an event twice");
      return;
    }
  }
}

// G16: a unique index that is written in the commit's own transaction.
void check_exact_ids(const ProjectionFile& file, Diagnostics& diagnostics) {
  if (!file.exact_ids || file.store.kind.empty() || file.store.kind == "postgres" || file.store.kind == "memory") return;
  diagnostics.error(file.processed_ids_at, "`processed_ids: exact` needs PostgreSQL, and this projection's store is " + file.store.kind,
                    "write a number of records per partition, as large as duplicates may be apart");
}

void check_tables(const ProjectionFile& file, Diagnostics& diagnostics) {
  std::map<std::string, std::string> keeper;
  for (const ViewSpec& view : file.views) {
    if (is_redis_kind(view.kind)) continue;
    const bool has_schema = view.store_name.find('.') != std::string::npos;
    const std::string table = has_schema ? view.store_name : file.store.schema + "." + view.store_name;
    const auto [first, is_new] = keeper.emplace(table, view.name);
    if (!is_new)
      diagnostics.error(view.at, "the views `" + first->second + "` and `" + view.name + "` keep the same table",
                        "give one of them another `name`");
  }
}

void check_topic(const ProjectionFile& file, std::size_t source, const Named& topic, Diagnostics& diagnostics) {
  for (std::size_t before = 0; before < source; ++before) {
    for (const Named& other : file.sources[before].topics) {
      if (!overlap(topic.name, other.name)) continue;
      diagnostics.error(
          topic.at,
          "the topic `" + topic.name + "` is read by the source `" + file.sources[before].name + "` already, there as `" + other.name + "`",
          "a topic stands in one source of a file");
    }
  }
  if (topic.name == file.projection + ".replay") {
    diagnostics.error(topic.at, "the topic `" + topic.name + "` is where `foldline dlq replay` writes for this projection",
                      "read another topic, or give the projection another name");
  }
  if (topic.name == file.dead_letter.topic) {
    diagnostics.error(topic.at, "the topic `" + topic.name + "` is the dead-letter topic of this projection",
                      "read another topic, or send letters elsewhere");
  }
}

bool is_used(const ProjectionFile& file, const std::string& type) {
  for (const ViewSpec& view : file.views) {
    for (const OnEventSpec& on : view.on_event) {
      if (std::any_of(on.types.begin(), on.types.end(), [&](const Named& t) { return matches(t.name, type); })) return true;
    }
  }
  return false;
}

}  // namespace

void check_file(const ProjectionFile& file, Diagnostics& diagnostics) {
  for (const ViewSpec& view : file.views) {
    check_columns(view, diagnostics);
    check_soft_delete(view, diagnostics);
    warn_money(view, diagnostics);
    warn_double_counts(file, view, diagnostics);
  }
  check_kinds(file, diagnostics);
  check_tables(file, diagnostics);
  check_exact_ids(file, diagnostics);
  for (std::size_t source = 0; source < file.sources.size(); ++source) {
    for (const Named& topic : file.sources[source].topics) check_topic(file, source, topic, diagnostics);
    for (const Named& type : file.sources[source].event_types) {
      if (is_used(file, type.name)) continue;
      diagnostics.warning(type.at, "no view uses the type `" + type.name + "`, which `events` lists",
                          "add a clause for it, or leave it out of `events`");
    }
  }
}

}  // namespace foldline::config
