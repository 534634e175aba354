// How one source's records become events: compiled once, shared by every lane's decoder.
//
//   auto plan = std::make_shared<SourcePlan>();                       // filled by projectors/declarative, which knows the file
//   std::unique_ptr<Decoder> decoder = make_source_decoder(plan);     // one a lane
//
// Semantics of the attributes: language.md, "attribute of an envelope". What it leaves open is settled here:
// - type: text, or a whole number. Missing, null or empty although named: an error.
// - id: any scalar, as text. A path that is not there, null or "": the position is the identity, and it is counted.
// - time: a timestamp, RFC 3339 text, or a whole number (also as text: headers have no numbers) of ms since 1970. None (of an
//   optional): the record's timestamp.
// - source, schema_version, correlation_id: any scalar, as text; a path that is not there or null: none. They describe an event, and
//   an event is not worth losing for want of them.
// - an expression that fails is an error for each attribute; the others are evaluated all the same, for the letter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/codec/debezium.h"
#include "common/codec/decoder.h"
#include "common/codec/json_plan.h"
#include "common/codec/redaction.h"
#include "common/expr/expr.h"

namespace foldline::codec {

inline constexpr std::size_t kMaxTypeBytes = 512;
inline constexpr std::size_t kMaxIdBytes = 1024;

enum class Format : std::uint8_t {
  json,
  text,
  bytes
};

// Envelopes that expressions alone can't say.
enum class Form : std::uint8_t {
  expressions,  // the programs below are all there is
  cloudevents,  // the same, and records in binary mode are read as if they were structured
  debezium,     // type, id, time from the change's own fields where no program replaces them
};

struct SourcePlan {
  std::uint32_t index = 0;  // in the projection's sources
  std::string name;
  Format format = Format::json;
  Format key_format = Format::text;
  bool strict = false;  // the whole record must be well-formed JSON
  Form form = Form::expressions;
  bool skip_null_values = false;  // Debezium's tombstones (G11); else a null value is an event of type `tombstone`
  JsonPlanOptions json;
  expr::PathSet paths;                         // everything that some program of this source reads
  DebeziumSlots debezium;                      // form debezium
  std::shared_ptr<const Redaction> redaction;  // null: nothing is hidden

  // Empty: the attribute's default.
  expr::Program type;
  expr::Program id;
  expr::Program time;
  expr::Program key;
  expr::Program source;
  expr::Program schema_version;
  expr::Program correlation_id;
  expr::Program form_when;  // of the form itself, evaluated before the attributes: the outbox' inserts only
  expr::Program when;       // of the source: sees the attributes
};

std::unique_ptr<Decoder> make_source_decoder(std::shared_ptr<const SourcePlan> plan);

}  // namespace foldline::codec
