#include "sinks/dead_letter/letter_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/arena.h"
#include "common/json.h"
#include "common/time.h"
#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {

namespace {

// Position behind the text that starts at the quote `at`; npos: it does not end.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// The members of a JSON object with their values as written, blanks included: an event in a letter keeps every byte.
class Members {
 public:
  static std::optional<Members> read(std::string_view text) {
    Members out;
    std::size_t at = 0;
    while (at < text.size() && is_json_space(text[at])) ++at;
    if (at >= text.size() || text[at] != '{') return std::nullopt;
    for (++at; at < text.size(); ++at) {
      while (at < text.size() && is_json_space(text[at])) ++at;
      if (at < text.size() && text[at] == '}' && out.members_.empty()) return out;
      if (at >= text.size() || text[at] != '"') return std::nullopt;
      const std::size_t name_end = end_of_string(text, at);
      if (name_end == std::string_view::npos) return std::nullopt;
      const std::string_view name = text.substr(at + 1, name_end - at - 2);
      const std::size_t colon = text.find(':', name_end);
      if (colon == std::string_view::npos) return std::nullopt;
      const std::size_t end = end_of_value(text, colon + 1);
      if (end == std::string_view::npos) return std::nullopt;
      out.members_.emplace_back(name, text.substr(colon + 1, end - colon - 1));
      if (text[end] == '}') return out;
      at = end;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::string_view> raw(std::string_view name) const {
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& member) { return member.first == name; });
    return found == members_.end() ? std::nullopt : std::optional(found->second);
  }
  // The member's value; absent when it is not there or no JSON.
  [[nodiscard]] Value value(std::string_view name, Arena& arena) const {
    const auto text = raw(name);
    if (!text) return Value::absent();
    const auto parsed = parse_json(trim_json(*text), arena);
    return parsed ? *parsed : Value::absent();
  }
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
    Arena arena;
    const Value found = value(name, arena);
    return found.is(Kind::text) ? std::optional<std::string>(found.as_text()) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const {
    Arena arena;
    const Value found = value(name, arena);
    return found.is(Kind::integer) ? std::optional(found.as_int()) : std::nullopt;
  }

 private:
  // Where the ',' or '}' behind a value stands.
  static std::size_t end_of_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    while (at < text.size()) {
      const char c = text[at];
      if (c == '"') {
        at = end_of_string(text, at);
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (depth == 0 && (c == ',' || c == '}')) return at;
      if (c == '}' || c == ']') {
        if (depth == 0) return std::string_view::npos;
        --depth;
      }
      ++at;
    }
    return std::string_view::npos;
  }

  std::vector<std::pair<std::string_view, std::string_view>> members_;
};

// NAME as text, or NAMEBase64 as bytes, or null.
std::optional<std::string> bytes_of(const Members& members, const std::string& name) {
  if (auto text = members.text(name)) return text;
  const auto encoded = members.text(name + "Base64");
  return encoded ? from_base64(*encoded) : std::nullopt;
}

// Text, or base64:… of bytes that are none.
std::string attribute_of(const Members& members, const std::string& name) {
  if (auto text = members.text(name)) return std::move(*text);
  const auto encoded = members.text(name + "Base64");
  return encoded ? "base64:" + *encoded : std::string();
}

Error no_letter(std::string why) { return {ErrorCode::decode, "no letter: " + std::move(why), "", false}; }

std::optional<std::string_view> header_of(const Record& record, std::string_view name) {
  const auto found =
      std::find_if(record.headers.begin(), record.headers.end(), [&](const Header& h) { return h.name == name && h.value.has_value(); });
  return found == record.headers.end() ? std::nullopt : found->value;
}

std::optional<LetterMark> read_mark(std::string_view text) {
  const auto members = Members::read(text);
  if (!members) return std::nullopt;
  const auto id = members->text("letterId");
  const auto state = members->text("state");
  const auto retry_count = members->integer("retryCount");
  if (!id || !state || !retry_count || *retry_count < 0 || *retry_count > INT32_MAX) return std::nullopt;
  if (*state != "replayed" && *state != "discarded") return std::nullopt;
  LetterMark out;
  out.letter_id = *id;
  out.state = *state == "replayed" ? LetterState::replayed : LetterState::discarded;
  out.retry_count = static_cast<std::int32_t>(*retry_count);
  out.generation = members->integer("generation").value_or(1);
  out.at_us = parse_timestamp_us(members->text("at").value_or("")).value_or(0);
  out.because = members->text("because").value_or("");
  out.by = members->text("by").value_or("");
  return out;
}

// Long texts were cut when the letter was written: from this size on nobody knows. A cut is at a character's end, up to 3 bytes earlier.
bool may_be_cut(const std::optional<std::string>& text, std::size_t max_bytes) { return text && text->size() + 3 >= max_bytes; }

// False: what the letter holds may not be all.
bool read_headers(const Members& members, OriginalEvent& out) {
  Arena arena;
  const Value list = members.value("headers", arena);
  if (!list.is(Kind::list) || list.as_list().size() >= kMaxHeaders) return false;
  for (const Value& header : list.as_list()) {
    if (!header.is(Kind::map)) return false;
    std::string json;
    append_json(json, header);
    const auto one = Members::read(json);
    auto name = one ? one->text("name") : std::nullopt;
    if (!name) return false;
    auto value = bytes_of(*one, "value");
    const bool known = value.has_value() || trim_json(one->raw("value").value_or("")) == "null";
    if (!known || may_be_cut(name, kMaxHeaderBytes) || may_be_cut(value, kMaxHeaderBytes)) return false;
    out.headers.emplace_back(std::move(*name), std::move(value));
  }
  return true;
}

}  // namespace

