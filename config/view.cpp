// The keys of a view.
#include <algorithm>
#include <string>

#include "config/kind.h"
#include "config/levels.h"
#include "config/limits.h"
#include "config/yaml_json.h"

namespace foldline::config {
namespace {

constexpr std::string_view kRedisInstead = "in Redis this build keeps counter, hash, json, sorted_set and set";
constexpr std::string_view kOtherKind = "it belongs to a kind of view that is not built yet; remove it";

constexpr Choice kKinds[] = {{"table"},
                             {"index"},
                             {"hash"},
                             {"json"},
                             {"counter"},
                             {"sorted_set"},
                             {"set"},
                             {"hyperloglog", kRedisInstead},
                             {"stream", kRedisInstead}};
constexpr Choice kCrossPartition[] = {{"never"}, {"arrival_order"}};

// ---- expire

void load_after(Reader& reader, const YamlNode& node, ViewSpec& out) {
  out.expire_after_us = reader.duration_us(node, "after").value_or(0);
}

void load_from(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (auto name = reader.text(node, "from")) out.expire_from = Named{std::move(*name), node.text_at};
}

constexpr Property<ViewSpec> kExpire[] = {
    {{.name = "after", .shape = Shape::duration, .required = true, .doc = "how long a row stays: 30s 5m 2h 7d 2w"}, load_after},
    {{.name = "from",
      .shape = Shape::name,
      .fallback = "Redis: the time of the row's newest event; a table needs it",
      .doc = "the key part or field (date, timestamptz) from which that counts"},
     load_from},
};
constexpr Level<ViewSpec> kExpireLevel = {
    {"`expire`", "Expire",
     "By event time, never by the clock of the machine (G12). An event that comes for a row that is gone makes it anew."},
    kExpire};

// ---- options

void load_index_list(Reader& reader, const YamlNode& node, ViewSpec& out, std::string_view what, bool unique) {
  reader.one_or_many(node, what, kMaxIndexes, [&](const YamlNode& item) {
    std::vector<Named> fields = reader.names(item, what, kMaxKeyParts);
    if (!fields.empty()) out.indexes.emplace_back(std::move(fields), unique);
  });
}

// Which kind of view the option belongs to is said when the kind is known (settle_kinds).
void note(std::optional<Named>& first, const YamlNode& node, std::string_view option) {
  if (!first) first = Named{std::string(option), node.at};
}

void load_indexes(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_table, node, "indexes");
  load_index_list(reader, node, out, "indexes", false);
}
void load_unique(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_table, node, "unique");
  load_index_list(reader, node, out, "unique", true);
}

void load_fillfactor(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_table, node, "fillfactor");
  out.fillfactor = static_cast<int>(reader.integer(node, "fillfactor", kMinFillfactor, kMaxFillfactor).value_or(0));
}

void load_shards(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "shards");
  out.index.shards = static_cast<std::int32_t>(reader.integer(node, "shards", 1, kMaxShards).value_or(0));
}

void load_replicas(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "replicas");
  out.index.replicas = static_cast<std::int32_t>(reader.integer(node, "replicas", 0, kMaxReplicas).value_or(-1));
}

void load_refresh_interval(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "refresh_interval");
  const auto text = reader.text(node, "refresh_interval");
  if (!text) return;
  const std::size_t digits = text->find_first_not_of("0123456789");
  const std::string unit = digits == std::string::npos ? "" : text->substr(digits);
  const bool shaped = *text == "-1" || (digits != 0 && (unit == "ms" || unit == "s" || unit == "m"));
  if (!shaped) {
    reader.error(node.at, Reader::shown(node) + " is no refresh interval", "write 500ms, 5s or 1m, or -1 for never");
    return;
  }
  out.index.refresh_interval = *text;
}

void load_routing(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "routing");
  out.index.routing = reader.text(node, "routing").value_or("");
}

void load_settings(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "settings");
  out.index.settings = to_json(reader, node, "settings").value_or("");
}

