#include "sinks/elasticsearch/mapping.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "common/json.h"
#include "sinks/elasticsearch/layout.h"

namespace foldline::elasticsearch {

namespace {

std::string power_of_ten(int exponent) { return "1" + std::string(static_cast<std::size_t>(exponent), '0'); }

RawMembers own_mapping(const Type& type) {
  const auto plain = [](std::string_view name) { return RawMembers{{"type", fmt::format("\"{}\"", name)}}; };
  switch (type.kind) {
    case TypeKind::boolean: return plain("boolean");
    case TypeKind::int32: return plain("integer");
    case TypeKind::bigint:
    case TypeKind::interval: return plain("long");
    case TypeKind::floating: return plain("double");
    case TypeKind::numeric:
      if (type.precision == 0 || type.precision > kMaxScaledDigits) return plain("keyword");
      return {{"type", "\"scaled_float\""}, {"scaling_factor", power_of_ten(type.scale)}};
    case TypeKind::text:
      return {{"type", "\"text\""},
              {"fields", fmt::format(R"({{"keyword":{{"type":"keyword","ignore_above":{}}}}})", kKeywordIgnoreAbove)}};
    case TypeKind::keyword:
    case TypeKind::uuid:
    case TypeKind::enumeration: return plain("keyword");
    case TypeKind::date: return plain("date");
    case TypeKind::timestamptz: return plain("date_nanos");
    case TypeKind::json: return {{"type", "\"object\""}, {"enabled", "false"}};
    case TypeKind::bytes: return plain("binary");
    case TypeKind::inet: return plain("ip");
    case TypeKind::list:
    case TypeKind::set: return own_mapping(*type.element);
  }
  return plain("keyword");
}

// What a document's text means must not change under the sink.
constexpr std::string_view kForbidden[] = {"enabled", "dynamic", "null_value", "copy_to", "properties"};

bool may_replace_type(std::string_view own, std::string_view other) {
  return own == other || (own == "date_nanos" && other == "date") || (own == "date" && other == "date_nanos") ||
         (own == "keyword" && (other == "text" || other == "wildcard" || other == "constant_keyword")) ||
         (own == "text" && (other == "keyword" || other == "match_only_text" || other == "search_as_you_type")) ||
         (own == "scaled_float" && (other == "double" || other == "keyword"));
}

}  // namespace

std::string to_object(const RawMembers& members) {
  std::string out = "{";
  for (const auto& [name, value] : members) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    out += value;
  }
  return out + "}";
}

Result<RawMembers> raw_members(std::string_view json) {
  namespace od = simdjson::ondemand;
  const auto bad = [&] { return fail(ErrorCode::config, fmt::format("not a JSON object: {}", json.substr(0, 200))); };
  const simdjson::padded_string text(json);
  od::parser parser;
  od::document document;
  od::object object;
  if (parser.iterate(text).get(document) || document.get_object().get(object)) return bad();
  RawMembers out;
  for (auto member : object) {
    std::string_view name;
    if (member.unescaped_key().get(name)) return bad();
    std::string owned(name);
    od::value value;
    if (member.value().get(value)) return bad();
    od::json_type type{};
    if (value.type().get(type)) return bad();
    std::string_view raw;
    if (type == od::json_type::object) {
      od::object inner;
      if (value.get_object().get(inner) || inner.raw_json().get(raw)) return bad();
    } else if (type == od::json_type::array) {
      od::array inner;
      if (value.get_array().get(inner) || inner.raw_json().get(raw)) return bad();
    } else {
      raw = value.raw_json_token();
    }
    while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\n')) raw.remove_suffix(1);
    out.emplace_back(std::move(owned), std::string(raw));
  }
  return out;
}

Result<Mapping> mapping_of(const Type& type, std::string_view extra) {
  RawMembers members = own_mapping(type);
  const auto unquoted = [](std::string_view text) { return text.size() < 2 ? text : text.substr(1, text.size() - 2); };
  const std::string own(unquoted(members.front().second));
  if (!extra.empty()) {
    auto added = raw_members(extra);
    if (!added) return fail(added.error());
    for (auto& [name, value] : *added) {
      if (std::find(std::begin(kForbidden), std::end(kForbidden), name) != std::end(kForbidden)) {
        return fail(ErrorCode::config, fmt::format("the mapping parameter `{}` can't be set here", name), "remove it from `options`");
      }
      if (name == "type" && !may_replace_type(own, unquoted(value))) {
        return fail(ErrorCode::config, fmt::format("a {} can't be mapped as {}", type.name(), value), "change the field's type instead");
      }
      const auto same = std::find_if(members.begin(), members.end(), [&name = name](const auto& member) { return member.first == name; });
      if (same != members.end()) {
        same->second = std::move(value);
      } else {
        members.emplace_back(name, std::move(value));
      }
    }
  }
  Mapping out;
  out.type = std::string(unquoted(members.front().second));
  if (out.type != own) {  // parameters of the type that was replaced
    std::erase_if(members, [](const auto& member) { return member.first == "scaling_factor"; });
    if (own == "text")
      std::erase_if(members,
                    [&](const auto& member) { return member.first == "fields" && extra.find("\"fields\"") == std::string_view::npos; });
  }
  out.json = to_object(members);
  return out;
}

}  // namespace foldline::elasticsearch
