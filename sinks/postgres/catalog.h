// What the database really holds: a view's table as PostgreSQL's catalogue describes it, and as Foldline recorded it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <vector>

#include "sinks/postgres/layout.h"
#include "sinks/sink.h"

namespace foldline::postgres {

struct CatalogColumn {
  std::string type;  // as format_type() prints it
  bool not_null = false;
  std::string comment;
};

struct CatalogTable {
  bool is_table = true;  // else a view, a sequence, ...
  bool is_empty = true;
  std::map<std::string, CatalogColumn> columns;
  std::vector<std::string> primary_key;
  std::set<std::string> indexes;
  std::string comment;
  int fillfactor = 0;  // 0: the default
};

// nullopt: there is nothing of this name.
std::optional<CatalogTable> read_table(pqxx::work& transaction, const TableName& table);

// Whose table it is, by foldline.view; nullopt: nobody's.
std::optional<ProjectionId> read_keeper(pqxx::work& transaction, const TableName& table);

// A field as the generation's last definition had it.
struct RecordedField {
  std::string type;
  std::string guard;          // the name of its guard's column; empty: unguarded
  std::string default_value;  // a constant
};

struct RecordedView {
  std::map<std::string, RecordedField> fields;
  std::string guards;  // all guard columns, for comparison
};

// nullopt: the generation was never prepared, or without this view.
std::optional<RecordedView> read_recorded(pqxx::work& transaction, const ProjectionId& id, const TableName& table);

// Whether any partition of the generation has a checkpoint: then its rows hold a past that can't be made again by starting over.
bool has_progress(pqxx::work& transaction, const ProjectionId& id);

// The generation's definition as JSON, as read_recorded() reads it.
std::string definition_json(const std::vector<ViewLayout>& layouts);

}  // namespace foldline::postgres
