#include "sinks/registry.h"

#include <fmt/format.h>

#include <array>

#include "sinks/elasticsearch/store.h"
#include "sinks/memory/memory_store.h"
#include "sinks/postgres/store.h"
#include "sinks/redis/cluster_store.h"
#include "sinks/redis/store.h"

namespace foldline {

namespace {

using Opened = Result<std::unique_ptr<Store>>;

Opened open_postgres(const config::StoreSpec& spec, const StoreContext& context) {
  postgres::StoreOptions options;
  options.url = spec.url;
  if (!spec.schema.empty()) options.schema = spec.schema;
  options.building = context.building;
  options.exact_ids = context.exact_ids;
  auto store = postgres::PostgresStore::make(options, context.id, context.views);
  if (!store) return fail(store.error());
  return std::move(*store);
}

Opened open_redis(const config::StoreSpec& spec, const StoreContext& context) {
  redis::StoreOptions options;
  options.url = spec.url;
  options.building = context.building;
  options.buckets = spec.buckets;
  const auto address = redis::parse_address(spec.url);
  if (address && address->kind == redis::AddressKind::cluster) {
    auto cluster = redis::ClusterStore::make(options, context.id, context.views);
    if (!cluster) return fail(cluster.error());
    return std::move(*cluster);
  }
  auto store = redis::RedisStore::make(options, context.id, context.views);
  if (!store) return fail(store.error());
  return std::move(*store);
}

Opened open_search(const config::StoreSpec& spec, const StoreContext& context) {
  elasticsearch::StoreOptions options;
  options.family = spec.kind;
  options.building = context.building;
  const config::SearchSpec& search = spec.search;
  options.http = {.urls = search.urls,
                  .username = search.username,
                  .password = search.password,
                  .api_key = search.api_key,
                  .ca_file = search.ca_file,
                  .verify = search.verify};
  options.limits.connections = search.connections;
  auto store = elasticsearch::ElasticsearchStore::make(options, context.id, context.views);
  if (!store) return fail(store.error());
  return std::move(*store);
}

Opened open_memory(const config::StoreSpec& /*spec*/, const StoreContext& context) {
  return std::make_unique<memory::MemoryStore>(context.views);
}

struct StoreKind {
  std::string_view name;
  Opened (*open)(const config::StoreSpec& spec, const StoreContext& context);
};

constexpr std::array kKinds = {
    StoreKind{"postgres", open_postgres}, StoreKind{"redis", open_redis},          StoreKind{"memory", open_memory},
    StoreKind{"opensearch", open_search}, StoreKind{"elasticsearch", open_search},
};

}  // namespace

Opened open_store(const config::StoreSpec& spec, const StoreContext& context) {
  for (const StoreKind& kind : kKinds) {
    if (kind.name == spec.kind) return kind.open(spec, context);
  }
  return fail(ErrorCode::config, fmt::format("there is no store `{}` in this build", spec.kind),
              fmt::format("use one of: {}", store_kinds()));
}

std::string_view store_kinds() { return "postgres, redis, memory, opensearch, elasticsearch"; }

}  // namespace foldline
