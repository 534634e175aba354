#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "common/codec/headers.h"
#include "common/codec/json_text.h"
#include "common/codec/source_plan.h"
#include "common/time.h"

namespace foldline::codec {
namespace {

bool is_there(const Value& value) { return !value.is_absent() && !value.is_null(); }

bool reads_root(const expr::PathSet& paths, expr::Root root) {
  return std::any_of(paths.paths().begin(), paths.paths().end(), [&](const expr::Path& path) { return path.root == root; });
}

// The slot of a whole root, kAttributeSlots + its index; -1: nobody reads it.
std::int64_t whole_slot(const expr::PathSet& paths, expr::Root root, std::span<const std::string> keys = {}) {
  for (std::size_t i = 0; i < paths.paths().size(); ++i) {
    const expr::Path& path = paths.paths()[i];
    if (path.root == root && std::equal(path.keys.begin(), path.keys.end(), keys.begin(), keys.end())) {
      return static_cast<std::int64_t>(kAttributeSlots + i);
    }
  }
  return -1;
}

std::string_view print_integer(std::int64_t value, Arena& arena) {
  constexpr std::string_view kOneDigit = "0123456789";  // most versions of a schema
  if (value >= 0 && value < 10) return kOneDigit.substr(static_cast<std::size_t>(value), 1);
  constexpr std::size_t kDigits = 20;
  char* const to = arena.array<char>(kDigits);
  return {to, static_cast<std::size_t>(std::to_chars(to, to + kDigits, value).ptr - to)};
}

// What identifies an event without an ID (G14), as expressions see it: orders.events:0:42
std::string_view print_position(const Record& record, Arena& arena) {
  constexpr std::size_t kNumbers = 2 * 21;
  const std::string& topic = record.topic_partition->topic;
  char* const start = arena.array<char>(topic.size() + kNumbers);
  char* const end = start + topic.size() + kNumbers;
  char* at = std::copy(topic.begin(), topic.end(), start);
  *at++ = ':';
  at = std::to_chars(at, end, record.topic_partition->partition).ptr;
  *at++ = ':';
  at = std::to_chars(at, end, record.offset).ptr;
  return {start, static_cast<std::size_t>(at - start)};
}

// A scalar as the text of an attribute. Absent: nothing there. nullopt: a list, a map, an object.
std::optional<std::string_view> attribute_text(const Value& value, Arena& arena) {
  switch (value.kind()) {
    case Kind::absent:
    case Kind::null: return std::string_view{};
    case Kind::text: return value.as_text();
    case Kind::integer: return print_integer(value.as_int(), arena);
    case Kind::decimal: return arena.copy(value.as_decimal().to_string());
    case Kind::uuid: return arena.copy(value.as_uuid().to_string());
    case Kind::boolean: return value.as_bool() ? "true" : "false";
    case Kind::timestamp: return arena.copy(format_timestamp(value.as_int()));
    case Kind::date: return arena.copy(format_date(value.as_int()));
    default: return std::nullopt;
  }
}

bool is_whole_number(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !is_digit(text.back())) return false;  // most times end with a Z
  if (text[0] == '-') text.remove_prefix(1);
  return std::all_of(text.begin(), text.end(), is_digit);
}

std::optional<std::int64_t> microseconds(std::int64_t ms) {
  if (ms < kMinTimestampUs / 1000 || ms > kMaxTimestampUs / 1000) return std::nullopt;
  return ms * 1000;
}

std::optional<std::int64_t> whole_number(const Value& value) {
  if (value.is(Kind::integer)) return value.as_int();
  if (value.is(Kind::decimal)) {
    const auto whole = value.as_decimal().to_int64();
    return whole ? std::optional(*whole) : std::nullopt;
  }
  if (!value.is(Kind::text) || !is_whole_number(value.as_text())) return std::nullopt;
  const std::string_view text = value.as_text();
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(out) : std::nullopt;
}

// RFC 3339, or ms since 1970.
std::optional<std::int64_t> attribute_time(const Value& value) {
  if (value.is(Kind::timestamp)) return value.as_int();
  if (value.is(Kind::text) && !is_whole_number(value.as_text())) return read_timestamp_us(value.as_text());
  const auto ms = whole_number(value);
  return ms ? microseconds(*ms) : std::nullopt;
}

// Of a value that attribute_time() does not take.
Error no_time(const Value& value) {
  if (const auto ms = whole_number(value)) {
    return {ErrorCode::decode, "time: " + std::to_string(*ms) + " is no time in ms since 1970", "epoch(x, 'us') takes another unit", false};
  }
  return {ErrorCode::decode, "time: " + describe(value) + " is not a time",
          "a time is RFC 3339 text or a whole number of ms since 1970; epoch(x, 's') takes another unit", false};
}

class SourceDecoder final : public Decoder {
 public:
  explicit SourceDecoder(std::shared_ptr<const SourcePlan> plan)
      : plan_(std::move(plan)),
        type_(plan_->type),
        id_(plan_->id),
        source_(plan_->source),
        schema_version_(plan_->schema_version),
        correlation_id_(plan_->correlation_id),
        time_(plan_->time),
        key_(plan_->key),
        value_plan_(plan_->paths, expr::Root::value, plan_->json),
        key_plan_(plan_->paths, expr::Root::key),
        data_plan_(plan_->paths, expr::Root::value, {}, "data"),
        header_plan_(plan_->paths),
        cloudevents_(plan_->paths),
        reads_key_(plan_->key_format == Format::json && reads_root(plan_->paths, expr::Root::key)),
        whole_value_(whole_slot(plan_->paths, expr::Root::value)) {
    const std::vector<std::string> data = {"data"};
    whole_data_ = whole_slot(plan_->paths, expr::Root::value, data);
  }

