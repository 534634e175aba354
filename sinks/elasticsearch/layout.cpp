#include "sinks/elasticsearch/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/json.h"
#include "sinks/elasticsearch/mapping.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::size_t kMaxIndexNameBytes = 255;
constexpr std::size_t kSuffixBytes = 32;  // room for -gN-write

tl::unexpected<Error> bad_view(const ViewSchema& view, std::string_view what, std::string hint) {
  return fail(ErrorCode::config, fmt::format("view {}: {}", view.name, what), std::move(hint));
}

Result<void> check_kind(const ViewSchema& view) {
  if (view.kind != "index") {
    return bad_view(view, fmt::format("a search store keeps no {}", view.kind), "remove `kind`, or write `kind: index`");
  }
  if (view.expire_after_us != 0) {
    return bad_view(view, "`expire` is part of the language and not built yet for search stores",
                    "remove it; delete old documents by an event, or keep the view in Postgres");
  }
  if (!view.indexes.empty() || view.fillfactor != 0) {
    return bad_view(view, "`indexes`, `unique` and `fillfactor` are options of tables", "remove them: every field of an index is indexed");
  }
  if (view.store_name.find('{') != std::string::npos) {
    return bad_view(view, "`{part}` in a `name` is part of the language and not built yet", "keep one index; filter by the key part");
  }
  const std::string_view why = why_no_index_name(view.store_name);
  if (!why.empty()) return bad_view(view, fmt::format("the name {} can't be an index's: {}", view.store_name, why), "give it a `name`");
  return {};
}

class Properties {
 public:
  explicit Properties(const ViewSchema& view) : view_(view) {}

  Result<FieldLayout> add(const std::string& name, const Type& type, std::string_view extra) {
    if (name.starts_with('_')) {
      return bad_view(view_, fmt::format("the name {} begins with `_`", name), "the store and Foldline keep such names for themselves");
    }
    auto mapping = mapping_of(type, extra);
    if (!mapping) return bad_view(view_, fmt::format("field {}: {}", name, mapping.error().message), mapping.error().hint);
    members_.emplace_back(name, mapping->json);
    FieldLayout out;
    append_json_string(out.prefix, name);
    out.prefix += ':';
    out.mapping_type = mapping->type;
    return out;
  }

  Result<void> add_hidden() {
    members_.emplace_back(kHiddenField, R"({"type":"object","enabled":false})");
    members_.emplace_back(kDeletedField, R"({"type":"boolean"})");
    members_.emplace_back(kDeletedAtField, R"({"type":"date"})");
    return {};
  }

  // {"dynamic":"strict","properties":{...}}, and what the file adds.
  Result<std::string> mapping() {
    RawMembers out = {{"dynamic", "\"strict\""}};
    if (!view_.index.routing.empty()) out.emplace_back("_routing", R"({"required":true})");
    if (!view_.index.mappings.empty()) {
      auto added = raw_members(view_.index.mappings);
      if (!added) return bad_view(view_, added.error().message, "");
      for (auto& [name, value] : *added) {
        if (name == "properties") {
          if (auto ok = add_properties(value); !ok) return fail(ok.error());
        } else if (name == "dynamic" || name == "_source" || name == "_routing") {
          return bad_view(view_, fmt::format("options.mappings: `{}` can't be set", name), "documents would not come back as they are");
        } else {
          out.emplace_back(name, std::move(value));
        }
      }
    }
    out.emplace_back("properties", to_object(members_));
    return to_object(out);
  }

 private:
  Result<void> add_properties(std::string_view json) {
    auto added = raw_members(json);
    if (!added) return bad_view(view_, added.error().message, "");
    for (auto& [name, value] : *added) {
      if (std::any_of(members_.begin(), members_.end(), [&name = name](const auto& member) { return member.first == name; })) {
        return bad_view(view_, fmt::format("options.mappings names the field {}", name),
                        "write its parameters at the field: options: {...}");
      }
      members_.emplace_back(name, std::move(value));
    }
    return {};
  }

  const ViewSchema& view_;
  RawMembers members_;
};

// Settings that Foldline writes itself, by the keys of `options`.
Result<std::string> settings_of(const ViewSchema& view) {
  RawMembers out;
  if (view.index.shards > 0) out.emplace_back("number_of_shards", std::to_string(view.index.shards));
  if (view.index.replicas >= 0) out.emplace_back("number_of_replicas", std::to_string(view.index.replicas));
  if (!view.index.refresh_interval.empty()) out.emplace_back("refresh_interval", fmt::format("\"{}\"", view.index.refresh_interval));
  if (!view.index.settings.empty()) {
    auto added = raw_members(view.index.settings);
    if (!added) return bad_view(view, added.error().message, "");
    for (auto& [name, value] : *added) {
      const std::string_view bare = name.starts_with("index.") ? std::string_view(name).substr(6) : std::string_view(name);
      if (bare == "number_of_shards" || bare == "number_of_replicas" || bare == "refresh_interval") {
        return bad_view(view, fmt::format("options.settings: `{}` has an option of its own", name),
                        "write shards, replicas or refresh_interval");
      }
      if (bare.starts_with("translog") && value.find("async") != std::string::npos) {
        return bad_view(view, "options.settings: translog.durability async is refused",
                        "the store would acknowledge documents that a crash can lose; remove it (G26)");
      }
      out.emplace_back(name, std::move(value));
    }
  }
  return to_object(out);
}

}  // namespace

std::string why_no_index_name(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return "it is empty or a dot";
  if (name.size() + kSuffixBytes > kMaxIndexNameBytes) return fmt::format("it has {} bytes", name.size());
  if (name.front() == '-' || name.front() == '_' || name.front() == '+') return "it begins with -, _ or +";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c >= 'A' && c <= 'Z') return "it has an upper-case letter";
    if (byte <= 0x20 || byte == 0x7f || std::string_view("\\/*?\"<>|,#:").find(c) != std::string_view::npos) {
      return fmt::format("it has the character {}", byte <= 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c));
    }
  }
  return {};
}

std::string read_filter() { return fmt::format(R"({{"bool":{{"must_not":[{{"term":{{"{}":true}}}}]}}}})", kDeletedField); }

Result<ViewLayout> make_layout(const ViewSchema& view, std::uint32_t number, const ProjectionId& id) {
  if (auto ok = check_kind(view); !ok) return fail(ok.error());
  ViewLayout out;
  out.view = &view;
  out.number = number;
  out.index = fmt::format("{}-g{}", view.store_name, id.generation);
  out.read_alias = view.store_name;
  out.write_alias = out.index + "-write";
  out.shards = view.index.shards;
  Properties properties(view);
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    auto part = properties.add(view.key[i].name, view.key[i].type, "");
    if (!part) return fail(part.error());
    if (view.key[i].name == view.index.routing) out.routing = static_cast<int>(i);
    out.key.push_back(std::move(*part));
  }
  for (const Field& field : view.fields) {
    auto laid = properties.add(field.name, field.type, field.mapping);
    if (!laid) return fail(laid.error());
    out.fields.push_back(std::move(*laid));
  }
  if (!view.index.routing.empty() && out.routing < 0) {
    return bad_view(view, fmt::format("options.routing: {} is no part of the key", view.index.routing),
                    "a document never changes its shard");
  }
  if (auto ok = properties.add_hidden(); !ok) return fail(ok.error());
  auto mapping = properties.mapping();
  if (!mapping) return fail(mapping.error());
  out.mapping = std::move(*mapping);
  auto settings = settings_of(view);
  if (!settings) return fail(settings.error());
  out.settings = std::move(*settings);
  return out;
}

}  // namespace foldline::elasticsearch
