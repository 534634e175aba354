#include "common/time.h"
#include "projectors/declarative/compile_source.h"
#include "projectors/declarative/compile_view.h"
#include "projectors/declarative/compiled.h"
#include "projectors/declarative/order_proof.h"
#include "projectors/declarative/plan.h"
#include "projectors/declarative/view_schema.h"

namespace foldline::declarative {
namespace {

std::shared_ptr<const TypeDispatch> make_dispatch(const config::ProjectionFile& file) {
  auto dispatch = std::make_shared<TypeDispatch>();
  for (std::size_t view = 0; view < file.views.size(); ++view) {
    const auto& on_event = file.views[view].on_event;
    for (std::size_t index = 0; index < on_event.size(); ++index) {
      for (const config::Named& type : on_event[index].types) {
        dispatch->add({static_cast<std::uint32_t>(view), static_cast<std::uint32_t>(index)}, type.name);
      }
    }
  }
  dispatch->finish();
  return dispatch;
}

Zone load_zone(const config::ProjectionFile& file, Problems& problems) {
  Result<Zone> zone = Zone::load(file.zone);
  if (zone) return *zone;
  problems.error(file.zone_at, zone.error().message, zone.error().hint);
  return {};
}

const codec::EnvelopeForm& find_form(const config::SourceSpec& source, Problems& problems) {
  if (const codec::EnvelopeForm* form = codec::find_envelope_form(source.envelope.form)) return *form;
  std::vector<std::string> names;
  for (const codec::EnvelopeForm& form : codec::envelope_forms()) names.emplace_back(form.name);
  const auto near = expr::did_you_mean(source.envelope.form, names);
  problems.error(source.envelope.at, "there is no envelope form " + source.envelope.form,
                 near ? "did you mean " + *near + "?" : "flat, cloudevents, headers, debezium or outbox");
  return codec::envelope_forms()[0];
}

using ViewWrites = std::vector<std::vector<FieldWrites>>;  // by view, by field

std::shared_ptr<CompiledSource> compile_one_source(const CompiledProjection& projection, std::size_t index, const Zone& zone,
                                                   ViewWrites& writes, Problems& problems) {
  const config::SourceSpec& source = projection.file.sources[index];
  const codec::EnvelopeForm& form = find_form(source, problems);
  auto out = std::make_shared<CompiledSource>();
  out->scopes = std::make_shared<const SourceScopes>(make_scopes(projection.file, source, form, zone, problems));
  auto decode = std::make_shared<codec::SourcePlan>();
  decode->index = static_cast<std::uint32_t>(index);
  Expressions expressions(*out->scopes, decode->paths, problems, source.name);
  compile_envelope(source, form, expressions, *decode);
  decode->redaction = compile_redaction(source, form, *out->scopes, problems);
  if (source.partition_key) {
    expr::PathSet unread;  // stated for the order proof, never computed
    Expressions(*out->scopes, unread, problems, source.name).event_program(*source.partition_key);
  }
  for (std::size_t view = 0; view < projection.views.size(); ++view) {
    out->views.push_back(compile_view(projection.file.views[view], projection.views[view], expressions, writes[view]));
  }
  out->decode = std::move(decode);
  return out;
}

// The place in the record that a key's expression is, where it is one: so the proof sees that two spellings mean the same.
KeyOrigin origin_of(const CompiledSource& source, const config::ExprText& text) {
  const auto ast = expr::parse(text.text);
  if (!ast) return {std::nullopt, text.text};  // reported already
  return {expr::as_path(*ast, source.scopes->event), text.text};
}

}  // namespace

std::shared_ptr<const CompiledProjection> compile(const config::ProjectionFile& file, config::Diagnostics& diagnostics) {
  Problems problems(diagnostics);
  auto projection = std::make_shared<CompiledProjection>();
  projection->file = file;
  const Zone zone = load_zone(file, problems);
  ViewWrites writes;
  for (const config::ViewSpec& view : file.views) {
    check_types(view, problems);
    projection->views.push_back(make_schema(view, file, problems));
    writes.emplace_back(projection->views.back().fields.size());
  }
  const std::shared_ptr<const TypeDispatch> dispatch = make_dispatch(file);
  for (std::size_t i = 0; i < file.sources.size(); ++i) {
    auto source = compile_one_source(*projection, i, zone, writes, problems);
    source->dispatch = dispatch;
    projection->sources.push_back(std::move(source));
  }
  for (std::size_t view = 0; view < file.views.size(); ++view) {
    assign_guards(file.views[view], writes[view], projection->views[view], problems);
  }
  const OrderFacts facts =
      order_facts(file, [&](std::size_t source, const config::ExprText& text) { return origin_of(*projection->sources[source], text); });
  projection->order_proofs = prove_order(file, facts, diagnostics);
  if (problems.count() != 0 || diagnostics.has_errors()) return nullptr;
  return projection;
}

std::function<std::optional<std::string>(std::string_view value)> make_redactor(const std::shared_ptr<const CompiledProjection>& projection,
                                                                                std::size_t source) {
  const auto& redaction = projection->sources[source]->decode->redaction;
  if (!redaction) return {};
  return [redaction](std::string_view value) { return redaction->redact(value); };
}

std::unique_ptr<Decoder> make_decoder(const std::shared_ptr<const CompiledProjection>& projection, std::size_t source) {
  return codec::make_source_decoder(projection->sources[source]->decode);
}

}  // namespace foldline::declarative