std::string_view to_string(LetterState state) {
  switch (state) {
    case LetterState::open: return "open";
    case LetterState::replayed: return "replayed";
    case LetterState::discarded: return "discarded";
  }
  return "open";
}

Result<LetterSummary> read_letter(std::string_view text) {
  const auto members = Members::read(text);
  if (!members) return fail(no_letter("not a JSON object"));
  const auto id = members->text("letterId");
  const auto topic = members->text("topic");
  const auto partition = members->integer("partition");
  const auto offset = members->integer("offset");
  const auto retry_count = members->integer("retryCount");
  const bool there = id && topic && partition && offset && retry_count;
  if (!there) return fail(no_letter("letterId, topic, partition, offset or retryCount is missing"));
  if (*partition < 0 || *partition > INT32_MAX || *offset < 0 || *retry_count < 0 || *retry_count >= INT32_MAX) {
    return fail(no_letter("partition, offset or retryCount is out of range"));
  }
  LetterSummary out;
  out.letter_id = *id;
  out.topic_partition = {*topic, static_cast<std::int32_t>(*partition)};
  out.offset = *offset;
  out.retry_count = static_cast<std::int32_t>(*retry_count);
  if (!out.letter_id.ends_with(fmt::format(":{}:{}:{}", *topic, *partition, *offset))) {
    return fail(no_letter("letterId does not name the position"));
  }
  out.generation = members->integer("generation").value_or(1);
  out.timestamp_us = parse_timestamp_us(members->text("timestamp").value_or("")).value_or(0);
  out.failed_at_us = parse_timestamp_us(members->text("failedAt").value_or("")).value_or(0);
  out.stage = members->text("stage").value_or("");
  out.reason = members->text("reason").value_or("");
  out.error = members->text("error").value_or("");
  out.encoding = members->text("encoding").value_or("");
  out.key = bytes_of(*members, "key");
  out.event_id = attribute_of(*members, "eventId");
  out.event_type = attribute_of(*members, "eventType");
  out.correlation_id = attribute_of(*members, "correlationId");
  return out;
}

LetterRecord read_letter_record(const Record& record, std::string_view projection) {
  LetterRecord out;
  const auto damaged = [&out](std::string why) {
    out.foreign = true;
    out.why = std::move(why);
  };
  // Several projections may share a letter topic; every record of ours names its own.
  const auto owner = header_of(record, "foldline-projection");
  if (!owner) damaged("it has no header foldline-projection");
  if (!owner || *owner != projection) return out;
  if (header_of(record, kMarkerHeader)) {
    out.mark = read_mark(record.value.value_or(""));
    if (!out.mark) damaged("a mark that can't be read");
    return out;
  }
  auto letter = read_letter(record.value.value_or(""));
  if (letter && letter->letter_id == letter_id(std::string(projection), letter->topic_partition, letter->offset)) {
    out.letter = std::move(*letter);
  } else {
    damaged(letter ? "its letterId is another projection's" : letter.error().message);
  }
  return out;
}

Result<OriginalEvent> read_original(std::string_view text) {
  const auto members = Members::read(text);
  if (!members) return fail(no_letter("not a JSON object"));
  OriginalEvent out;
  bool holds_value = true;
  const std::string encoding = members->text("encoding").value_or("");
  const auto raw = members->raw("originalEvent");
  if (!raw) return fail(no_letter("originalEvent is missing"));
  if (encoding == "json") {
    out.value = std::string(*raw);
  } else if (encoding == "base64") {
    const auto encoded = members->text("originalEvent");
    out.value = encoded ? from_base64(*encoded) : std::nullopt;
    if (!out.value) return fail(no_letter("originalEvent is not base64"));
  } else if (encoding != "null") {
    holds_value = false;
    if (encoding == "redacted") out.value = std::string(*raw);
  }
  out.key = bytes_of(*members, "key");
  const bool whole_headers = read_headers(*members, out);
  out.held = holds_value && whole_headers && !may_be_cut(out.key, kMaxKeyBytes);
  return out;
}

kafka::OutgoingRecord mark_record(const LetterMark& mark, const std::string& projection, const std::string& letter_topic) {
  kafka::OutgoingRecord out;
  out.topic = letter_topic;
  out.key = mark.letter_id;
  std::string json = "{\"letterId\":";
  append_json_string(json, mark.letter_id);
  fmt::format_to(std::back_inserter(json),
                 ",\"state\":\"{}\",\"generation\":{},\"retryCount\":{},\"at\":\"{}\",\"because\":", to_string(mark.state), mark.generation,
                 mark.retry_count, format_timestamp(mark.at_us));
  if (mark.because.empty()) {
    json += "null";
  } else {
    append_json_string(json, mark.because);
  }
  json += ",\"by\":";
  append_json_string(json, mark.by);
  out.value = json + "}";
  out.headers = {{std::string(kMarkerHeader), std::string(to_string(mark.state))},
                 {"foldline-letter-id", mark.letter_id},
                 {"foldline-projection", projection}};
  return out;
}

}  // namespace foldline
