// The keys of a projection file and of foldline.yaml.
#include <algorithm>
#include <cctype>
#include <string>

#include "common/expr/expr.h"
#include "common/time.h"
#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

struct FileDraft {
  ProjectionFile& file;
  const SharedFile& shared;
  bool sound = true;  // no error in sources and views
};

std::size_t errors_of(Reader& reader) {
  const auto& all = reader.diagnostics().all();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const Diagnostic& d) { return d.severity == Severity::error; }));
}

void load_projection_name(Reader& reader, const YamlNode& node, FileDraft& out) {
  const auto name = reader.text(node, "projection");
  if (!name) return;
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  const bool shaped = !name->empty() && name->front() >= 'a' && name->front() <= 'z' && std::all_of(name->begin(), name->end(), fits);
  if (!shaped || name->size() > kMaxProjectionBytes) {
    reader.error(node.at, Reader::shown(node) + " is no name for a projection",
                 "use a to z, 0 to 9, _ and -, a letter first, " + std::to_string(kMaxProjectionBytes) + " bytes at most");
    return;
  }
  out.file.projection = *name;
  out.file.projection_at = node.text_at;
}

void load_group(Reader& reader, const YamlNode& node, FileDraft& out) {
  const auto group = reader.text(node, "group");
  if (!group) return;
  if (group->empty() || group->size() > kMaxGroupBytes) {
    reader.error(node.at, "`group` has from 1 to " + std::to_string(kMaxGroupBytes) + " bytes");
    return;
  }
  out.file.group = *group;
}

// A name of the shared file's `section`.
const YamlNode* look_up(Reader& reader, const YamlNode& node, const SharedFile& shared, std::string_view section,
                        std::string_view example) {
  const auto name = reader.text(node, section);
  if (!name) return nullptr;
  if (const YamlNode* found = shared.find(section, *name)) return found;
  const std::string wanted = Reader::shown(node) + " is no entry of `" + std::string(section) + "`";
  if (shared.path.empty()) {
    reader.error(node.at, wanted + ": there is no foldline.yaml beside this file",
                 "write it there, name another file with --shared, or write it out here: " + std::string(example));
    return nullptr;
  }
  const std::vector<std::string> names = shared.names(section);
  std::string known;
  for (const std::string& entry : names) known += (known.empty() ? "" : ", ") + entry;
  const auto near = expr::did_you_mean(*name, names);
  const std::string listed = known.empty() ? "it holds none; write it out here: " + std::string(example) : "it holds " + known;
  reader.error(node.at, wanted + " in " + shared.path, near ? "did you mean `" + *near + "`?" : listed);
  return nullptr;
}

void load_sources(Reader& reader, const YamlNode& node, FileDraft& out) {
  const std::size_t errors_before = errors_of(reader);
  reader.one_or_many(node, "source", kMaxSources, [&](const YamlNode& item) {
    SourceSpec source;
    if (item.is_map()) {
      const std::size_t number = out.file.sources.size() + 1;
      source.name = number == 1 ? "source" : "source" + std::to_string(number);
      load_source(reader, item, source);
    } else {
      const YamlNode* entry = look_up(reader, item, out.shared, "sources", "{topics: ..., envelope: ...}");
      if (entry == nullptr) return;
      source.name = item.text;
      load_source(*out.shared.reader, *entry, source);
    }
    out.file.sources.push_back(std::move(source));
  });
  out.sound = out.sound && errors_of(reader) == errors_before && !out.file.sources.empty();
}

void load_file_views(Reader& reader, const YamlNode& node, FileDraft& out) {
  const std::size_t errors_before = errors_of(reader);
  load_views(reader, node, out.file.views);
  out.sound = out.sound && errors_of(reader) == errors_before && !out.file.views.empty();
}

void load_file_store(Reader& reader, const YamlNode& node, FileDraft& out) {
  if (node.is_map()) {
    load_store(reader, node, out.file.store);
    return;
  }
  const bool bare_kind = node.is_scalar() && (node.text == "memory" || node.text == "postgres" || node.text == "redis") &&
                         out.shared.find("stores", node.text) == nullptr;
  if (bare_kind) {
    const std::string written = node.text == "memory"  ? "{memory: {}}"
                                : node.text == "redis" ? "{redis: {url: \"${REDIS_URL}\"}}"
                                                       : "{postgres: {url: \"${POSTGRES_URL}\"}}";
    reader.error(node.at, "`store` takes a map or a name of foldline.yaml", "write store: " + written);
    return;
  }
  const YamlNode* entry = look_up(reader, node, out.shared, "stores", "{postgres: {url: \"${POSTGRES_URL}\"}}");
  if (entry != nullptr) load_store(*out.shared.reader, *entry, out.file.store);
}

