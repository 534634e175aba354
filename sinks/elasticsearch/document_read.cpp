#include <fmt/format.h>
#include <simdjson.h>

#include <unordered_map>

#include "common/json.h"
#include "common/time.h"
#include "sinks/elasticsearch/document.h"

namespace foldline::elasticsearch {

namespace {

namespace od = simdjson::ondemand;
using rows::OwnedValue;

std::string_view trimmed(std::string_view raw) {
  while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\t' || raw.back() == '\r')) raw.remove_suffix(1);
  return raw;
}

// The raw text of any value.
bool raw_of(od::value& value, std::string_view& out) {
  od::json_type type{};
  if (value.type().get(type)) return false;
  if (type == od::json_type::object) {
    od::object object;
    return !value.get_object().get(object) && !object.raw_json().get(out);
  }
  if (type == od::json_type::array) {
    od::array array;
    return !value.get_array().get(array) && !array.raw_json().get(out);
  }
  out = trimmed(value.raw_json_token());
  return true;
}

// The readers answer false when the JSON is not what the type writes.
bool read_scalar(od::value& value, const Type& type, OwnedValue& out) {
  std::string_view text;
  switch (type.kind) {
    case TypeKind::boolean: {
      bool v = false;
      if (value.get_bool().get(v)) return false;
      out = OwnedValue(Value::boolean(v));
      return true;
    }
    case TypeKind::int32:
    case TypeKind::bigint:
    case TypeKind::interval: {
      std::int64_t v = 0;
      if (value.get_int64().get(v)) return false;
      out = OwnedValue(type.kind == TypeKind::interval ? Value::interval(v) : Value::integer(v));
      return true;
    }
    case TypeKind::floating: {
      double v = 0;
      if (value.get_double().get(v)) return false;
      out = OwnedValue(Value::floating(v));
      return true;
    }
    case TypeKind::json:
      if (!raw_of(value, text)) return false;
      out = OwnedValue(Value::json(trimmed(text)));
      return true;
    default: break;
  }
  if (value.get_string().get(text)) return false;
  switch (type.kind) {
    case TypeKind::numeric: {
      const auto v = Decimal::parse(text);
      if (v) out = OwnedValue(Value::decimal(*v));
      return v.has_value();
    }
    case TypeKind::uuid: {
      const auto v = Uuid::parse(text);
      if (v) out = OwnedValue(Value::uuid(*v));
      return v.has_value();
    }
    case TypeKind::date: {
      const auto v = parse_date_days(text);
      if (v) out = OwnedValue(Value::date(*v));
      return v.has_value();
    }
    case TypeKind::timestamptz: {
      const auto v = parse_timestamp_us(text);
      if (v) out = OwnedValue(Value::timestamp(*v));
      return v.has_value();
    }
    case TypeKind::bytes: {
      const auto v = from_base64(text);
      if (v) out = OwnedValue(Value::bytes(*v));
      return v.has_value();
    }
    default: out = OwnedValue(Value::text(text)); return true;
  }
}

bool read_value(od::value& value, const Type& type, Arena& arena, OwnedValue& out) {
  bool null = false;
  if (value.is_null().get(null)) return false;
  if (null) {
    out = OwnedValue(Value::null());
    return true;
  }
  if (type.kind != TypeKind::list && type.kind != TypeKind::set) return read_scalar(value, type, out);
  od::array array;
  if (value.get_array().get(array)) return false;
  std::vector<OwnedValue> elements;
  for (auto element : array) {
    od::value item;
    if (element.get(item)) return false;
    if (!read_value(item, *type.element, arena, elements.emplace_back())) return false;
  }
  Value* views = arena.array<Value>(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) views[i] = elements[i].view(arena);
  out = OwnedValue(Value::list({views, elements.size()}));
  return true;
}

bool read_watermark_map(od::value& value, std::vector<Watermark>& out) {
  od::object object;
  if (value.get_object().get(object)) return false;
  for (auto member : object) {
    std::string_view name;
    if (member.unescaped_key().get(name)) return false;
    Watermark mark;
    mark.name = name;
    if (member.value().get_int64().get(mark.next_offset)) return false;
    out.push_back(std::move(mark));
  }
  return true;
}

bool read_guards(od::value& value, std::vector<std::string>& out) {
  od::array array;
  if (value.get_array().get(array)) return false;
  for (auto element : array) {
    std::string_view text;
    if (element.get_string().get(text)) return false;
    auto stamp = from_base64(text);
    if (!stamp) return false;
    out.push_back(std::move(*stamp));
  }
  return true;
}

bool read_hidden(od::value& value, Document& out) {
  od::object object;
  if (value.get_object().get(object)) return false;
  for (auto member : object) {
    std::string_view name;
    od::value inner;
    if (member.unescaped_key().get(name)) return false;
    const bool watermarks = name == "w";
    const bool guards = name == "g";
    if (member.value().get(inner)) return false;
    if (watermarks && !read_watermark_map(inner, out.watermarks)) return false;
    if (guards && !read_guards(inner, out.row.guards)) return false;
  }
  return true;
}

}  // namespace

struct DocumentReader::Impl {
  od::parser parser;
  std::string text;  // with room behind it
  Arena arena;
  // Where a field's value goes, by name; made per layout when first met.
  struct Names {
    const ViewLayout* layout = nullptr;
    std::unordered_map<std::string_view, int> places;  // key parts first, then fields
  };
  std::vector<Names> names;

