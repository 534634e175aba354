// The keys of a store, of the connection to Kafka and of the dead letters.
#include <algorithm>
#include <array>
#include <string>

#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

// ---- store

struct PostgresDraft {
  StoreSpec& store;
};

void load_url(Reader& reader, const YamlNode& node, PostgresDraft& out) {
  const auto url = reader.secret(node, "url", false);
  if (!url) return;
  if (url->empty()) {
    reader.error(node.at, "`url` is empty", "write postgres://user@host:5432/database, the password by \"${VAR}\"");
    return;
  }
  const std::string& text = url->reveal();
  const bool shaped = text.rfind("postgres://", 0) == 0 || text.rfind("postgresql://", 0) == 0 || text.find('=') != std::string::npos;
  if (!shaped) {
    reader.error(node.at, "`url` is no address of a Postgres database", "write postgres://user@host:5432/database, or host=... dbname=...");
    return;
  }
  out.store.url = *url;
}

void load_schema(Reader& reader, const YamlNode& node, PostgresDraft& out) {
  const auto schema = reader.text(node, "schema");
  if (schema && reader.check_identifier(*schema, node.at, "the schema", node.text)) out.store.schema = *schema;
}

constexpr Property<PostgresDraft> kPostgres[] = {
    {{.name = "url", .shape = Shape::text, .required = true, .doc = "postgres://user:password@host:5432/database; never printed"},
     load_url},
    {{.name = "schema", .shape = Shape::name, .fallback = "`public`", .doc = "where the tables stand whose name has no schema of its own"},
     load_schema},
};
constexpr Level<PostgresDraft> kPostgresLevel = {{"a postgres store", "Store: postgres", ""}, kPostgres};

constexpr Level<StoreSpec> kMemoryLevel = {{"a memory store", "Store: memory", "No keys: rows live as long as the process."}, {}};

void load_postgres(Reader& reader, const YamlNode& node, StoreSpec& out) {
  out.kind = "postgres";
  out.schema = "public";
  PostgresDraft draft{out};
  read_level(reader, node, kPostgresLevel, draft);
}

void load_memory(Reader& reader, const YamlNode& node, StoreSpec& out) {
  out.kind = "memory";
  read_level(reader, node, kMemoryLevel, out);
}

constexpr std::string_view kBuiltStores = "the stores of this build are postgres, redis, opensearch, elasticsearch and memory";

constexpr Property<StoreSpec> kStore[] = {
    {{.name = "postgres", .shape = Shape::level, .doc = "tables in a Postgres database", .level = "a postgres store"}, load_postgres},
    {{.name = "memory",
      .shape = Shape::level,
      .doc = "rows that live as long as the process, for tests: {memory: {}}",
      .level = "a memory store"},
     load_memory},
    {{.name = "redis", .shape = Shape::level, .doc = "keys in a Redis server", .level = "a redis store"}, load_redis},
    {{.name = "opensearch", .shape = Shape::level, .doc = "documents in OpenSearch", .level = "a search store"}, load_opensearch},
    {{.name = "elasticsearch", .shape = Shape::level, .doc = "documents in Elasticsearch", .level = "a search store"}, load_elasticsearch},
    {{.name = "sqlite", .refused = kBuiltStores}},
};
constexpr Level<StoreSpec> kStoreLevel = {{"a store", "Store", "Exactly one; or a name of foldline.yaml's `stores`."}, kStore};

// ---- kafka

// What Foldline sets itself, because its guarantees rest on it (G6, G7).
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kOwnOptions = {
    {{"bootstrap.servers", "write `kafka.brokers`"},
     {"metadata.broker.list", "write `kafka.brokers`"},
     {"group.id", "write `group`"},
     {"enable.auto.commit", "the checkpoint in the store says where to go on"},
     {"enable.auto.offset.store", "the checkpoint in the store says where to go on"},
     {"auto.offset.reset", "write `start_at` at the source"},
     {"enable.partition.eof", "Foldline needs it to move checkpoints past gaps"},
     {"isolation.level", "Foldline reads committed records only"},
     {"partition.assignment.strategy", "Foldline chooses what its fencing works with"},
     {"consume.callback.max.messages", "Foldline takes what one call may bring; `queued.max.messages.kbytes` limits what waits"}}};

void load_brokers(Reader& reader, const YamlNode& node, KafkaSpec& out) {
  for (const Named& broker : reader.names(node, "brokers", kMaxTopicsPerSource))
    out.brokers += (out.brokers.empty() ? "" : ",") + broker.name;
}

