// A projection file as written, checked for shape but not yet compiled: names, types, expressions as text, and where each stands.
// projectors/declarative compiles it (types of expressions, order proof); sinks read `store`.
//
//   Diagnostics d;
//   std::optional<ProjectionFile> file = load_projection_file("orders.yaml", {}, d);
//   if (d.has_errors()) std::cerr << d.to_string();
//
// The language is shared by language.md's sections 2 and 3; what it has and this build does not is refused by name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/secret.h"
#include "common/type.h"
#include "common/view.h"
#include "config/diagnostics.h"

namespace foldline::config {

// An expression as it stands in the file. A YAML number, true, false or null is a literal; a YAML string is CEL.
struct ExprText {
  std::string text;  // CEL text, for a literal too ("1", "true", "null")
  bool literal = false;
  Location at;  // of the text's first character
};

struct Named {
  std::string name;
  Location at;
};

struct NamedExpr {
  std::string name;
  Location at;
  ExprText expr;
};

enum class Format {
  json,
  text,
  bytes
};  // avro and protobuf are refused by name until they are built

struct EnvelopeSpec {
  Location at;
  std::string form = "flat";           // flat cloudevents headers debezium outbox: what is not replaced below
  std::vector<NamedExpr> attributes;   // type id time key old source schema_version correlation_id
  std::optional<ExprText> data;        // one expression ...
  std::vector<NamedExpr> data_fields;  // ... or a map that builds it
  bool data_is_map = false;
};

struct SourceSpec {
  std::string name;  // of foldline.yaml, else "source"
  Location at;
  std::vector<Named> topics;  // names or patterns with `*`
  Format format = Format::json;
  Format key_format = Format::text;
  EnvelopeSpec envelope;
  std::optional<ExprText> partition_key;
  std::optional<ExprText> when;
  std::vector<Named> redact;          // paths, "data.email"
  std::string start_at = "earliest";  // earliest, latest or an RFC 3339 timestamp
  bool has_events = false;            // `events` declared; then these types stand in this source's topics (order proof)
  std::vector<Named> event_types;
  bool strict_json = false;
};

struct KeyPartSpec {
  std::string name;
  Location at;
  Type type;
  std::optional<ExprText> from;  // absent: data.NAME
  std::string doc;
};

struct FieldSpec {
  std::string name;
  Location at;
  Type type;
  std::string doc;
  std::optional<ExprText> default_value;  // a constant expression
  std::string mapping;                    // options of an index's field, a JSON object; empty: none
  Location mapping_at;
};

struct RejectSpec {
  std::string reason;
  Location at;
  ExprText when;
};

struct ClauseSpec {
  Location at;
  std::optional<ExprText> when;
  std::vector<NamedExpr> key;      // parts named here replace the view's
  std::vector<RejectSpec> reject;  // in file order
  std::vector<Named> copy;
  std::vector<Named> patch;
  bool patch_all = false;
  std::vector<NamedExpr> set, add, min, max;
  bool has_set = false;  // `set: {}` is an operation too
  bool erase = false;    // delete: true
};

struct OnEventSpec {
  std::vector<Named> types;  // `a | b` split; a type or a pattern with `*`
  Location at;
  std::vector<ClauseSpec> clauses;
};

enum class CrossPartition {
  prove,
  never,
  arrival_order
};

struct ViewSpec {
  std::string name;
  Location at;
  std::string kind;        // as written; else what the store keeps: table or index
  std::string store_name;  // default: the view's name
  std::optional<Named> name_written;
  std::string doc;
  std::vector<KeyPartSpec> key;
  std::vector<FieldSpec> fields;
  std::vector<OnEventSpec> on_event;
  std::optional<ExprText> newest_by;
  std::optional<Named> soft_delete;
  CrossPartition cross_partition = CrossPartition::prove;
  std::int64_t expire_after_us = 0;  // 0: never
  std::optional<Named> expire_from;
  std::vector<std::pair<std::vector<Named>, bool>> indexes;  // fields, unique
  int fillfactor = 0;
  IndexOptions index;             // options of an index
  std::optional<Named> of_table;  // the first option written that only tables have ...
  std::optional<Named> of_index;  // ... and that only indexes have
};

// A search cluster.
struct SearchSpec {
  std::vector<Secret> urls;  // may hold passwords; tried in turn
  std::string username;
  Secret password;
  Secret api_key;
  std::string ca_file;
  bool verify = true;
  std::uint32_t connections = 2;  // of a worker's lane: requests under way at once
};

struct StoreSpec {
  std::string kind;  // postgres, redis, opensearch, elasticsearch, memory (sqlite: refused until built)
  Location at;
  Secret url;                  // may hold a password: prints ***
  std::string schema;          // postgres: default "public"
  std::uint32_t buckets = 64;  // redis cluster
  SearchSpec search;           // elasticsearch, opensearch
};

enum class LetterPolicy {
  skip,
  stop
};  // park is refused until it is built

struct DeadLetterSpec {
  std::string topic = "{topic}.dlq";
  Location at;
  LetterPolicy policy = LetterPolicy::skip;
  double stop_above = 0.5;
};

struct KafkaSpec {
  std::string brokers;
  std::vector<std::pair<std::string, Secret>> options;  // raw client settings
  Location at;
};

struct ProjectionFile {
  std::string path;
  std::string projection;
  Location projection_at;
  std::string doc;
  std::string group;
  KafkaSpec kafka;
  std::vector<SourceSpec> sources;
  StoreSpec store;
  std::string zone = "UTC";
  Location zone_at;
  std::vector<ViewSpec> views;
  std::int64_t id_window = 250'000;  // processed_ids; 0: none
  bool exact_ids = false;            // processed_ids: exact; the window is then what spares the store most questions
  Location processed_ids_at;
  DeadLetterSpec dead_letter;
  // Every source file's text (projection and shared), for messages that quote a line.
};

struct LoadOptions {
  std::string shared_path;  // --shared; empty: foldline.yaml beside the file, if there is one
  // Environment look-up, so that tests need not change the process's environment. Default: getenv.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

// nullopt exactly when `diagnostics` has errors.
std::optional<ProjectionFile> load_projection_file(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics);
// The same from text; `path` is for messages only.
std::optional<ProjectionFile> load_projection_text(const std::string& text, const std::string& path, const LoadOptions& options,
                                                   Diagnostics& diagnostics);

// For lint: a file with errors is answered too, when they stand outside of `source` and `views` (a variable that is not set, a store
// that is not built), so that compiling what was read finds real errors only. Whether there were any, `diagnostics` says.
std::optional<ProjectionFile> load_for_lint(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics);

// A file with none of a projection's keys but some of foldline.yaml's is a shared one.
bool is_shared_file(const std::string& path);
// Checks all its entries, used or not; false: it has errors.
bool lint_shared_file(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics);

}  // namespace foldline::config
