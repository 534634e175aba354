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

}  // namespace

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
