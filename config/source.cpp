// The keys of a source and of its envelope.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "common/time.h"
#include "config/levels.h"
#include "config/limits.h"
#include "config/type_text.h"

namespace foldline::config {
namespace {

constexpr std::string_view kJsonInstead = "read the topic as `json`, `text` or `bytes`";

constexpr Choice kFormats[] = {{"json"}, {"text"}, {"bytes"}, {"avro", kJsonInstead}, {"protobuf", kJsonInstead}};
constexpr Choice kForms[] = {{"flat"}, {"cloudevents"}, {"headers"}, {"debezium"}, {"outbox"}};

std::optional<Format> read_format(Reader& reader, const YamlNode& node, std::string_view what) {
  if (node.is_map() && node.entries.size() == 1) {  // {avro: {schema: FILE}}
    const YamlNode& word = node.entries.front().key;
    if (word.text == "avro" || word.text == "protobuf") {
      reader.error(word.at, refusal(std::string(what) + ": " + word.text), std::string(kJsonInstead));
      return std::nullopt;
    }
  }
  const auto index = read_choice(reader, node, what, kFormats);
  if (!index) return std::nullopt;
  return static_cast<Format>(*index);
}
static_assert(static_cast<int>(Format::json) == 0 && static_cast<int>(Format::text) == 1 && static_cast<int>(Format::bytes) == 2);

// ---- envelope

void load_form(Reader& reader, const YamlNode& node, EnvelopeSpec& out) {
  if (const auto index = read_choice(reader, node, "form", kForms)) out.form = std::string(kForms[*index].word);
}

template <int kIndex>
void load_attribute(Reader& reader, const YamlNode& node, EnvelopeSpec& out);

void load_data(Reader& reader, const YamlNode& node, EnvelopeSpec& out) {
  if (!node.is_map()) {
    out.data = reader.expression(node, "data");
    return;
  }
  out.data_is_map = true;
  out.data_fields = reader.expressions(node, "data");
}

constexpr Property<EnvelopeSpec> kEnvelope[] = {
    {{.name = "form",
      .shape = Shape::choice,
      .fallback = "`flat`",
      .doc = "the form whose attributes are replaced by the keys beside it",
      .choices = kForms},
     load_form},
    {{.name = "type",
      .shape = Shape::expression,
      .fallback = "the topic's name",
      .doc = "the event's type; missing although named: the event becomes a letter"},
     load_attribute<1>},
    {{.name = "id",
      .shape = Shape::expression,
      .fallback = "the position",
      .doc = "identifies the event within its source, so that one produced twice counts once"},
     load_attribute<2>},
    {{.name = "time",
      .shape = Shape::expression,
      .fallback = "the record's timestamp",
      .doc = "event time: RFC 3339 with any offset (none = UTC), or a whole number of ms since 1970; unreadable: a letter"},
     load_attribute<3>},
    {{.name = "key", .shape = Shape::expression, .fallback = "the record's key", .doc = "the entity that the event is about"},
     load_attribute<4>},
    {{.name = "data",
      .shape = Shape::expressions,
      .fallback = "the whole value",
      .doc = "one expression, or a map name → expression that builds it; a none is left out",
      .or_name = true},
     load_data},
    {{.name = "old", .shape = Shape::expression, .fallback = "none", .doc = "the image before, of change data capture"}, load_attribute<6>},
    {{.name = "source", .shape = Shape::expression, .fallback = "none", .doc = "who produced the event; part of its identity"},
     load_attribute<7>},
    {{.name = "schema_version", .shape = Shape::expression, .fallback = "none", .doc = "text"}, load_attribute<8>},
    {{.name = "correlation_id", .shape = Shape::expression, .fallback = "none", .doc = "text; stands in letters"}, load_attribute<9>},
};
constexpr Level<EnvelopeSpec> kEnvelopeLevel = {{"an envelope", "Envelope", "Where the event's attributes stand in the record."},
                                                kEnvelope};

template <int kIndex>
void load_attribute(Reader& reader, const YamlNode& node, EnvelopeSpec& out) {
  const std::string name(kEnvelope[kIndex].info.name);
  if (auto expr = reader.expression(node, name)) out.attributes.push_back({name, node.at, std::move(*expr)});
}

void load_envelope(Reader& reader, const YamlNode& node, SourceSpec& out) {
  out.envelope.at = node.at;
  if (node.is_map()) {
    read_level(reader, node, kEnvelopeLevel, out.envelope);
  } else {
    const auto index = read_choice(reader, node, "envelope", kForms);
    if (index) out.envelope.form = std::string(kForms[*index].word);
  }
}

// ---- topics

bool is_topic(std::string_view name) {
  if (name.empty() || name.size() > kMaxTopicBytes || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '*';
  });
}

void load_topics(Reader& reader, const YamlNode& node, SourceSpec& out) {
  for (Named& topic : reader.names(node, "topics", kMaxTopicsPerSource)) {
    if (!is_topic(topic.name)) {
      reader.error(topic.at, "this is no name or pattern of a topic",
                   "Kafka's topics are made of a to z, A to Z, 0 to 9, `.`, `_` and `-`; `*` stands for any characters");
      continue;
    }
    out.topics.push_back(std::move(topic));
  }
}

// ---- events: names of types, and shapes of `data`

void check_shape(Reader& reader, const YamlNode& node);

void check_shape_type(Reader& reader, const YamlNode& node) {
  if (node.is_map()) {
    for (const YamlEntry& entry : node.entries) {
      if (entry.key.text == "nested" || entry.key.text == "object") {
        check_shape(reader, entry.value);
      } else if (entry.key.text == "type") {
        check_shape_type(reader, entry.value);
      } else if (entry.key.text != "enum" && entry.key.text != "optional") {
        reader.error(entry.key.at, "unknown key " + Reader::shown(entry.key) + " in the type of a path",
                     "the keys here are type, enum, object, nested, optional");
      }
    }
    return;
  }
  const auto text = reader.text(node, "a type");
  if (!text) return;
  const TypeText type = parse_type(*text, true);
  if (!type.type) reader.error(node.at, *text == node.text ? type.message : Reader::shown(node) + " is no type", type.hint);
}

void check_shape(Reader& reader, const YamlNode& node) {
  if (!reader.expect_map(node, "the shape of `data`")) return;
  for (const YamlEntry& entry : node.entries) check_shape_type(reader, entry.value);
}

void load_events(Reader& reader, const YamlNode& node, SourceSpec& out) {
  if (!reader.expect_map(node, "`events`")) return;
  out.has_events = true;
  bool has_shapes = false;
  for (const YamlEntry& entry : node.entries) {
    if (entry.key.text.find_first_of("*|") != std::string::npos) {
      reader.error(entry.key.at, Reader::shown(entry.key) + " is no single type", "list each type of the topic by itself");
      continue;
    }
    out.event_types.push_back({entry.key.text, entry.key.text_at});
    if (entry.value.is_null() && !entry.value.bad) continue;
    check_shape(reader, entry.value);
    has_shapes = has_shapes || !entry.value.entries.empty();
  }
  if (has_shapes) {
    reader.warning(node.at, "the shapes under `events` are not used yet: paths are not checked against them",
                   "the names of the types are used, for the order proof");
  }
}

void load_redact(Reader& reader, const YamlNode& node, SourceSpec& out) {
  for (Named& path : reader.names(node, "redact", kMaxColumns)) {
    const bool shaped = std::all_of(path.name.begin(), path.name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '$' ||
             (static_cast<unsigned char>(c) & 0x80U) != 0;
    });
    if (!shaped || path.name.front() == '.' || path.name.back() == '.' || path.name.find("..") != std::string::npos) {
      reader.error(path.at, "this is no path", "write names with dots between them: data.email");
      continue;
    }
    out.redact.push_back(std::move(path));
  }
}