void load_mappings(Reader& reader, const YamlNode& node, ViewSpec& out) {
  note(out.of_index, node, "mappings");
  out.index.mappings = to_json(reader, node, "mappings").value_or("");
}

constexpr Property<ViewSpec> kOptions[] = {
    {{.name = "indexes", .shape = Shape::any, .fallback = "none", .doc = "[a, [b, c]]: an index on a, one on b and c"}, load_indexes},
    {{.name = "unique", .shape = Shape::any, .fallback = "none", .doc = "the same, unique; an event that breaks it becomes a letter"},
     load_unique},
    {{.name = "fillfactor",
      .shape = Shape::integer,
      .fallback = "the store's",
      .bounds = "10 to 100",
      .doc = "how full Postgres packs a page; room makes updates cheaper"},
     load_fillfactor},
    {{.name = "partition_by", .refused = "remove it: the table is kept whole"}},
    {{.name = "shards",
      .shape = Shape::integer,
      .fallback = "the store's",
      .bounds = "1 to 1,024",
      .doc = "index: how many shards; can't be changed later"},
     load_shards},
    {{.name = "replicas", .shape = Shape::integer, .fallback = "the store's", .bounds = "0 to 100", .doc = "index: copies of each shard"},
     load_replicas},
    {{.name = "refresh_interval",
      .shape = Shape::text,
      .fallback = "the store's, mostly 1s",
      .doc = "index: after how long a search finds what was written: 5s; -1: never"},
     load_refresh_interval},
    {{.name = "routing", .shape = Shape::name, .fallback = "the whole key", .doc = "index: the key part whose value chooses the shard"},
     load_routing},
    {{.name = "settings", .shape = Shape::any, .fallback = "none", .doc = "index: more settings of a new index, as analysis: {...}"},
     load_settings},
    {{.name = "mappings",
      .shape = Shape::any,
      .fallback = "none",
      .doc = "index: more of the mapping, as dynamic_templates, or properties that no field is (aliases, runtime fields)"},
     load_mappings},
    {{.name = "max_indices", .refused = kOtherKind}},
    {{.name = "max_items", .refused = kOtherKind}},
};
constexpr Level<ViewSpec> kOptionsLevel = {{"`options`", "Options of a table or an index", ""}, kOptions};

// ---- view

void load_kind(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (const auto index = read_choice(reader, node, "kind", kKinds)) out.kind = std::string(kKinds[*index].word);
}

// What it must look like depends on the kind: see settle_kinds(), and kind.cpp for Redis.
void load_name(Reader& reader, const YamlNode& node, ViewSpec& out) {
  auto name = reader.text(node, "name");
  if (!name) return;
  out.store_name = std::move(*name);
  out.name_written = Named{node.text, node.at};
}

bool has_placeholder(Reader& reader, const ViewSpec& view) {
  if (view.store_name.find('{') == std::string::npos) return false;
  const bool index = view.kind == "index";
  reader.error(view.name_written->at,
               index ? "`{part}` in the `name` of an index is not built yet" : "`{part}` in a `name` belongs to the keys of Redis",
               index ? "write the name of one index: orders-search" : "write the table's name: orders, or silver.orders");
  return true;
}

// A table: `orders` or `silver.orders`. What can name one depends on the kind, which need not have been written when the name is read.
void check_table_name(Reader& reader, const ViewSpec& view) {
  const std::string& name = view.store_name;
  const std::size_t dot = name.find('.');
  const Named& written = *view.name_written;
  if (has_placeholder(reader, view)) return;
  if (dot != std::string::npos && !reader.check_identifier(name.substr(0, dot), written.at, "the schema of", written.name)) return;
  reader.check_identifier(dot == std::string::npos ? name : name.substr(dot + 1), written.at, "the table", written.name);
}

void check_index_name(Reader& reader, const ViewSpec& view) {
  if (has_placeholder(reader, view)) return;
  const std::string& name = view.store_name;
  const bool shaped = !name.empty() && name.size() <= kMaxIndexNameBytes && name.front() != '-' && name.front() != '_' &&
                      name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                      });
  if (shaped) return;
  reader.error(view.name_written->at, shown(view.name_written->name) + " is no name for an index",
               "write lower-case letters, digits, dots, dashes and underscores, a letter or digit first: orders-search");
}