void load_zone(Reader& reader, const YamlNode& node, FileDraft& out) {
  const auto zone = reader.text(node, "zone");
  if (!zone) return;
  out.file.zone_at = node.text_at;
  const Result<Zone> loaded = Zone::load(*zone);
  if (!loaded) {
    reader.error(node.at, Reader::shown(node) + " is no time zone that this machine knows",
                 "write UTC or a name of the IANA database, as Europe/Berlin (package tzdata)");
    return;
  }
  out.file.zone = *zone;
}

void load_processed_ids(Reader& reader, const YamlNode& node, FileDraft& out) {
  out.file.processed_ids_at = node.at;
  if (node.is_scalar() && node.text == "exact") {
    out.file.exact_ids = true;
    return;
  }
  if (node.is_scalar() && node.text == "none") {
    out.file.id_window = 0;
    return;
  }
  const auto window = reader.integer(node, "processed_ids", 1, kMaxIdWindow);
  if (window) out.file.id_window = *window;
}

constexpr std::string_view kNoRegistry = "remove it: formats that need a schema registry are not built yet";

constexpr Property<FileDraft> kFile[] = {
    {{.name = "projection", .shape = Shape::name, .required = true, .doc = "the name: [a-z][a-z0-9_-]*"}, load_projection_name},
    {{.name = "doc", .shape = Shape::text, .fallback = "none", .doc = "text for people"},
     [](Reader& r, const YamlNode& n, FileDraft& out) { out.file.doc = r.doc(n); }},
    {{.name = "group", .shape = Shape::text, .fallback = "the projection's name", .doc = "the consumer group"}, load_group},
    {{.name = "source",
      .shape = Shape::level_many,
      .required = true,
      .doc = "one or many: a map, or a name of foldline.yaml's `sources`",
      .level = "a source",
      .or_name = true},
     load_sources},
    {{.name = "store",
      .shape = Shape::level,
      .required = true,
      .doc = "{postgres: ...}, {memory: {}}, or a name of foldline.yaml's `stores`",
      .level = "a store",
      .or_name = true},
     load_file_store},
    {{.name = "kafka",
      .shape = Shape::level,
      .fallback = "foldline.yaml, else `${KAFKA_BROKERS}`",
      .doc = "the connection to Kafka",
      .level = "`kafka`"},
     [](Reader& r, const YamlNode& n, FileDraft& out) { load_kafka(r, n, out.file.kafka); }},
    {{.name = "registry", .refused = kNoRegistry}},
    {{.name = "zone", .shape = Shape::text, .fallback = "`UTC`", .doc = "time zone of date(), week() and month()"}, load_zone},
    {{.name = "views", .shape = Shape::level_map, .required = true, .doc = "name → view", .level = "a view"}, load_file_views},
    {{.name = "processed_ids",
      .shape = Shape::any,
      .fallback = "`250000`",
      .bounds = "1 to 10,000,000, `exact` or `none`",
      .doc = "records per partition for which an event ID is remembered (G14 to G16); `exact` (PostgreSQL): every ID, for ever"},
     load_processed_ids},
    {{.name = "dead_letter", .shape = Shape::level, .fallback = "see there", .doc = "where events go that fail", .level = "`dead_letter`"},
     [](Reader& r, const YamlNode& n, FileDraft& out) { load_dead_letter(r, n, out.file.dead_letter); }},
};
constexpr Level<FileDraft> kFileLevel = {{"a projection file", "Projection file", "One file describes one projection."}, kFile};

