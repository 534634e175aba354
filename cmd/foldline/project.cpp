#include "cmd/foldline/project.h"

#include <algorithm>

#include "config/diagnostics.h"
#include "config/pattern.h"
#include "sinks/dead_letter/kafka_letters.h"
#include "sinks/registry.h"

namespace foldline {

namespace {

std::string to_regex(const std::string& pattern) {
  std::string out = "^";
  for (const char c : pattern) {
    if (c == '*') {
      out += ".*";
    } else if (c == '.') {
      out += "\\.";
    } else {
      out += c;
    }
  }
  return out + "$";
}

// A letter topic that some topic's letters would go to: with a fixed name, that name; with {topic}, whatever ends or starts like it.
bool is_letter_topic(const std::string& topic_template, const std::string& topic) {
  const std::size_t at = topic_template.find("{topic}");
  if (at == std::string::npos) return topic == topic_template;
  const std::string before = topic_template.substr(0, at);
  const std::string after = topic_template.substr(at + 7);
  return topic.size() > before.size() + after.size() && topic.starts_with(before) && topic.ends_with(after);
}

}  // namespace

Projection load_projection(const std::string& file, const std::string& shared, std::ostream& err) {
  config::Diagnostics diagnostics;
  const auto loaded = config::load_projection_file(file, {.shared_path = shared, .environment = {}}, diagnostics);
  Projection compiled;
  if (loaded) compiled = declarative::compile(*loaded, diagnostics);
  diagnostics.sort();
  err << diagnostics.to_string();
  return diagnostics.has_errors() ? nullptr : compiled;
}

Result<std::unique_ptr<Store>> open_projection_store(const declarative::CompiledProjection& projection, std::int64_t building) {
  StoreContext context;
  context.id = {projection.file.projection, building};
  context.building = building != 0;
  context.views = projection.views;
  context.id_window = projection.file.id_window;
  return open_store(projection.file.store, context);
}

kafka::ClientOptions kafka_options(const config::ProjectionFile& file) {
  return {.brokers = file.kafka.brokers, .client_id = "foldline-" + file.projection, .options = file.kafka.options};
}

std::vector<std::string> subscription_of(const config::ProjectionFile& file) {
  std::vector<std::string> out;
  for (const config::SourceSpec& source : file.sources) {
    for (const config::Named& topic : source.topics) out.push_back(config::is_pattern(topic.name) ? to_regex(topic.name) : topic.name);
  }
  return out;
}

int source_of_topic(const config::ProjectionFile& file, const std::string& topic) {
  int best = -1;
  std::size_t best_literals = 0;
  for (std::size_t i = 0; i < file.sources.size(); ++i) {
    for (const config::Named& name : file.sources[i].topics) {
      if (name.name == topic) return static_cast<int>(i);
      if (!config::is_pattern(name.name) || !config::matches(name.name, topic) || is_letter_topic(file.dead_letter.topic, topic)) continue;
      const std::size_t literals = config::literal_characters(name.name);
      if (best < 0 || literals > best_literals) {
        best = static_cast<int>(i);
        best_literals = literals;
      }
    }
  }
  return best;
}

}  // namespace foldline