void load_start_at(Reader& reader, const YamlNode& node, SourceSpec& out) {
  const auto text = reader.text(node, "start_at");
  if (!text) return;
  if (*text != "earliest" && *text != "latest" && !parse_timestamp_us(*text)) {
    reader.error(node.at, Reader::shown(node) + " is no value of `start_at`",
                 "it takes earliest, latest or a timestamp: 2026-04-03T00:00:00Z");
    return;
  }
  out.start_at = *text;
}

constexpr Property<SourceSpec> kSource[] = {
    {{.name = "topics",
      .shape = Shape::names,
      .required = true,
      .doc = "names or patterns (`*` = any characters; never matches a dead-letter topic); one or many"},
     load_topics},
    {{.name = "file", .shape = Shape::text, .refused = "produce the file's lines to a topic, and name that under `topics`"}},
    {{.name = "format", .shape = Shape::choice, .fallback = "`json`", .doc = "how the record's value is read", .choices = kFormats},
     [](Reader& r, const YamlNode& n, SourceSpec& out) { out.format = read_format(r, n, "format").value_or(out.format); }},
    {{.name = "key_format", .shape = Shape::choice, .fallback = "`text`", .doc = "how the record's key is read", .choices = kFormats},
     [](Reader& r, const YamlNode& n, SourceSpec& out) { out.key_format = read_format(r, n, "key_format").value_or(out.key_format); }},
    {{.name = "envelope",
      .shape = Shape::level,
      .required = true,
      .doc = "a form's name (flat, cloudevents, headers, debezium, outbox), or a map attribute → expression",
      .level = "an envelope",
      .or_name = true},
     load_envelope},
    {{.name = "partition_key",
      .shape = Shape::expression,
      .fallback = "unknown",
      .doc = "events for which it is equal have equal record keys, so they come through one partition, in order; states what the producer "
             "does"},
     [](Reader& r, const YamlNode& n, SourceSpec& out) { out.partition_key = r.expression(n, "partition_key"); }},
    {{.name = "events",
      .shape = Shape::any,
      .fallback = "`data` may hold anything",
      .doc = "type → shape of `data`; in this build the names of the types are used (order proof), the shapes are not"},
     load_events},
    {{.name = "redact", .shape = Shape::names, .fallback = "none", .doc = "paths shown as `***` in letters, logs and errors"}, load_redact},
    {{.name = "when", .shape = Shape::expression, .fallback = "all", .doc = "events for which it is false are skipped and counted"},
     [](Reader& r, const YamlNode& n, SourceSpec& out) { out.when = r.expression(n, "when"); }},
    {{.name = "start_at",
      .shape = Shape::text,
      .fallback = "`earliest`",
      .doc = "where a new projection starts: `earliest`, `latest` or a timestamp"},
     load_start_at},
    {{.name = "strict",
      .shape = Shape::boolean,
      .fallback = "`false`",
      .doc = "the whole value must be well-formed JSON, not only what is used of it"},
     [](Reader& r, const YamlNode& n, SourceSpec& out) { out.strict_json = r.boolean(n, "strict").value_or(false); }},
    {{.name = "on_schema_break",
      .shape = Shape::choice,
      .refused = "remove it: there is no registry in this build whose schemas could break"}},
};
constexpr Level<SourceSpec> kSourceLevel = {{"a source", "Source", "One or many; what is true of its topics stands here once."}, kSource};

}  // namespace

void load_source(Reader& reader, const YamlNode& node, SourceSpec& out) {
  out.at = node.at;
  if (!read_level(reader, node, kSourceLevel, out)) return;
  if (out.strict_json && out.format != Format::json) {
    reader.error(node.find("strict")->key.at, "`strict` checks JSON, and this source's format is another", "remove it");
  }
}

void describe_source(std::vector<LevelDescription>& out) {
  out.push_back(describe(kSourceLevel));
  out.push_back(describe(kEnvelopeLevel));
}

}  // namespace foldline::config
