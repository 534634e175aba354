#include "cmd/foldline/worker_parts.h"

#include <algorithm>

#include "cmd/foldline/project.h"
#include "common/kafka/producer.h"
#include "common/time.h"
#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {

namespace {

StartAt start_of(const config::SourceSpec& source) {
  if (source.start_at == "latest") return {StartAt::Kind::latest, 0};
  if (source.start_at == "earliest") return {};
  return {StartAt::Kind::timestamp, parse_timestamp_us(source.start_at).value_or(0)};  // the loader has checked it
}

// Whether its events may have an ID other than their position.
bool has_ids(const config::SourceSpec& source) {
  const auto& attributes = source.envelope.attributes;
  return source.envelope.form != "flat" || std::any_of(attributes.begin(), attributes.end(), [](const auto& a) { return a.name == "id"; });
}

Result<std::unique_ptr<LetterSink>> new_letters(const Projection& projection) {
  const config::ProjectionFile& file = projection->file;
  auto producer = kafka::Producer::create(kafka_options(file));
  if (!producer) return fail(producer.error());
  const auto redactor_of = [projection](const std::string& topic) { return redactor_of_topic(projection, topic); };
  return std::make_unique<KafkaLetters>(
      std::move(*producer),
      KafkaLettersOptions{.projection = file.projection, .topic_template = file.dead_letter.topic, .redactor_of = redactor_of});
}

}  // namespace

LaneOptions lane_options(const config::ProjectionFile& file) {
  LaneOptions out;
  out.id_window = file.id_window;
  out.exact_ids = file.exact_ids;
  out.letter_policy = file.dead_letter.policy;
  out.stop_above = file.dead_letter.stop_above;
  for (const config::SourceSpec& source : file.sources) {
    out.start_at.push_back(start_of(source));
    out.redacted.push_back(!source.redact.empty());
    out.has_ids.push_back(has_ids(source));
  }
  out.has_ids.push_back(true);  // of the replay topic: each try of a letter is an ID (G14)
  return out;
}

WorkerParts worker_parts(const Projection& projection) {
  WorkerParts out;
  out.open_store = [projection] { return open_projection_store(*projection); };
  out.new_decoders = [projection] { return make_decoders(projection); };
  out.new_projector = [projection] { return declarative::make_projector(projection); };
  out.new_letters = [projection] { return new_letters(projection); };
  out.source_of = [projection](const std::string& topic) { return source_of_topic(projection->file, topic); };
  out.views = &projection->views;
  return out;
}

}  // namespace foldline
