#include "sinks/postgres/catalog.h"

#include <fmt/format.h>

#include "sinks/postgres/column_type.h"

namespace foldline::postgres {

namespace {

std::string text_of(const pqxx::field& field) { return field.is_null() ? std::string() : field.as<std::string>(); }

void read_columns(pqxx::work& transaction, const std::string& oid, CatalogTable& out) {
  const pqxx::result rows = transaction.exec(
      fmt::format("SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(a.attrelid, a.attnum)"
                  " FROM pg_attribute a WHERE a.attrelid = {} AND a.attnum > 0 AND NOT a.attisdropped",
                  oid));
  for (const auto& row : rows) {
    out.columns[row[0].as<std::string>()] = CatalogColumn{row[1].as<std::string>(), row[2].as<bool>(), text_of(row[3])};
  }
  const pqxx::result key = transaction.exec(
      fmt::format("SELECT a.attname::text FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n), pg_attribute a"
                  " WHERE i.indrelid = {0} AND i.indisprimary AND a.attrelid = {0} AND a.attnum = k.attnum ORDER BY k.n",
                  oid));
  for (const auto& row : key) out.primary_key.push_back(row[0].as<std::string>());
  const pqxx::result indexes = transaction.exec(
      fmt::format("SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {}", oid));
  for (const auto& row : indexes) out.indexes.insert(row[0].as<std::string>());
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string guard_names(const ViewLayout& layout) {
  std::string out;
  for (const GuardColumn& guard : layout.guards) out += (out.empty() ? "" : " ") + guard.plain_name;
  return out;
}

std::string view_json(const ViewLayout& layout) {
  const ViewSchema& schema = layout.schema;
  std::string key;
  for (const KeyPart& part : schema.key) {
    key += fmt::format("{}{{\"name\":{},\"type\":{}}}", key.empty() ? "" : ",", json_text(part.name), json_text(column_type(part.type)));
  }
  std::string fields;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    const std::string guard = field.guard < 0 ? "" : layout.guards[static_cast<std::size_t>(field.guard)].plain_name;
    fields += fmt::format("{}{{\"name\":{},\"type\":{},\"default\":{},\"guard\":{}}}", fields.empty() ? "" : ",", json_text(field.name),
                          json_text(column_type(field.type)), json_text(layout.fields[i].default_value), json_text(guard));
  }
  return fmt::format("{{\"view\":{},\"schema\":{},\"table\":{},\"key\":[{}],\"fields\":[{}],\"guards\":{}}}", json_text(schema.name),
                     json_text(layout.table.schema), json_text(layout.table.table), key, fields, json_text(guard_names(layout)));
}

}  // namespace

std::optional<CatalogTable> read_table(pqxx::work& transaction, const TableName& table) {
  const pqxx::result found =
      transaction.exec(fmt::format("SELECT c.oid::text, c.relkind::text, obj_description(c.oid, 'pg_class'),"
                                   " (SELECT split_part(o, '=', 2) FROM unnest(c.reloptions) o WHERE o LIKE 'fillfactor=%')"
                                   " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
                                   quote_literal(table.schema), quote_literal(table.table)));
  if (found.empty()) return std::nullopt;
  CatalogTable out;
  const std::string kind = found[0][1].as<std::string>();
  out.is_table = kind == "r" || kind == "p";
  out.comment = text_of(found[0][2]);
  out.fillfactor = found[0][3].is_null() ? 0 : found[0][3].as<int>();
  if (!out.is_table) return out;
  read_columns(transaction, found[0][0].as<std::string>(), out);
  out.is_empty = transaction.exec(fmt::format("SELECT FROM {} LIMIT 1", table.quoted())).empty();
  return out;
}

std::optional<ProjectionId> read_keeper(pqxx::work& transaction, const TableName& table) {
  const pqxx::result found =
      transaction.exec(fmt::format("SELECT projection, generation FROM foldline.view WHERE table_schema = {} AND table_name = {}",
                                   quote_literal(table.schema), quote_literal(table.table)));
  if (found.empty()) return std::nullopt;
  return ProjectionId{found[0][0].as<std::string>(), found[0][1].as<std::int64_t>()};
}

std::optional<RecordedView> read_recorded(pqxx::work& transaction, const ProjectionId& id, const TableName& table) {
  const std::string from = fmt::format(
      "FROM foldline.generation g, jsonb_array_elements(g.definition->'views') v"
      " WHERE g.projection = {} AND g.generation = {} AND v->>'schema' = {} AND v->>'table' = {}",
      quote_literal(id.projection), id.generation, quote_literal(table.schema), quote_literal(table.table));
  const pqxx::result view = transaction.exec("SELECT v->>'guards' " + from);
  if (view.empty()) return std::nullopt;
  RecordedView out;
  out.guards = text_of(view[0][0]);
  const pqxx::result fields = transaction.exec(
      "SELECT f->>'name', f->>'type', f->>'guard', f->>'default' FROM (SELECT jsonb_array_elements(v->'fields') AS f " + from + ") x");
  for (const auto& row : fields) {
    out.fields[row[0].as<std::string>()] = RecordedField{text_of(row[1]), text_of(row[2]), text_of(row[3])};
  }
  return out;
}

bool has_progress(pqxx::work& transaction, const ProjectionId& id) {
  return transaction
      .exec(fmt::format(
          "SELECT EXISTS (SELECT FROM foldline.checkpoint WHERE projection = {} AND generation = {} AND next_offset IS NOT NULL)",
          quote_literal(id.projection), id.generation))[0][0]
      .as<bool>();
}

std::string definition_json(const std::vector<ViewLayout>& layouts) {
  std::string views;
  for (const ViewLayout& layout : layouts) views += (views.empty() ? "" : ",") + view_json(layout);
  return "{\"views\":[" + views + "]}";
}

}  // namespace foldline::postgres
