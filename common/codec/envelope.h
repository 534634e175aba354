// The envelope forms of language.md as what they abbreviate: an expression for each attribute. Attributes can be replaced one by one.
//
//   const EnvelopeForm* form = find_envelope_form("outbox");     // form->id == "after.id"
//
// The expressions see the fields of the record's value by name, and `record`.
#pragma once

#include <span>
#include <string_view>

#include "common/codec/source_plan.h"

namespace foldline::codec {

struct EnvelopeForm {
  std::string_view name;
  Form form = Form::expressions;
  // CEL text; empty: the attribute's default.
  std::string_view type;
  std::string_view id;
  std::string_view time;
  std::string_view key;
  std::string_view source;
  std::string_view schema_version;
  std::string_view correlation_id;
  std::string_view data;  // empty: the whole value. Debezium's is no expression: see kDebeziumRow
  std::string_view old;
  std::string_view when;           // of the form itself
  bool is_change_capture = false;  // null values are skipped, {"schema", "payload"} is unwrapped, unavailable columns are absent
};

const EnvelopeForm* find_envelope_form(std::string_view name);
std::span<const EnvelopeForm> envelope_forms();

}  // namespace foldline::codec
