#include "sinks/elasticsearch/prepare.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"
#include "sinks/elasticsearch/checkpoints.h"

namespace foldline::elasticsearch {

namespace {

constexpr long kAcceptMissing[] = {404};
constexpr long kAcceptRefused[] = {400};

Error config_error(const ViewLayout& layout, std::string message, std::string hint) {
  return {ErrorCode::config, fmt::format("view {}: {}", layout.view->name, std::move(message)), std::move(hint), false};
}

Result<bool> exists(Cluster& cluster, std::string_view name, std::string_view doing) {
  auto answer = cluster.call({Method::get, fmt::format("/{}/_alias", percent_encoded(name)), ContentType::json, {}}, doing, kAcceptMissing);
  if (!answer) return fail(answer.error());
  return answer->status != 404;
}

// Whether it exists as an index of this very name, and not as an alias.
Result<bool> is_index(Cluster& cluster, std::string_view name, std::string_view doing) {
  auto answer = cluster.call({Method::get, fmt::format("/{}/_alias", percent_encoded(name)), ContentType::json, {}}, doing, kAcceptMissing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  return answer->status != 404 && parsed && find(*parsed, name) != nullptr;
}

// True: made. False: somebody else was faster.
Result<bool> create_index(Cluster& cluster, std::string_view index, const std::string& body, std::string_view doing) {
  auto answer = cluster.call({Method::put, fmt::format("/{}", percent_encoded(index)), ContentType::json, body}, doing, kAcceptRefused);
  if (!answer) return fail(answer.error());
  if (answer->status != 400) return true;
  if (answer->body.find("resource_already_exists_exception") != std::string::npos) return false;
  Error error = error_of(*answer, doing);
  error.code = ErrorCode::config;
  error.hint = "correct the view's options";
  return fail(std::move(error));
}

// G26, and what the index was made with.
Result<void> check_settings(Cluster& cluster, const ViewLayout& layout) {
  const std::string doing = fmt::format("reading the settings of {}", layout.index);
  auto answer = cluster.call({Method::get,
                              fmt::format("/{}/_settings?include_defaults=true&filter_path=*.settings.index.translog.durability,"
                                          "*.defaults.index.translog.durability,*.settings.index.number_of_shards",
                                          percent_encoded(layout.index)),
                              ContentType::json,
                              {}},
                             doing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  if (!parsed || !parsed->is(Kind::map)) return {};
  for (const MapEntry& index : parsed->as_map()) {
    for (const std::string_view part : {"settings", "defaults"}) {
      const Value* group = find(index.value, part);
      const Value* settings = group == nullptr ? nullptr : find(*group, "index");
      if (settings == nullptr) continue;
      const Value* translog = find(*settings, "translog");
      std::string durability = translog == nullptr ? "" : text(*translog, "durability");
      for (char& c : durability) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      if (durability == "async") {
        return fail(config_error(layout, fmt::format("the index {} has translog.durability async", layout.index),
                                 "it acknowledges documents that a crash can lose; set it to request (G26)"));
      }
      const std::string shards = text(*settings, "number_of_shards");
      if (layout.shards > 0 && !shards.empty() && shards != std::to_string(layout.shards)) {
        return fail(
            config_error(layout, fmt::format("the index {} has {} shards, the file says {}", layout.index, shards, layout.shards),
                         "a shard count can't be changed in place: put the old one back, or build the views anew: foldline rebuild FILE"));
      }
    }
  }
  return {};
}

Result<void> update_mapping(Cluster& cluster, const ViewLayout& layout) {
  const std::string doing = fmt::format("updating the mapping of {}", layout.index);
  auto answer = cluster.call({Method::put, fmt::format("/{}/_mapping", percent_encoded(layout.index)), ContentType::json, layout.mapping},
                             doing, kAcceptRefused);
  if (!answer) return fail(answer.error());
  if (answer->status != 400) return {};
  const Error why = error_of(*answer, doing);
  return fail(config_error(layout, why.message,
                           "what the index holds would have to be built anew: put the old type back, or do it: foldline rebuild FILE"));
}

}  // namespace

Result<std::string> check_server(Cluster& cluster, std::string_view family) {
  auto answer = cluster.call({Method::get, "/", ContentType::json, {}}, "asking the search store who it is");
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  const Value* version = parsed ? find(*parsed, "version") : nullptr;
  if (version == nullptr) {
    return fail(ErrorCode::store_unavailable, "what answers at the store's address is no search cluster: GET / has no version",
                "check `url`; a proxy may answer in its place", true);
  }
  const std::string number = text(*version, "number");
  const std::string distribution = text(*version, "distribution");
  const bool opensearch = distribution == "opensearch";
  const std::string found = fmt::format("{} {}", opensearch ? "opensearch" : "elasticsearch", number);
  if (!distribution.empty() && !opensearch && distribution != "elasticsearch") {
    return fail(ErrorCode::config, fmt::format("the search store is {} {}", distribution, number),
                "use OpenSearch 2 or Elasticsearch 7 or 8");
  }
  const int major = number.empty() ? 0 : std::atoi(number.c_str());
  const bool known = opensearch ? major >= 2 : major == 7 || major == 8 || major == 9;
  if (!known) {
    return fail(ErrorCode::config, fmt::format("the search store is {}, which is not known to keep what Foldline needs", found),
                "use OpenSearch 2 or newer, or Elasticsearch 7 to 9");
  }
  if (!family.empty() && !found.starts_with(family)) {
    return fail(ErrorCode::config, fmt::format("the file says {}, and {} answers", family, found),
                fmt::format("write store: {{{}: ...}}", opensearch ? "opensearch" : "elasticsearch"));
  }
  return found;
}

Result<void> prepare_system_index(Cluster& cluster, std::string_view index, std::string_view alias) {
  const std::string doing = fmt::format("making {}", alias);
  auto there = exists(cluster, alias, doing);
  if (!there) return fail(there.error());
  if (*there) return {};
  auto made = create_index(cluster, index, system_index_body(alias), doing);
  if (!made) return fail(made.error());
  return {};
}

Result<void> prepare_view(Cluster& cluster, const ViewLayout& layout, bool building) {
  const std::string doing = fmt::format("making the index {}", layout.index);
  auto taken = is_index(cluster, layout.read_alias, doing);
  if (!taken) return fail(taken.error());
  if (*taken) {
    return fail(config_error(layout, fmt::format("{} is an index that Foldline did not make", layout.read_alias),
                             "it has to be an alias of Foldline's: delete or rename that index, or give the view another `name`"));
  }
  auto there = exists(cluster, layout.index, doing);
  if (!there) return fail(there.error());
  auto alias_there = exists(cluster, layout.read_alias, doing);
  if (!alias_there) return fail(alias_there.error());
  const bool needs_alias = !building && !*alias_there;
  if (!*there) {
    const std::string read = needs_alias ? fmt::format(R"("{}":{{"filter":{}}},)", layout.read_alias, read_filter()) : "";
    const std::string body = fmt::format(R"({{"settings":{},"mappings":{},"aliases":{{{}"{}":{{}}}}}})", layout.settings, layout.mapping,
                                         read, layout.write_alias);
    auto made = create_index(cluster, layout.index, body, doing);
    if (!made) return fail(made.error());
    if (*made) spdlog::info("search: made the index {} of the view {}", layout.index, layout.read_alias);
    return check_settings(cluster, layout);
  }
  if (auto ok = check_settings(cluster, layout); !ok) return ok;
  if (auto ok = update_mapping(cluster, layout); !ok) return ok;
  // Both are there unless somebody took them away.
  std::string actions = fmt::format(R"({{"add":{{"index":"{}","alias":"{}"}}}})", layout.index, layout.write_alias);
  if (needs_alias) {
    actions += fmt::format(R"(,{{"add":{{"index":"{}","alias":"{}","filter":{}}}}})", layout.index, layout.read_alias, read_filter());
  }
  auto aliased = cluster.call({Method::post, "/_aliases", ContentType::json, fmt::format(R"({{"actions":[{}]}})", actions)}, doing);
  if (!aliased) return fail(aliased.error());
  return {};
}

Result<void> check_read_alias(Cluster& cluster, const ViewLayout& layout) {
  const std::string doing = fmt::format("reading the alias {}", layout.read_alias);
  auto answer = cluster.call(
      {Method::get, fmt::format("/{}/_alias/{}", percent_encoded(layout.index), percent_encoded(layout.read_alias)), ContentType::json, {}},
      doing, kAcceptMissing);
  if (!answer) return fail(answer.error());
  if (answer->status != 404) return {};
  return fail(config_error(
      layout, fmt::format("{} is the live generation's index, and the alias {} stands on another", layout.index, layout.read_alias),
      "was foldline-checkpoints deleted or restored? put the alias back, or build the views anew: foldline rebuild FILE"));
}

}  // namespace foldline::elasticsearch
