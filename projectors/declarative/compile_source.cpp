#include "projectors/declarative/compile_source.h"

namespace foldline::declarative {
namespace {

codec::Format format_of(config::Format format) {
  switch (format) {
    case config::Format::json: return codec::Format::json;
    case config::Format::text: return codec::Format::text;
    case config::Format::bytes: return codec::Format::bytes;
  }
  return codec::Format::json;
}

// The user's expression for the attribute, else the form's, else none.
expr::Program attribute(const config::SourceSpec& source, std::string_view name, std::string_view of_form, Expressions& expressions) {
  for (const config::NamedExpr& given : source.envelope.attributes) {
    if (given.name == name) return expressions.program(given.expr, expressions.scopes().envelope);
  }
  if (of_form.empty()) return {};
  return expressions.program({std::string(of_form), false, source.envelope.at}, expressions.scopes().envelope);
}

using Keys = std::vector<std::string>;

// A path of the event is one or several places in the record: Debezium's row stands in `after` or `before`, Kafka Connect may wrap the
// whole, the data of CloudEvents' binary mode is the value itself.
std::vector<Keys> places_of(const Keys& keys, const codec::EnvelopeForm& form) {
  std::vector<Keys> places = {keys};
  if (!keys.empty() && keys[0] == codec::kDebeziumRow) {
    places.assign(2, keys);
    places[0][0] = "after";
    places[1][0] = "before";
  }
  const auto add = [&places](std::size_t drop, const Keys& head) {
    for (std::size_t i = 0, count = places.size(); i < count; ++i) {
      Keys place = head;
      place.insert(place.end(), places[i].begin() + static_cast<std::ptrdiff_t>(drop), places[i].end());
      places.push_back(std::move(place));
    }
  };
  if (form.is_change_capture) add(0, {"payload"});
  if (form.form == codec::Form::cloudevents && !keys.empty() && keys[0] == "data") add(1, {});
  return places;
}

}  // namespace

std::shared_ptr<const codec::Redaction> compile_redaction(const config::SourceSpec& source, const codec::EnvelopeForm& form,
                                                          const SourceScopes& scopes, Problems& problems) {
  auto out = std::make_shared<codec::Redaction>();
  for (const config::Named& named : source.redact) {
    const auto ast = expr::parse(named.name);
    const auto path = ast ? expr::as_path(*ast, scopes.event) : std::nullopt;
    if (path && path->root == expr::Root::value) {
      for (const Keys& place : places_of(path->keys, form)) out->add(place);
      continue;
    }
    problems.error(
        named.at, "redact: " + named.name + " is no place in the record's value",
        "write where it stands in the event, such as data.email; of what an expression builds, record.value.… and the place it reads");
  }
  return out->empty() ? nullptr : out;
}

void compile_envelope(const config::SourceSpec& source, const codec::EnvelopeForm& form, Expressions& expressions,
                      codec::SourcePlan& plan) {
  plan.name = source.name;
  plan.format = format_of(source.format);
  plan.key_format = format_of(source.key_format);
  plan.strict = source.strict_json;
  plan.form = form.form;
  if (form.is_change_capture) {
    plan.skip_null_values = true;
    plan.json.unwrap_payload = true;
    plan.json.absent_text = std::string(codec::kDebeziumUnavailable);
  }
  if (form.form != codec::Form::expressions && source.format != config::Format::json) {
    expressions.problems().error(source.envelope.at, "the envelope " + std::string(form.name) + " needs format: json");
  }
  if (form.form == codec::Form::debezium) plan.debezium = codec::add_debezium_paths(plan.paths);

  plan.type = attribute(source, "type", form.type, expressions);
  plan.id = attribute(source, "id", form.id, expressions);
  plan.time = attribute(source, "time", form.time, expressions);
  plan.key = attribute(source, "key", form.key, expressions);
  plan.source = attribute(source, "source", form.source, expressions);
  plan.schema_version = attribute(source, "schema_version", form.schema_version, expressions);
  plan.correlation_id = attribute(source, "correlation_id", form.correlation_id, expressions);
  if (!plan.key && source.key_format == config::Format::json) {
    plan.key = expressions.program({"record.key", false, source.envelope.at}, expressions.scopes().envelope);
  }
  expr::CompileOptions condition;
  condition.want_bool = true;
  if (!form.when.empty()) {
    plan.form_when = expressions.program({std::string(form.when), false, source.envelope.at}, expressions.scopes().envelope, condition);
  }
  if (source.when) plan.when = expressions.event_program(*source.when, condition);
}

}  // namespace foldline::declarative
