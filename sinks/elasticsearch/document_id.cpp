#include <fmt/format.h>

#include <algorithm>

#include "common/json.h"
#include "common/time.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/rows/key_bytes.h"

namespace foldline::elasticsearch {

std::uint64_t hash_of(std::span<const Watermark> watermarks) {
  std::uint64_t out = watermarks.size();
  for (const Watermark& mark : watermarks) {
    const std::uint64_t one = std::hash<std::string>()(mark.name) ^ (static_cast<std::uint64_t>(mark.next_offset) * 0x9e3779b97f4a7c15U);
    out += one * 0xff51afd7ed558ccdU;  // the order is the store's own affair
  }
  return out;
}

std::string watermark_name(const TopicPartition& topic_partition) {
  return topic_partition.topic + "-" + std::to_string(topic_partition.partition);
}

std::optional<TopicPartition> parse_watermark_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = parse_int64(name.substr(dash + 1));
  if (!number || *number < 0 || *number > INT32_MAX) return std::nullopt;
  return TopicPartition{std::string(name.substr(0, dash)), static_cast<std::int32_t>(*number)};
}

std::string key_text(const Value& part) {
  switch (part.kind()) {
    case Kind::text:
    case Kind::json: return std::string(part.as_text());
    case Kind::bytes: return base64(part.as_text());
    case Kind::boolean: return part.as_bool() ? "true" : "false";
    case Kind::integer:
    case Kind::interval: return std::to_string(part.as_int());
    case Kind::decimal: return part.as_decimal().normalized().to_string();
    case Kind::timestamp: return format_timestamp(part.as_int());
    case Kind::date: return format_date(part.as_int());
    case Kind::uuid: return part.as_uuid().to_string();
    default: return describe(part);
  }
}

namespace {

void append_part(std::string& out, std::string_view text, bool one_of_several) {
  if (text.empty()) out += '%';
  std::size_t from = 0;
  for (;;) {
    const std::size_t special = one_of_several ? std::min(text.find('%', from), text.find(':', from)) : text.find('%', from);
    if (special == std::string_view::npos) break;
    out.append(text, from, special - from);
    out += text[special] == ':' ? "%3A" : "%25";
    from = special + 1;
  }
  out.append(text, from, text.size() - from);
}

}  // namespace

void append_document_id(std::string& out, std::span<const Value> key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i > 0) out += ':';
    if (key[i].is(Kind::text)) {
      append_part(out, key[i].as_text(), key.size() > 1);
    } else {
      append_part(out, key_text(key[i]), key.size() > 1);
    }
  }
}

std::size_t most_document_id_bytes(std::span<const Value> key) {
  std::size_t out = 0;
  for (const Value& part : key)
    out += 1 + std::max<std::size_t>(1, rows::most_key_bytes(part) * rows::kMostOfAnEscape);  // a `:`; an empty part is `%`
  return out;
}

std::string document_id(std::span<const Value> key) {
  std::string out;
  append_document_id(out, key);
  return out;
}

}  // namespace foldline::elasticsearch
