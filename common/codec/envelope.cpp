#include "common/codec/envelope.h"

#include <array>

namespace foldline::codec {
namespace {

EnvelopeForm flat() {
  EnvelopeForm form;
  form.name = "flat";
  return form;
}

EnvelopeForm cloudevents() {
  EnvelopeForm form;
  form.name = "cloudevents";
  form.form = Form::cloudevents;
  form.type = "type";
  form.id = "id";
  form.time = "record.value.?time";  // optional in CloudEvents 1.0
  form.source = "source";
  form.schema_version = "record.value.?dataschema";
  form.correlation_id = "record.value.?correlationid";  // not in the specification, but what frameworks call it
  form.data = "data";
  return form;
}

EnvelopeForm headers() {
  EnvelopeForm form;
  form.name = "headers";
  form.type = "record.headers.type";
  form.id = "record.headers.id";
  form.time = "record.headers.?time";
  form.correlation_id = "record.headers.?correlation_id";
  return form;
}

EnvelopeForm debezium() {
  EnvelopeForm form;
  form.name = "debezium";
  form.form = Form::debezium;
  form.old = "before";
  form.is_change_capture = true;
  return form;
}

EnvelopeForm outbox() {
  EnvelopeForm form;
  form.name = "outbox";
  form.type = "after.event_type";
  form.id = "after.id";
  form.time = "after.created_at";
  form.key = "after.aggregate_id";
  form.data = "json(after.payload)";
  // An outbox is only ever inserted into; `r` is an insert that a snapshot found. Deletes are the relay's own tidying up.
  form.when = "op == 'c' || op == 'r'";
  form.is_change_capture = true;
  return form;
}

const std::array<EnvelopeForm, 5>& all_forms() {
  static const std::array<EnvelopeForm, 5> forms = {flat(), cloudevents(), headers(), debezium(), outbox()};
  return forms;
}

}  // namespace

std::span<const EnvelopeForm> envelope_forms() { return all_forms(); }

const EnvelopeForm* find_envelope_form(std::string_view name) {
  for (const EnvelopeForm& form : all_forms()) {
    if (form.name == name) return &form;
  }
  return nullptr;
}

}  // namespace foldline::codec
