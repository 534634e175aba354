#include <fmt/format.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/time.h"
#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {

namespace {

// Length of the longest valid UTF-8 prefix (RFC 3629).
std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0U) != 0x80) return i;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
      return i;
    }
    i += length;
  }
  return i;
}

// Cut to `max_bytes` at a character's end.
std::string_view cut(std::string_view text, std::size_t max_bytes) {
  text = text.substr(0, max_bytes);
  return text.substr(0, valid_utf8_prefix(text));
}

void add_string(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  append_json(out, Value::text(value));
}

// Text that may be any bytes: as it is when it is UTF-8, else base64 under NAMEBase64. Null stays null.
void add_bytes(std::string& out, std::string_view name, const std::optional<std::string>& value, std::size_t max_bytes) {
  if (!value) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":null", name);
    return;
  }
  const std::string_view bytes = std::string_view(*value).substr(0, max_bytes);
  if (valid_utf8_prefix(*value) == value->size()) {
    add_string(out, name, cut(bytes, max_bytes));
  } else {
    add_string(out, std::string(name) + "Base64", base64(bytes));
  }
}

// originalEvent and how it is encoded: json (as it came), base64, null, redacted, or pointer (too large: read it at its position).
void add_original(std::string& out, const Letter& letter, const Redactor& redactor) {
  if (letter.omitted_bytes) {
    fmt::format_to(std::back_inserter(out), "\"originalEvent\":null,\"originalBytes\":{},\"encoding\":\"pointer\"", *letter.omitted_bytes);
    return;
  }
  if (!letter.value) {
    out += "\"originalEvent\":null,\"encoding\":\"null\"";
    return;
  }
  std::string_view bytes = *letter.value;
  std::optional<std::string> redacted;
  if (redactor) {
    redacted = redactor(bytes);
    if (redacted) bytes = *redacted;
  }
  const char* encoding = redactor ? "redacted" : "json";
  Arena arena;
  const bool is_json = !bytes.empty() && valid_utf8_prefix(bytes) == bytes.size() && parse_json(bytes, arena);
  // Redacted bytes never travel as base64: a replay takes that for the original.
  if ((redactor && !(redacted && is_json)) || bytes.size() > kMaxOriginalBytes) {
    fmt::format_to(std::back_inserter(out), "\"originalEvent\":null,\"originalBytes\":{},\"encoding\":\"pointer\"", letter.value->size());
    return;
  }
  if (is_json) {
    out += "\"originalEvent\":";
    out += bytes;
    fmt::format_to(std::back_inserter(out), ",\"encoding\":\"{}\"", encoding);
  } else {
    fmt::format_to(std::back_inserter(out), "\"originalEvent\":\"{}\",\"encoding\":\"base64\"", base64(bytes));
  }
}

void add_headers(std::string& out, const Letter& letter) {
  out += ",\"headers\":[";
  for (std::size_t i = 0; i < letter.headers.size() && i < kMaxHeaders; ++i) {
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    const std::string_view name = cut(letter.headers[i].first, kMaxHeaderBytes);
    append_json(out, Value::text(name));
    add_bytes(out, "value", letter.headers[i].second, kMaxHeaderBytes);
    out += '}';
  }
  out += ']';
}

}  // namespace

std::string letter_id(const std::string& projection, const TopicPartition& topic_partition, std::int64_t offset) {
  return fmt::format("{}:{}:{}:{}", projection, topic_partition.topic, topic_partition.partition, offset);
}

std::string letter_topic(const std::string& topic_template, const std::string& topic) {
  std::string out = topic_template;
  const std::size_t at = out.find("{topic}");
  if (at != std::string::npos) out.replace(at, 7, topic);
  return out;
}

std::string letter_json(const Letter& letter, const std::string& projection, const Redactor& redactor) {
  std::string out = "{";
  add_original(out, letter, redactor);
  // The store's own words may quote values of the row; those of decoder and projector are scrubbed where they are made.
  const bool may_quote = redactor && letter.stage == Stage::store;
  add_string(out, "error",
             may_quote ? "the store rejects the event; its words are hidden because the source has redacted paths"
                       : cut(letter.error, kMaxErrorBytes));
  add_string(out, "failedAt", format_timestamp(letter.failed_at_us));
  fmt::format_to(std::back_inserter(out), ",\"retryCount\":{},\"generation\":{}", letter.retry_count, letter.generation);
  add_string(out, "letterId", letter_id(projection, letter.topic_partition, letter.offset));
  add_string(out, "reason", may_quote ? to_string(letter.code) : cut(letter.reason, kMaxErrorBytes));
  add_string(out, "stage", to_string(letter.stage));
  add_string(out, "projection", projection);
  add_string(out, "topic", letter.topic_partition.topic);
  fmt::format_to(std::back_inserter(out), ",\"partition\":{},\"offset\":{}", letter.topic_partition.partition, letter.offset);
  add_string(out, "timestamp", format_timestamp(letter.timestamp_us));
  add_bytes(out, "key", letter.key, kMaxKeyBytes);
  add_headers(out, letter);
  add_bytes(out, "eventId", letter.event_id, kMaxKeyBytes);
  add_bytes(out, "eventType", letter.event_type, kMaxKeyBytes);
  add_bytes(out, "correlationId", letter.correlation_id, kMaxKeyBytes);
  out += '}';
  return out;
}

}  // namespace foldline
