#include "common/codec/headers.h"

#include <algorithm>
#include <optional>

#include "common/codec/json_text.h"

namespace foldline::codec {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// The media type without its parameters: "application/json; charset=utf-8" → "application/json".
std::optional<std::string_view> media_type(std::span<const Header> headers) {
  for (const Header& header : headers) {
    if (!header.value || !same_word(header.name, "content-type")) continue;
    std::string_view type = header.value->substr(0, header.value->find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    return type;
  }
  return std::nullopt;
}

bool starts_with_word(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && same_word(text.substr(0, start.size()), start);
}

bool ends_with_word(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && same_word(text.substr(text.size() - end.size()), end);
}

Value header_value(const Header& header) { return header.value ? text_or_bytes(*header.value) : Value::null(); }

}  // namespace

HeaderPlan::HeaderPlan(const expr::PathSet& paths) {
  for (std::size_t i = 0; i < paths.paths().size(); ++i) {
    const expr::Path& path = paths.paths()[i];
    if (path.root != expr::Root::headers) continue;
    const auto slot = static_cast<std::uint32_t>(kAttributeSlots + i);
    if (path.keys.empty()) all_ = slot;
    if (path.keys.size() == 1) slots_.push_back({path.keys[0], slot});  // a longer path goes through a text: absent
  }
}

void HeaderPlan::read(std::span<const Header> headers, std::span<Value> slots, Arena& arena) const {
  for (const Header& header : headers) {
    for (const Slot& wanted : slots_) {
      if (wanted.name == header.name) slots[wanted.slot] = header_value(header);
    }
  }
  if (all_ < 0) return;
  auto* const entries = arena.array<MapEntry>(headers.size());
  std::size_t count = 0;
  for (const Header& header : headers) {
    MapEntry* const same = std::find_if(entries, entries + count, [&](const MapEntry& e) { return e.key == header.name; });
    *same = {header.name, header_value(header)};
    if (same == entries + count) ++count;
  }
  slots[static_cast<std::size_t>(all_)] = Value::map({entries, count});
}

CloudEventsMode cloudevents_mode(std::span<const Header> headers) {
  if (const auto type = media_type(headers)) {
    if (starts_with_word(*type, "application/cloudevents-batch")) return CloudEventsMode::batch;
    if (starts_with_word(*type, "application/cloudevents")) return CloudEventsMode::structured;
  }
  for (const Header& header : headers) {
    if (header.name == "ce_specversion" || header.name == "ce_type") return CloudEventsMode::binary;
  }
  return CloudEventsMode::structured;
}

DataFormat cloudevents_data_format(std::span<const Header> headers) {
  const auto type = media_type(headers);
  if (!type || ends_with_word(*type, "/json") || ends_with_word(*type, "+json")) return DataFormat::json;
  return starts_with_word(*type, "text/") ? DataFormat::text : DataFormat::bytes;
}

CloudEventsAttributes::CloudEventsAttributes(const expr::PathSet& paths) {
  for (std::size_t i = 0; i < paths.paths().size(); ++i) {
    const expr::Path& path = paths.paths()[i];
    if (path.root != expr::Root::value || path.keys.size() != 1 || path.keys[0] == "data") continue;
    // The binding's one exception: datacontenttype travels as content-type.
    const bool is_content_type = path.keys[0] == "datacontenttype";
    slots_.push_back({is_content_type ? "content-type" : "ce_" + path.keys[0], static_cast<std::uint32_t>(kAttributeSlots + i)});
  }
}

void CloudEventsAttributes::read(std::span<const Header> headers, std::span<Value> slots) const {
  for (const Header& header : headers) {
    for (const Slot& wanted : slots_) {
      if (same_word(wanted.header, header.name)) slots[wanted.slot] = header_value(header);
    }
  }
}

}  // namespace foldline::codec