  Result<Decoded> decode(const Record& record, Arena& arena, Event& event) override {
    Result<Decoded> decoded = decode_record(record, arena, event);
    if (!decoded && plan_->redaction) plan_->redaction->scrub(decoded.error(), record.value);
    return decoded;
  }
  [[nodiscard]] DecoderCounts counts() const override { return counts_; }

 private:
  // What one record needs while it is read.
  struct Run {
    const Record& record;
    Arena& arena;
    Event& event;
    std::span<Value> slots;
    bool is_tombstone = false;
    std::optional<Error> error;  // the first one
    Value computed;              // by the last evaluate()

    void stop(Error why) {
      if (!error) error = std::move(why);
    }
  };

  Result<Decoded> decode_record(const Record& record, Arena& arena, Event& event);
  std::span<Value> next_slots();
  void read_record(Run& run);
  void read_value(Run& run, std::string_view value);
  void read_cloudevent(Run& run, std::string_view value);
  void read_untyped(Run& run, std::string_view value, bool as_text, std::int64_t slot);

  // One of the envelope's expressions, nearly always a bare path.
  struct Attribute {
    explicit Attribute(const expr::Program& source) : program(source) {
      if (source) slot = source.bare_slot();
    }
    const expr::Program& program;       // in the plan
    std::optional<std::uint32_t> slot;  // of the path, where it is one
    explicit operator bool() const { return static_cast<bool>(program); }
  };

  // Absent: the attribute takes its default. `may_be_missing`: so it does when its path is not there. Until the next call.
  const Value& evaluate(Run& run, const Attribute& attribute, const char* name, bool may_be_missing) {
    if (attribute.slot && (may_be_missing || !run.slots[*attribute.slot].is_absent())) return run.slots[*attribute.slot];
    compute(run, attribute, name);
    return run.computed;
  }
  void compute(Run& run, const Attribute& attribute, const char* name);
  void set_text(Run& run, const Attribute& attribute, const char* name, AttributeSlot slot);
  void set_type(Run& run, std::string_view of_form);
  void set_id(Run& run, std::string_view of_form);
  void set_time(Run& run, const Value& of_form);
  void set_key(Run& run);
  bool set_attributes(Run& run);  // false: the form has no event here
  Result<bool> holds(Run& run, const expr::Program& program, const char* name);

