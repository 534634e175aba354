#include "sinks/postgres/view_schema.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "sinks/postgres/catalog.h"
#include "sinks/postgres/column_type.h"
#include "sinks/postgres/expire.h"

namespace foldline::postgres {

namespace {

const std::string kRebuild = "rebuild the projection: foldline rebuild FILE";

std::string field_definition(const ViewLayout& layout, std::size_t i) {
  const Field& field = layout.schema.fields[i];
  std::string out = fmt::format("{} {}", layout.fields[i].name, column_type(field.type));
  if (layout.fields[i].default_value != "NULL") {
    out += " DEFAULT " + layout.fields[i].default_value;
    if (field.not_null) out += " NOT NULL";
  }
  return out;
}

class ViewTable {
 public:
  ViewTable(pqxx::work& transaction, const ProjectionId& id, const ViewLayout& layout)
      : transaction_(transaction), id_(id), layout_(layout), name_(layout.table.quoted()) {}

  Result<void> prepare() {
    const auto keeper = read_keeper(transaction_, layout_.table);
    const auto table = read_table(transaction_, layout_.table);
    if (table && !table->is_table) return refuse("exists already, but is no table", "choose another name for the view, or drop it");
    if (keeper && (keeper->projection != id_.projection || keeper->generation != id_.generation)) {
      return refuse(fmt::format("is kept by projection {}, generation {}", keeper->projection, keeper->generation),
                    "two projections can't keep the same table: give one of the views another name");
    }
    if (!keeper) return table ? adopt(*table) : create_new();
    if (!table) return restore_dropped();
    const auto recorded = read_recorded(transaction_, id_, layout_.table);
    if (!recorded) {
      return refuse("was left out of the projection file for a while, so its rows miss what happened meanwhile",
                    "drop the table and its line in foldline.view, and " + kRebuild);
    }
    return bring_up(*table, &*recorded);
  }

 private:
  tl::unexpected<Error> refuse(const std::string& why, std::string hint) const {
    return fail(ErrorCode::config, fmt::format("view {}: the table {} {}", layout_.schema.name, layout_.table.display(), why),
                std::move(hint));
  }
  void run(const std::string& sql) { transaction_.exec(sql); }

  Result<void> create_new() {
    if (has_progress(transaction_, id_)) {
      return refuse("is new, but the projection has read a part of its log already, which the table would miss", kRebuild);
    }
    create();
    return {};
  }

  // Somebody dropped the table. Before the first commit that harms nothing.
  Result<void> restore_dropped() {
    if (has_progress(transaction_, id_)) {
      return refuse("was dropped, and its rows can't be made again from the checkpoint on",
                    "restore it from a backup together with the schema foldline, or " + kRebuild);
    }
    create();
    return {};
  }

  void create() {
    const pqxx::result schema = transaction_.exec("SELECT FROM pg_namespace WHERE nspname = " + quote_literal(layout_.table.schema));
    if (schema.empty()) run("CREATE SCHEMA " + quote_identifier(layout_.table.schema));
    std::string columns;
    for (std::size_t i = 0; i < layout_.key.size(); ++i) {
      columns += fmt::format("{} {} NOT NULL, ", layout_.key[i].name, column_type(layout_.schema.key[i].type));
    }
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) columns += field_definition(layout_, i) + ", ";
    for (const GuardColumn& guard : layout_.guards) columns += guard.name + " bytea, ";
    const std::string options = layout_.schema.fillfactor > 0 ? fmt::format(" WITH (fillfactor = {})", layout_.schema.fillfactor) : "";
    run(fmt::format("CREATE TABLE {} ({}PRIMARY KEY ({})){}", name_, columns, layout_.key_list, options));
    for (const GuardColumn& guard : layout_.guards) comment_guard(guard);
    CatalogTable fresh;
    create_indexes(fresh);
    write_comments(fresh);
    record_keeper();
  }