void load_options(Reader& reader, const YamlNode& node, KafkaSpec& out) {
  if (!reader.expect_map(node, "`options`")) return;
  if (node.entries.size() > kMaxKafkaOptions)
    reader.error(node.at, "`options` holds more than " + std::to_string(kMaxKafkaOptions) + " settings");
  for (const YamlEntry& entry : node.entries) {
    const auto own = std::find_if(kOwnOptions.begin(), kOwnOptions.end(), [&](const auto& o) { return o.first == entry.key.text; });
    if (own != kOwnOptions.end()) {
      reader.error(entry.key.at, Reader::shown(entry.key) + " is set by Foldline itself", "remove it: " + std::string(own->second));
      continue;
    }
    if (auto value = reader.secret(entry.value, entry.key.text, true)) out.options.emplace_back(entry.key.text, std::move(*value));
  }
}

constexpr Property<KafkaSpec> kKafka[] = {
    {{.name = "brokers", .shape = Shape::names, .fallback = "`${KAFKA_BROKERS}`", .doc = "host:port, one or many"}, load_brokers},
    {{.name = "options",
      .shape = Shape::texts,
      .fallback = "none",
      .doc = "raw settings of the Kafka client (librdkafka), as security.protocol; values are never printed"},
     load_options},
};
constexpr Level<KafkaSpec> kKafkaLevel = {{"`kafka`", "Kafka", ""}, kKafka};

// ---- dead letters

constexpr Choice kPolicies[] = {
    {"skip"}, {"stop"}, {"park", "use `skip` (later events of the key go on) or `stop` (the partition stops there)"}};

void load_letter_topic(Reader& reader, const YamlNode& node, DeadLetterSpec& out) {
  const auto topic = reader.text(node, "topic");
  if (!topic) return;
  std::string bare = *topic;
  if (const std::size_t at = bare.find("{topic}"); at != std::string::npos) bare.replace(at, 7, "t");
  const bool shaped = !bare.empty() && bare.size() <= kMaxTopicBytes && std::all_of(bare.begin(), bare.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (!shaped || *topic == "{topic}") {
    reader.error(node.at, Reader::shown(node) + " is no name for a dead-letter topic",
                 "write a topic's name, in which {topic} stands for the source's: \"{topic}.dlq\"");
    return;
  }
  out.topic = *topic;
}

void load_policy(Reader& reader, const YamlNode& node, DeadLetterSpec& out) {
  const auto index = read_choice(reader, node, "policy", kPolicies);
  if (index) out.policy = static_cast<LetterPolicy>(*index);
}
static_assert(static_cast<int>(LetterPolicy::skip) == 0 && static_cast<int>(LetterPolicy::stop) == 1);

void load_stop_above(Reader& reader, const YamlNode& node, DeadLetterSpec& out) {
  const auto share = reader.number(node, "stop_above");
  if (!share) return;
  if (*share <= 0 || *share > 1) {
    reader.error(node.at, "`stop_above` is out of its bounds", "write a share above 0 and up to 1; 1 never stops");
    return;
  }
  out.stop_above = *share;
}

constexpr Property<DeadLetterSpec> kDeadLetter[] = {
    {{.name = "topic", .shape = Shape::text, .fallback = "`{topic}.dlq`", .doc = "where letters go; {topic} stands for the event's topic"},
     load_letter_topic},
    {{.name = "policy",
      .shape = Shape::choice,
      .fallback = "`skip`",
      .doc = "`skip`: later events go on; `stop`: the partition stops there",
      .choices = kPolicies},
     load_policy},
    {{.name = "stop_above",
      .shape = Shape::number,
      .fallback = "`0.5`",
      .bounds = "above 0, up to 1",
      .doc = "the share of the last 1,000 events that may become letters before the worker stops; rejected ones don't count"},
     load_stop_above},
};
constexpr Level<DeadLetterSpec> kDeadLetterLevel = {{"`dead_letter`", "Dead letters", ""}, kDeadLetter};

}  // namespace

void load_store(Reader& reader, const YamlNode& node, StoreSpec& out) {
  out.at = node.at;
  if (!read_level(reader, node, kStoreLevel, out)) return;
  if (node.entries.size() == 1) return;
  reader.error(node.at, "a store is exactly one of them, and here are " + std::to_string(node.entries.size()),
               "a projection writes to one store, so that it can be atomic; for another one write another projection");
}

void load_kafka(Reader& reader, const YamlNode& node, KafkaSpec& out) {
  out.at = node.at;
  read_level(reader, node, kKafkaLevel, out);
}

void load_dead_letter(Reader& reader, const YamlNode& node, DeadLetterSpec& out) {
  out.at = node.at;
  read_level(reader, node, kDeadLetterLevel, out);
}

void describe_store(std::vector<LevelDescription>& out) {
  out.push_back(describe(kStoreLevel));
  out.push_back(describe(kPostgresLevel));
  out.push_back(describe_redis());
  out.push_back(describe(kMemoryLevel));
  describe_search_store(out);
  out.push_back(describe(kKafkaLevel));
  out.push_back(describe(kDeadLetterLevel));
}

}  // namespace foldline::config
