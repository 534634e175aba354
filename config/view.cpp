// The keys of a view.
#include <algorithm>
#include <string>

#include "config/kind.h"
#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

constexpr std::string_view kTableInstead = "this build keeps tables; remove `kind` or write `kind: table`";
constexpr std::string_view kRedisInstead = "in Redis this build keeps counter, hash, json, sorted_set and set";
constexpr std::string_view kOtherKind = "it belongs to a kind of view that is not built yet; remove it";

constexpr Choice kKinds[] = {{"table"},
                             {"index", kTableInstead},
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
void load_indexes(Reader& reader, const YamlNode& node, ViewSpec& out) { load_index_list(reader, node, out, "indexes", false); }
void load_unique(Reader& reader, const YamlNode& node, ViewSpec& out) { load_index_list(reader, node, out, "unique", true); }

void load_fillfactor(Reader& reader, const YamlNode& node, ViewSpec& out) {
  out.fillfactor = static_cast<int>(reader.integer(node, "fillfactor", kMinFillfactor, kMaxFillfactor).value_or(0));
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
    {{.name = "shards", .refused = kOtherKind}},
    {{.name = "replicas", .refused = kOtherKind}},
    {{.name = "refresh_interval", .refused = kOtherKind}},
    {{.name = "routing", .refused = kOtherKind}},
    {{.name = "settings", .refused = kOtherKind}},
    {{.name = "mappings", .refused = kOtherKind}},
    {{.name = "max_indices", .refused = kOtherKind}},
    {{.name = "max_items", .refused = kOtherKind}},
};
constexpr Level<ViewSpec> kOptionsLevel = {{"`options`", "Options of a table", ""}, kOptions};

// ---- view

void load_kind(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (const auto index = read_choice(reader, node, "kind", kKinds)) out.kind = std::string(kKinds[*index].word);
}

// What it must look like depends on the kind (kind.cpp).
void load_name(Reader& reader, const YamlNode& node, ViewSpec& out) {
  if (auto name = reader.text(node, "name")) out.store_name = std::move(*name);
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
    {{.name = "kind", .shape = Shape::choice, .fallback = "`table`; required in Redis", .doc = "what a row is kept as", .choices = kKinds},
     load_kind},
    {{.name = "name",
      .shape = Shape::text,
      .fallback = "the view's name; Redis: `PROJECTION:VIEW:{part}...`",
      .doc = "the table: `table` or `schema.table`; in Redis the key, in which {part} stands for a part of `key`"},
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

void describe_view(std::vector<LevelDescription>& out) {
  out.push_back(describe(kViewLevel));
  out.push_back(describe(kExpireLevel));
  out.push_back(describe(kOptionsLevel));
}

}  // namespace foldline::config