  // A table that somebody else made, for example by a migration tool: taken over when it is what we would have made, and empty.
  Result<void> adopt(const CatalogTable& table) {
    if (!table.is_empty) {
      return refuse("exists already and holds rows that Foldline did not write", "empty it, or choose another name for the view");
    }
    if (has_progress(transaction_, id_)) return create_new();
    if (auto ok = bring_up(table, nullptr); !ok) return ok;
    record_keeper();
    return {};
  }

  // `recorded` is null for a table that is being adopted: then a missing column is simply added.
  Result<void> bring_up(const CatalogTable& table, const RecordedView* recorded) {
    if (auto ok = check_key(table); !ok) return ok;
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
      if (auto ok = bring_up_field(table, recorded, i); !ok) return ok;
    }
    for (const GuardColumn& guard : layout_.guards) {
      if (table.columns.contains(guard.plain_name)) continue;
      if (recorded != nullptr && (" " + recorded->guards + " ").find(" " + guard.plain_name + " ") != std::string::npos) {
        return refuse(fmt::format("lost its hidden column {}", guard.plain_name), kRebuild);
      }
      if (recorded != nullptr && guard.plain_name.find("_newest_") == 0 &&
          !std::isdigit(static_cast<unsigned char>(guard.plain_name.back()))) {
        return refuse("gets guarded deletes, but holds rows whose newest event nobody noted", kRebuild);
      }
      run(fmt::format("ALTER TABLE {} ADD COLUMN {} bytea", name_, guard.name));
      comment_guard(guard);
    }
    if (layout_.schema.fillfactor > 0 && layout_.schema.fillfactor != table.fillfactor) {
      run(fmt::format("ALTER TABLE {} SET (fillfactor = {})", name_, layout_.schema.fillfactor));
    }
    create_indexes(table);
    write_comments(table);
    if (recorded != nullptr) report_left(*recorded);
    return {};
  }

  Result<void> check_key(const CatalogTable& table) {
    std::vector<std::string> wanted;
    for (const KeyPart& part : layout_.schema.key) wanted.push_back(part.name);
    if (table.primary_key != wanted) {
      return refuse(
          fmt::format("has the primary key ({}), the view's key is ({})", fmt::join(table.primary_key, ", "), fmt::join(wanted, ", ")),
          kRebuild);
    }
    for (const KeyPart& part : layout_.schema.key) {
      const std::string& stored = table.columns.at(part.name).type;
      if (stored != column_type(part.type)) {
        return refuse(fmt::format("has the key column {} as {}, the view as {}", part.name, stored, column_type(part.type)), kRebuild);
      }
    }
    return {};
  }

  Result<void> bring_up_field(const CatalogTable& table, const RecordedView* recorded, std::size_t i) {
    const Field& field = layout_.schema.fields[i];
    const std::string type = column_type(field.type);
    const auto column = table.columns.find(field.name);
    const auto known = recorded == nullptr ? decltype(recorded->fields.end()){} : recorded->fields.find(field.name);
    const bool is_known = recorded != nullptr && known != recorded->fields.end();
    if (column == table.columns.end()) {
      if (is_known) {
        return refuse(fmt::format("has lost the column {}: somebody dropped it, and its values can't be made again", field.name),
                      fmt::format("restore it from a backup, take the field out of the projection file, or {}", kRebuild));
      }
      spdlog::info("postgres: view {}: adding the column {} to {}", layout_.schema.name, field.name, layout_.table.display());
      if (recorded != nullptr)
        spdlog::warn("postgres: view {}: rows written before hold the default of {}", layout_.schema.name, field.name);
      run(fmt::format("ALTER TABLE {} ADD COLUMN {}", name_, field_definition(layout_, i)));
      return {};
    }
    if (column->second.type != type) {
      return refuse(fmt::format("has the column {} as {}, the view as {}", field.name, column->second.type, type), kRebuild);
    }
    if (recorded != nullptr && !is_known) {
      return refuse(
          fmt::format("has a column {} that the projection did not keep so far, so its values are not the projection's", field.name),
          fmt::format("drop the column ({} then starts from its default), choose another name, or {}", field.name, kRebuild));
    }
    if (is_known) return bring_up_known(known->second, i);
    set_default(i);
    return {};
  }