void load_key_parts(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (!reader.expect_map(node, "`key`")) return;
  if (node.entries.empty()) reader.error(node.at, "`key` names no part", "write key: {order_id: text}");
  if (node.entries.size() > kMaxKeyParts) reader.error(node.at, "`key` has more than " + std::to_string(kMaxKeyParts) + " parts");
  for (const YamlEntry& entry : node.entries) {
    KeyPartSpec part;
    part.name = entry.key.text;
    part.at = entry.key.text_at;
    reader.check_identifier(part.name, entry.key.at, "the key part");
    load_key_part(reader, entry.value, part);
    out.key.push_back(std::move(part));
  }
}

void load_fields(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (!reader.expect_map(node, "`fields`")) return;
  for (const YamlEntry& entry : node.entries) {
    FieldSpec field;
    field.name = entry.key.text;
    field.at = entry.key.text_at;
    reader.check_identifier(field.name, entry.key.at, "the field");
    load_field(reader, entry.value, field);
    out.fields.push_back(std::move(field));
  }
}

void load_soft_delete(Reader& reader, const YamlNode& node, ViewSpec& out) {
  auto name = reader.text(node, "soft_delete");
  if (name && reader.check_identifier(*name, node.at, "the field", node.text)) out.soft_delete = Named{std::move(*name), node.text_at};
}

void load_cross_partition(Reader& reader, const YamlNode& node, ViewSpec& out) {
  const auto index = read_choice(reader, node, "cross_partition", kCrossPartition);
  if (index) out.cross_partition = *index == 0 ? CrossPartition::never : CrossPartition::arrival_order;
}

constexpr Property<ViewSpec> kView[] = {
    {{.name = "kind",
      .shape = Shape::choice,
      .fallback = "`table`; in a search store `index`; required in Redis",
      .doc = "what a row is kept as",
      .choices = kKinds},
     load_kind},
    {{.name = "name",
      .shape = Shape::text,
      .fallback = "the view's name; Redis: `PROJECTION:VIEW:{part}...`",
      .doc = "the table: `table` or `schema.table`; the index; in Redis the key, in which {part} stands for a part of `key`"},
     load_name},
    {{.name = "doc", .shape = Shape::text, .fallback = "none", .doc = "the table's comment"},
     [](Reader& r, const YamlNode& n, ViewSpec& out) { out.doc = r.doc(n); }},
    {{.name = "key",
      .shape = Shape::level_map,
      .required = true,
      .doc = "the row's identity: part → type, or {type, from}",
      .level = "a key part",
      .or_name = true},
     load_key_parts},
    {{.name = "fields", .shape = Shape::level_map, .fallback = "none", .doc = "field → type", .level = "a field", .or_name = true},
     load_fields},
    {{.name = "on_event",
      .shape = Shape::level_map,
      .required = true,
      .doc = "type, `a | b` or pattern → one clause or a list of them; the most specific key takes the event",
      .level = "a clause",
      .many = true},
     [](Reader& r, const YamlNode& n, ViewSpec& out) { load_on_event(r, n, out.on_event); }},
    {{.name = "projector", .refused = "write `on_event`"}},
    {{.name = "with", .refused = "remove it: it holds the settings of a `projector`"}},
    {{.name = "newest_by",
      .shape = Shape::expression,
      .fallback = "none",
      .doc = "a timestamp or whole number: a field is overwritten only by a newer value, ties by event ID; per field (G10)"},
     [](Reader& r, const YamlNode& n, ViewSpec& out) { out.newest_by = r.expression(n, "newest_by"); }},
    {{.name = "soft_delete",
      .shape = Shape::name,
      .fallback = "hard delete",
      .doc = "name of a timestamptz field that `delete` fills; it need not be listed under `fields`"},
     load_soft_delete},
    {{.name = "cross_partition",
      .shape = Shape::choice,
      .fallback = "lint proves the order",
      .doc = "`never`: the owner vouches that all events of a row come through one partition; `arrival_order`: they do not, and the last "
             "to arrive wins",
      .choices = kCrossPartition},
     load_cross_partition},
    {{.name = "window", .refused = "remove it; a calendar bucket needs no window: key: {day: {type: date, from: date(time)}}"}},
    {{.name = "expire", .shape = Shape::level, .fallback = "rows stay", .doc = "when rows go", .level = "`expire`"},
     [](Reader& r, const YamlNode& n, ViewSpec& out) { read_level(r, n, kExpireLevel, out); }},
    {{.name = "options", .shape = Shape::level, .fallback = "none", .doc = "what the store can do beside", .level = "`options`"},
     [](Reader& r, const YamlNode& n, ViewSpec& out) { read_level(r, n, kOptionsLevel, out); }},
};
constexpr Level<ViewSpec> kViewLevel = {{"a view", "View", ""}, kView};

