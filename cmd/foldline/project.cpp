#include "cmd/foldline/project.h"

#include <algorithm>

#include "common/codec/replay_decoder.h"
#include "config/diagnostics.h"
#include "config/pattern.h"
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
  context.exact_ids = projection.file.exact_ids;
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
  out.push_back(to_regex(replay_topic(file)));  // as a pattern: it may not be there, and is found when it is created
  return out;
}

std::string replay_topic(const config::ProjectionFile& file) { return file.projection + ".replay"; }

std::optional<std::string> topic_of_letters(const std::string& topic_template, const std::string& letter_topic) {
  const std::size_t at = topic_template.find("{topic}");
  if (at == std::string::npos) return letter_topic == topic_template ? std::optional<std::string>("") : std::nullopt;
  const std::string before = topic_template.substr(0, at);
  const std::string after = topic_template.substr(at + 7);
  const bool fits = letter_topic.size() > before.size() + after.size() && letter_topic.starts_with(before) && letter_topic.ends_with(after);
  if (!fits) return std::nullopt;
  return letter_topic.substr(before.size(), letter_topic.size() - before.size() - after.size());
}

Redactor redactor_of_topic(const Projection& projection, const std::string& topic) {
  const int source = source_of_topic(projection->file, topic);
  if (source < 0) return {};
  if (static_cast<std::size_t>(source) < projection->sources.size()) {
    return declarative::make_redactor(projection, static_cast<std::size_t>(source));
  }
  const auto& sources = projection->file.sources;
  if (std::all_of(sources.begin(), sources.end(), [](const config::SourceSpec& s) { return s.redact.empty(); })) return {};
  return [](std::string_view) { return std::optional<std::string>(); };
}

std::vector<std::unique_ptr<Decoder>> make_decoders(const Projection& projection) {
  const auto of_sources = [&] {
    std::vector<std::unique_ptr<Decoder>> out;
    for (std::size_t i = 0; i < projection->sources.size(); ++i) out.push_back(declarative::make_decoder(projection, i));
    return out;
  };
  auto out = of_sources();
  out.push_back(
      codec::make_replay_decoder({.index = static_cast<std::uint32_t>(projection->sources.size()),
                                  .projection = projection->file.projection,
                                  .source_of = [projection](const std::string& topic) { return source_of_topic(projection->file, topic); },
                                  .decoders = of_sources()}));
  return out;
}

int complain(std::ostream& err, const Error& error) {
  err << "foldline: " << error.message << (error.hint.empty() ? "" : "\n  help: " + error.hint) << '\n';
  return 1;
}

int source_of_topic(const config::ProjectionFile& file, const std::string& topic) {
  if (topic == replay_topic(file)) return static_cast<int>(file.sources.size());
  int best = -1;
  std::size_t best_literals = 0;
  for (std::size_t i = 0; i < file.sources.size(); ++i) {
    for (const config::Named& name : file.sources[i].topics) {
      if (name.name == topic) return static_cast<int>(i);
      if (!config::is_pattern(name.name) || !config::matches(name.name, topic) || topic_of_letters(file.dead_letter.topic, topic)) continue;
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