constexpr Property<SharedFile> kShared[] = {
    {{.name = "kafka", .shape = Shape::level, .fallback = "`${KAFKA_BROKERS}`", .doc = "the connection to Kafka", .level = "`kafka`"}},
    {{.name = "registry", .refused = kNoRegistry}},
    {{.name = "stores", .shape = Shape::level_map, .fallback = "none", .doc = "name → store", .level = "a store"}},
    {{.name = "sources", .shape = Shape::level_map, .fallback = "none", .doc = "name → source", .level = "a source"}},
};
constexpr Level<SharedFile> kSharedLevel = {
    {"foldline.yaml", "Shared file (foldline.yaml)",
     "What a whole team shares, beside the projection files or named by `--shared`. Only the entries that a projection names are read."},
    kShared};

// The file's own `kafka`, else the shared file's; brokers that neither names are the environment's.
void settle_kafka(Reader& reader, const YamlNode& root, const SharedFile& shared, KafkaSpec& kafka) {
  const YamlEntry* entry = root.find("kafka");
  if (entry == nullptr && shared.root) {
    entry = shared.root->find("kafka");
    if (entry != nullptr) load_kafka(*shared.reader, entry->value, kafka);
  }
  if (entry != nullptr && entry->value.find("brokers") != nullptr) return;
  if (const auto brokers = reader.environment()("KAFKA_BROKERS"); brokers && !brokers->empty()) {
    kafka.brokers = *brokers;
    return;
  }
  reader.error(root.at, "no Kafka brokers: neither this file nor foldline.yaml has `kafka.brokers`, and KAFKA_BROKERS is not set",
               "write kafka: {brokers: \"host:9092\"}, or set the environment variable KAFKA_BROKERS");
}

}  // namespace

const YamlNode* SharedFile::find(std::string_view section, std::string_view name) const {
  if (!root) return nullptr;
  const YamlEntry* entries = root->find(section);
  if (entries == nullptr) return nullptr;
  const YamlEntry* entry = entries->value.find(name);
  return entry == nullptr ? nullptr : &entry->value;
}

std::vector<std::string> SharedFile::names(std::string_view section) const {
  std::vector<std::string> out;
  if (!root) return out;
  if (const YamlEntry* entries = root->find(section)) {
    for (const YamlEntry& entry : entries->value.entries) out.push_back(entry.key.text);
  }
  return out;
}

bool load_file(Reader& reader, const YamlNode& root, const SharedFile& shared, ProjectionFile& out) {
  if (has_shared_keys_only(root)) {
    reader.error(root.at, "this is a shared file (foldline.yaml), not a projection", "name the projection files that use it");
    return false;
  }
  FileDraft draft{out, shared};
  if (!read_level(reader, root, kFileLevel, draft)) return false;
  if (out.group.empty()) out.group = out.projection;
  settle_kafka(reader, root, shared, out.kafka);
  settle_kinds(reader, out.store, out.views);
  return draft.sound && !out.sources.empty() && !out.views.empty();
}

void check_shared_file(SharedFile& shared) {
  if (!shared.root || !read_level(*shared.reader, *shared.root, kSharedLevel, shared)) return;
  for (const std::string_view section : {"stores", "sources"}) {
    if (const YamlEntry* entry = shared.root->find(section)) shared.reader->expect_map(entry->value, "`" + std::string(section) + "`");
  }
}

void check_shared_entries(SharedFile& shared) {
  if (!shared.root) return;
  Reader& reader = *shared.reader;
  if (const YamlEntry* kafka = shared.root->find("kafka")) {
    KafkaSpec ignored;
    load_kafka(reader, kafka->value, ignored);
  }
  for (const std::string& name : shared.names("stores")) {
    StoreSpec ignored;
    load_store(reader, *shared.find("stores", name), ignored);
  }
  for (const std::string& name : shared.names("sources")) {
    SourceSpec ignored;
    load_source(reader, *shared.find("sources", name), ignored);
  }
}

bool has_shared_keys_only(const YamlNode& root) {
  if (!root.is_map() || root.entries.empty()) return false;
  return std::all_of(root.entries.begin(), root.entries.end(), [](const YamlEntry& entry) {
    return std::any_of(std::begin(kShared), std::end(kShared),
                       [&](const Property<SharedFile>& p) { return p.info.name == entry.key.text; });
  });
}

void describe_file(std::vector<LevelDescription>& out) {
  out.push_back(describe(kFileLevel));
  out.push_back(describe(kSharedLevel));
}

}  // namespace foldline::config