  const Names& names_of(const ViewLayout& layout) {
    for (const Names& known : names) {
      if (known.layout == &layout) return known;
    }
    Names& out = names.emplace_back();
    out.layout = &layout;
    int place = 0;
    for (const KeyPart& part : layout.view->key) out.places.emplace(part.name, place++);
    for (const Field& field : layout.view->fields) out.places.emplace(field.name, place++);
    return out;
  }

  bool begin(std::string_view source, od::document& document, od::object& object) {
    arena.reset();
    text.assign(source);
    text.reserve(source.size() + simdjson::SIMDJSON_PADDING);
    return !parser.iterate(text.data(), text.size(), text.capacity()).get(document) && !document.get_object().get(object);
  }

  bool read(const ViewLayout& layout, std::string_view source, Document& out) {
    od::document document;
    od::object object;
    if (!begin(source, document, object)) return false;
    const Names& known = names_of(layout);
    const std::size_t key_size = layout.view->key.size();
    out.row.key.resize(key_size);
    // What is not there is null; a field that has a default came after the document, for it is never null.
    for (const Field& field : layout.view->fields) out.row.fields.emplace_back(field.not_null ? field.default_value : Value::null());
    for (auto member : object) {
      std::string_view name;
      if (member.unescaped_key().get(name)) return false;
      const bool hidden = name == kHiddenField;
      const bool deleted = name == kDeletedField;
      const auto found = known.places.find(name);
      od::value value;
      if (member.value().get(value)) return false;
      if (hidden) {
        if (!read_hidden(value, out)) return false;
      } else if (deleted) {
        if (value.get_bool().get(out.deleted)) return false;
      } else if (found != known.places.end()) {
        const auto place = static_cast<std::size_t>(found->second);
        const bool part = place < key_size;
        const Type& type = part ? layout.view->key[place].type : layout.view->fields[place - key_size].type;
        if (!read_value(value, type, arena, part ? out.row.key[place] : out.row.fields[place - key_size])) return false;
      }
    }
    out.row.guards.resize(static_cast<std::size_t>(layout.view->guard_count));
    return true;
  }
};

DocumentReader::DocumentReader() : impl_(std::make_unique<Impl>()) {}
DocumentReader::~DocumentReader() = default;

Result<Document> DocumentReader::read(const ViewLayout& layout, std::string_view source) {
  Document out;
  if (impl_->read(layout, source, out)) return out;
  return fail(ErrorCode::internal, fmt::format("index {}: a document is not what Foldline wrote: {}", layout.index, source.substr(0, 300)),
              "something else writes to the index; keep it away, and rebuild the projection", false);
}

Result<std::vector<Watermark>> DocumentReader::read_watermarks(std::string_view source) {
  od::document document;
  od::object object;
  Document out;
  bool ok = impl_->begin(source, document, object);
  if (ok) {
    od::value hidden;
    if (!object.find_field_unordered(kHiddenField).get(hidden)) ok = read_hidden(hidden, out);
  }
  if (!ok) return fail(ErrorCode::internal, "a document is not what Foldline wrote");
  return std::move(out.watermarks);
}

}  // namespace foldline::elasticsearch