// A view of a kind that is not built: that is the one thing to say of it, since other kinds have other keys.
bool is_refused_kind(Reader& reader, const YamlNode& node) {
  const YamlEntry* kind = node.find("kind");
  if (kind == nullptr || !kind->value.is_scalar()) return false;
  const auto choice = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Choice& c) { return c.word == kind->value.text; });
  if (choice == std::end(kKinds) || choice->refused.empty()) return false;
  read_choice(reader, kind->value, "kind", kKinds);
  return true;
}

}  // namespace

void load_views(Reader& reader, const YamlNode& node, std::vector<ViewSpec>& out) {
  if (!reader.expect_map(node, "`views`")) return;
  if (node.entries.empty()) reader.error(node.at, "`views` names no view", "write name: {key: ..., fields: ..., on_event: ...}");
  if (node.entries.size() > kMaxViews) {
    reader.error(node.at, "more than " + std::to_string(kMaxViews) + " views", "split them into several projections");
    return;
  }
  for (const YamlEntry& entry : node.entries) {
    ViewSpec view;
    view.name = view.store_name = entry.key.text;
    view.at = entry.key.text_at;
    reader.check_identifier(view.name, entry.key.at, "the view");
    if (is_refused_kind(reader, entry.value) || !read_level(reader, entry.value, kViewLevel, view)) continue;
    settle_kind(reader, entry.value, view);
    out.push_back(std::move(view));
  }
}

// What a view is when it does not say so is what its store keeps.
void settle_kinds(Reader& reader, const StoreSpec& store, std::vector<ViewSpec>& views) {
  const bool search = store.kind == "opensearch" || store.kind == "elasticsearch";
  const std::string_view kept = search ? "index" : "table";
  for (ViewSpec& view : views) {
    if (view.kind.empty()) view.kind = kept;
    if (is_redis_kind(view.kind) || store.kind == "redis") continue;  // kind.cpp
    if (!store.kind.empty() && store.kind != "memory" && view.kind != kept) {
      reader.error(view.at,
                   "the view " + view.name + " is of the kind `" + view.kind + "`, and the store " + store.kind +
                       " keeps views of the kind `" + std::string(kept) + "`",
                   "remove `kind`");
      continue;
    }
    if (view.name_written) view.kind == "index" ? check_index_name(reader, view) : check_table_name(reader, view);
    const std::optional<Named>& wrong = view.kind == "index" ? view.of_table : view.of_index;
    if (wrong) reader.error(wrong->at, "`" + wrong->name + "` is no option of the kind `" + view.kind + "`", "remove it");
    if (view.kind == "index") continue;
    for (const FieldSpec& field : view.fields) {
      if (!field.mapping.empty()) {
        reader.error(field.mapping_at,
                     "`options` of a field are mapping parameters of an index, and the view " + view.name + " is a " + view.kind,
                     "remove it: generated columns and collations are for the database's owner to add");
      }
    }
  }
}

void describe_view(std::vector<LevelDescription>& out) {
  out.push_back(describe(kViewLevel));
  out.push_back(describe(kExpireLevel));
  out.push_back(describe(kOptionsLevel));
}

}  // namespace foldline::config