  Result<void> bring_up_known(const RecordedField& known, std::size_t i) {
    const Field& field = layout_.schema.fields[i];
    const std::string guard = field.guard < 0 ? "" : layout_.guards[static_cast<std::size_t>(field.guard)].plain_name;
    if (known.guard != guard) {
      return refuse(fmt::format("keeps the order of {} in {}, now in {}: `newest_by` or the clauses group the fields in another way",
                                field.name, known.guard.empty() ? "no hidden column" : known.guard, guard.empty() ? "none" : guard),
                    kRebuild);
    }
    if (known.default_value != layout_.fields[i].default_value) set_default(i);
    return {};
  }

  void set_default(std::size_t i) {
    run(fmt::format("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}", name_, layout_.fields[i].name, layout_.fields[i].default_value));
  }

  void report_left(const RecordedView& recorded) {
    for (const auto& [name, field] : recorded.fields) {
      if (layout_.schema.field_index(name) < 0) {
        spdlog::warn("postgres: view {}: the field {} left the projection file; its column stays in {} and is no longer kept",
                     layout_.schema.name, name, layout_.table.display());
      }
    }
  }

  void create_indexes(const CatalogTable& table) {
    for (const ViewIndex& index : layout_.schema.indexes) create_index(table, index.fields, index.unique);
    const bool leads_key = layout_.schema.key.front().name == layout_.schema.expire_from;
    if (expires(layout_.schema) && !leads_key) create_index(table, {layout_.schema.expire_from}, false);
  }

  void create_index(const CatalogTable& table, const std::vector<std::string>& fields, bool unique) {
    const std::string name = index_name(layout_.table.table, fmt::format("{}", fmt::join(fields, "_")), unique);
    if (table.indexes.contains(name)) return;
    std::string columns;
    for (const std::string& field : fields) columns += (columns.empty() ? "" : ", ") + quote_identifier(field);
    run(fmt::format("CREATE {}INDEX IF NOT EXISTS {} ON {} ({})", unique ? "UNIQUE " : "", quote_identifier(name), name_, columns));
  }

  void comment_guard(const GuardColumn& guard) {
    run(fmt::format("COMMENT ON COLUMN {}.{} IS 'Foldline: the newest event that wrote these fields (newest_by)'", name_, guard.name));
  }

  void write_comments(const CatalogTable& table) {
    if (!layout_.schema.doc.empty() && layout_.schema.doc != table.comment) {
      run(fmt::format("COMMENT ON TABLE {} IS {}", name_, quote_literal(layout_.schema.doc)));
    }
    for (std::size_t i = 0; i < layout_.key.size(); ++i)
      write_comment(table, layout_.schema.key[i].name, layout_.key[i].name, layout_.schema.key[i].doc);
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
      write_comment(table, layout_.schema.fields[i].name, layout_.fields[i].name, layout_.schema.fields[i].doc);
    }
  }

  void write_comment(const CatalogTable& table, const std::string& plain, const std::string& quoted, const std::string& doc) {
    const auto column = table.columns.find(plain);
    if (doc.empty() || (column != table.columns.end() && column->second.comment == doc)) return;
    run(fmt::format("COMMENT ON COLUMN {}.{} IS {}", name_, quoted, quote_literal(doc)));
  }

  void record_keeper() {
    run(
        fmt::format("INSERT INTO foldline.view (table_schema, table_name, projection, generation, view) VALUES ({}, {}, {}, {}, {})"
                    " ON CONFLICT (table_schema, table_name) DO NOTHING",
                    quote_literal(layout_.table.schema), quote_literal(layout_.table.table), quote_literal(id_.projection), id_.generation,
                    quote_literal(layout_.schema.name)));
  }

  pqxx::work& transaction_;
  const ProjectionId& id_;
  const ViewLayout& layout_;
  const std::string name_;
};

}  // namespace

Result<void> prepare_view(pqxx::work& transaction, const ProjectionId& id, const ViewLayout& layout) {
  return ViewTable(transaction, id, layout).prepare();
}

}  // namespace foldline::postgres
