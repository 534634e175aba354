#include "sinks/elasticsearch/straight.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sinks/elasticsearch/append_value.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::string_view kTail = R"(,"_foldline":{"w":{)";
static_assert(kHiddenField == "_foldline");
constexpr std::string_view kEnd = "}}}";

Result<void> append_member(std::string& out, const std::string& prefix, std::string_view name, const Value& value) {
  if (value.is_null() || value.is_absent()) return {};
  out += prefix;
  if (auto ok = append_value(out, value); !ok) {
    return fail(ErrorCode::store_rejected, fmt::format("field {}: {}", name, ok.error().message));
  }
  out += ',';
  return {};
}

}  // namespace

bool is_straight(const ViewLayout& layout, const FoldedRow& row, bool exists) {
  const ViewSchema& view = *layout.view;
  if (row.base == RowBase::erase || view.guard_count > 0 || view.soft_delete >= 0) return false;
  const bool onto = exists && row.base == RowBase::keep;
  // A key keeps the text under which it was first written: 1.50 stays 1.50 when it comes as 1.5.
  if (onto && std::any_of(row.key, row.key + view.key.size(), [](const Value& part) { return part.is(Kind::decimal); })) return false;
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    const CellState state = row.cells[i].state;
    if (state != CellState::set && (onto || state != CellState::none)) return false;
  }
  return true;
}

// In well-formed JSON `,"_foldline":{"w":{` is no part of a string, for its quotes are not escaped; and three closing braces behind the
// watermarks close the two objects that it opens and then the document: so it is the document's own member.
bool read_tail_watermarks(std::string_view source, std::vector<Watermark>& out) {
  const std::size_t tail = source.rfind(kTail);
  if (tail == std::string_view::npos) return false;
  const char* at = source.data() + tail + kTail.size();
  const char* const end = source.data() + source.size();
  for (std::size_t count = 0; at != end && *at == '"'; ++at) {
    const char* const name = ++at;
    while (at != end && *at != '"' && *at != '\\') ++at;
    if (at == end || *at == '\\') return false;
    const std::string_view found(name, static_cast<std::size_t>(at - name));
    if (++at == end || *at++ != ':') return false;
    std::int64_t next_offset = 0;
    const auto number = std::from_chars(at, end, next_offset);
    if (number.ec != std::errc() || number.ptr == end) return false;
    at = number.ptr;
    out.resize(std::max(out.size(), ++count));
    out[count - 1].name.assign(found);
    out[count - 1].next_offset = next_offset;
    if (*at == ',') continue;
    out.resize(count);
    return std::string_view(at, static_cast<std::size_t>(end - at)) == kEnd;
  }
  return false;
}

Result<void> append_straight(std::string& out, const ViewLayout& layout, const FoldedRow& row, std::span<const Watermark> watermarks) {
  const ViewSchema& view = *layout.view;
  Arena arena;  // costs nothing until a conversion needs it
  out += '{';
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    if (auto ok = append_member(out, layout.key[i].prefix, view.key[i].name, row.key[i]); !ok) return ok;
  }
  for (std::size_t i = 0; i < layout.fields.size(); ++i) {
    const Field& field = view.fields[i];
    Value value = field.default_value;
    if (row.cells[i].state == CellState::set) {
      value = row.cells[i].value;
      if (!fits(value, field.type.kind)) {
        auto converted = convert(value, field.type, arena);
        if (!converted) return fail(ErrorCode::store_rejected, fmt::format("field {}: {}", field.name, converted.error().message));
        value = *converted;
      }
    }
    if (auto ok = append_member(out, layout.fields[i].prefix, field.name, value); !ok) return ok;
  }
  append_hidden(out, watermarks, {});
  out += '}';
  return {};
}

}  // namespace foldline::elasticsearch