  std::shared_ptr<const SourcePlan> plan_;
  Attribute type_;
  Attribute id_;
  Attribute source_;
  Attribute schema_version_;
  Attribute correlation_id_;
  Attribute time_;
  Attribute key_;
  JsonPlan value_plan_;
  JsonPlan key_plan_;
  JsonPlan data_plan_;  // of CloudEvents in binary mode: the value is what else stands under "data"
  HeaderPlan header_plan_;
  CloudEventsAttributes cloudevents_;
  bool reads_key_;
  std::int64_t whole_value_;
  std::int64_t whole_data_ = -1;
  JsonReader reader_;
  DecoderCounts counts_;
  std::vector<Value> slots_;  // of the last kDecodedTogether events
  std::size_t turn_ = 0;
};

void SourceDecoder::read_record(Run& run) {
  const Record& record = run.record;
  std::span<Value> slots = run.slots;
  slots[kSlotRecordTimestamp] = Value::timestamp(record.timestamp_us);
  slots[kSlotRecordTopic] = Value::text(record.topic_partition->topic);
  slots[kSlotRecordPartition] = Value::integer(record.topic_partition->partition);
  slots[kSlotRecordOffset] = Value::integer(record.offset);
  if (!record.key) {
    slots[kSlotRecordKey] = Value::null();
  } else if (plan_->key_format == Format::bytes) {
    slots[kSlotRecordKey] = Value::bytes(*record.key);
  } else {
    slots[kSlotRecordKey] = text_or_bytes(*record.key);
  }
  if (!header_plan_.empty()) header_plan_.read(record.headers, slots, run.arena);
  if (!reads_key_) return;
  if (!record.key) {
    if (key_plan_.root().slot >= 0) slots[static_cast<std::size_t>(key_plan_.root().slot)] = Value::null();
    return;
  }
  const std::string_view key = run.arena.copy(*record.key, kRecordPaddingBytes);
  if (auto read = reader_.read(key_plan_, key, slots, run.arena); !read) {
    read.error().message = "key: " + read.error().message;
    run.stop(std::move(read.error()));
  }
}

void SourceDecoder::read_untyped(Run& run, std::string_view value, bool as_text, std::int64_t slot) {
  if (as_text && !is_utf8(value)) {
    return run.stop(
        {ErrorCode::decode, "not UTF-8 (byte " + std::to_string(*invalid_utf8(value)) + ")", "format: bytes takes any bytes", false});
  }
  if (slot >= 0) run.slots[static_cast<std::size_t>(slot)] = as_text ? Value::text(value) : Value::bytes(value);
}

void SourceDecoder::read_cloudevent(Run& run, std::string_view value) {
  const CloudEventsMode mode = cloudevents_mode(run.record.headers);
  if (mode == CloudEventsMode::batch) {
    return run.stop({ErrorCode::decode, "a batch of CloudEvents in one record is not built yet", "send one event in a record", false});
  }
  if (mode == CloudEventsMode::structured) {
    if (auto read = reader_.read(value_plan_, value, run.slots, run.arena, {plan_->strict, {}}); !read) run.stop(std::move(read.error()));
    return;
  }
  cloudevents_.read(run.record.headers, run.slots);
  if (!run.record.value) return;  // an event without data
  const DataFormat format = cloudevents_data_format(run.record.headers);
  if (format != DataFormat::json) return read_untyped(run, value, format == DataFormat::text, whole_data_);
  if (auto read = reader_.read(data_plan_, value, run.slots, run.arena, {plan_->strict, {}}); !read) run.stop(std::move(read.error()));
}

void SourceDecoder::read_value(Run& run, std::string_view value) {
  if (plan_->format != Format::json) return read_untyped(run, value, plan_->format == Format::text, whole_value_);
  if (plan_->form == Form::cloudevents) return read_cloudevent(run, value);
  JsonReadOptions options{plan_->strict, {}};
  if (value_plan_.debezium_row() >= 0 && run.record.key) options.debezium_key = *run.record.key;
  if (auto read = reader_.read(value_plan_, value, run.slots, run.arena, options); !read) run.stop(std::move(read.error()));
}

void SourceDecoder::compute(Run& run, const Attribute& attribute, const char* name) {
  run.computed = Value::absent();
  if (!attribute) return;
  Error error;
  if (attribute.program.eval({run.slots, &run.arena}, run.computed, error)) return;
  run.computed = Value::absent();
  if (run.is_tombstone) return;  // there is nothing that it could read
  run.stop({error.code, std::string(name) + ": " + error.message, error.hint, false});
}

void SourceDecoder::set_text(Run& run, const Attribute& attribute, const char* name, AttributeSlot slot) {
  if (!attribute) return;
  const Value& value = evaluate(run, attribute, name, true);
  if (value.is(Kind::text)) {
    run.slots[slot] = value;
    return;
  }
  const auto text = attribute_text(value, run.arena);
  if (!text) return run.stop({ErrorCode::decode, std::string(name) + ": " + describe(value) + " is no text", {}, false});
  if (is_there(value)) run.slots[slot] = Value::text(*text);
}

void SourceDecoder::set_type(Run& run, std::string_view of_form) {
  std::string_view type = run.record.topic_partition->topic;
  if (run.is_tombstone) {
    type = "tombstone";
  } else if (type_) {
    const Value& value = evaluate(run, type_, "type", true);
    if (value.is(Kind::text)) {
      type = value.as_text();
    } else if (value.is(Kind::integer)) {
      type = print_integer(value.as_int(), run.arena);
    } else {
      type = {};
    }
    if (type.empty() && is_there(value)) {
      run.stop({ErrorCode::decode, "type: " + describe(value) + " is no name of an event type", {}, false});
    } else if (type.empty()) {
      run.stop({ErrorCode::decode, "type is missing: the record has no '" + plan_->type.text() + "'",
                "the source's envelope says where the type stands", false});
    }
  } else if (plan_->form == Form::debezium) {
    type = of_form;
  }
  if (type.size() > kMaxTypeBytes) {
    run.stop({ErrorCode::decode,
              "type has " + std::to_string(type.size()) + " bytes, the limit is " + std::to_string(kMaxTypeBytes),
              {},
              false});
    type = {};
  }
  run.event.type = type;
  if (!type.empty()) run.slots[kSlotType] = Value::text(type);
}

void SourceDecoder::set_id(Run& run, std::string_view of_form) {
  std::string_view id = of_form;
  if (id_) {
    const Value& value = evaluate(run, id_, "id", true);
    const auto text = value.is(Kind::text) ? value.as_text() : attribute_text(value, run.arena);
    if (!text) run.stop({ErrorCode::decode, "id: " + describe(value) + " is no ID", {}, false});
    id = text.value_or(std::string_view{});
    if (text && id.empty() && !run.is_tombstone && !run.error) ++counts_.missing_ids;
  }
  if (id.size() > kMaxIdBytes) {
    run.stop({ErrorCode::decode, "id has " + std::to_string(id.size()) + " bytes, the limit is " + std::to_string(kMaxIdBytes), {}, false});
    id = {};
  }
  run.event.id = id;
  run.slots[kSlotId] = Value::text(id.empty() ? print_position(run.record, run.arena) : id);
}

void SourceDecoder::set_time(Run& run, const Value& of_form) {
  const Value& value = time_ ? evaluate(run, time_, "time", false) : of_form;
  run.event.time_us = run.record.timestamp_us;
  if (!value.is_absent() && !(run.is_tombstone && value.is_null())) {
    if (const auto time = attribute_time(value)) {
      run.event.time_us = *time;
    } else {
      run.stop(no_time(value));
    }
  }
  run.slots[kSlotTime] = Value::timestamp(run.event.time_us);
}

void SourceDecoder::set_key(Run& run) {
  const Value& value = evaluate(run, key_, "key", false);
  run.slots[kSlotKey] = value.is_absent() ? run.slots[kSlotRecordKey] : value;
}

bool SourceDecoder::set_attributes(Run& run) {
  DebeziumChange change;
  if (plan_->form == Form::debezium && !run.error) {
    auto read = read_debezium(plan_->debezium, run.slots, run.record, run.arena);
    if (!read) {
      run.stop(std::move(read.error()));
    } else if (!read->is_row) {
      return false;
    } else {
      change = *read;
    }
  }
  set_type(run, change.type);
  set_id(run, change.id);
  set_text(run, source_, "source", kSlotSource);
  set_text(run, schema_version_, "schema_version", kSlotSchemaVersion);
  set_text(run, correlation_id_, "correlation_id", kSlotCorrelationId);
  if (run.slots[kSlotCorrelationId].is(Kind::text)) run.event.correlation_id = run.slots[kSlotCorrelationId].as_text();
  set_time(run, change.time);
  set_key(run);
  return true;
}

Result<bool> SourceDecoder::holds(Run& run, const expr::Program& program, const char* name) {
  Result<Value> value = program.eval({run.slots, &run.arena});
  if (!value) return fail(value.error().code, std::string(name) + ": " + value.error().message, value.error().hint);
  return value->is(Kind::boolean) && value->as_bool();
}

// All absent.
std::span<Value> SourceDecoder::next_slots() {
  const std::size_t count = plan_->paths.slot_count();
  if (slots_.empty()) slots_.resize(count * kDecodedTogether);
  if (++turn_ == kDecodedTogether) turn_ = 0;
  const std::span<Value> slots = std::span(slots_).subspan(turn_ * count, count);
  std::memset(static_cast<void*>(slots.data()), 0, slots.size_bytes());  // absent is all zeros
  return slots;
}

Result<Decoded> SourceDecoder::decode_record(const Record& record, Arena& arena, Event& event) {
  event = Event{};
  event.record = &record;
  event.source = plan_->index;
  event.time_us = record.timestamp_us;
  const std::span<Value> slots = next_slots();
  event.slots = slots;

  Run run{record, arena, event, slots, false, std::nullopt, {}};
  const bool in_headers = plan_->form == Form::cloudevents && cloudevents_mode(record.headers) == CloudEventsMode::binary;
  if (!record.value && !in_headers) {
    if (plan_->skip_null_values) {
      ++counts_.skipped;
      return Decoded::skipped;
    }
    run.is_tombstone = true;
  }
  read_record(run);
  if (!run.is_tombstone) read_value(run, record.value.value_or(std::string_view{}));
  if (plan_->form_when && !run.error) {
    const auto wanted = holds(run, plan_->form_when, "envelope");
    if (!wanted) run.stop(wanted.error());
    if (wanted && !*wanted) {
      ++counts_.skipped;
      return Decoded::skipped;
    }
  }
  if (!set_attributes(run)) {
    ++counts_.skipped;
    return Decoded::skipped;
  }
  if (run.error) return fail(std::move(*run.error));
  if (plan_->when) {
    const auto wanted = holds(run, plan_->when, "when");
    if (!wanted) return fail(wanted.error());
    if (!*wanted) {
      ++counts_.skipped;
      return Decoded::skipped;
    }
  }
  return Decoded::event;
}

}  // namespace

std::unique_ptr<Decoder> make_source_decoder(std::shared_ptr<const SourcePlan> plan) {
  return std::make_unique<SourceDecoder>(std::move(plan));
}

}  // namespace foldline::codec
