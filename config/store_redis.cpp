// The keys of a Redis store.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/levels.h"

namespace foldline::config {
namespace {

constexpr std::array<std::string_view, 4> kSchemes = {"redis://", "unix://", "redis+sentinel://", "redis+cluster://"};
constexpr std::int64_t kLeastBuckets = 2;
constexpr std::int64_t kMostBuckets = 1'024;

void load_url(Reader& reader, const YamlNode& node, StoreSpec& out) {
  const auto url = reader.secret(node, "url", false);
  if (!url) return;
  const std::string& text = url->reveal();
  if (text.rfind("rediss://", 0) == 0) {
    reader.error(node.at, "`rediss://` (TLS) is part of the language and not built yet", "write redis:// and let a tunnel do the TLS");
    return;
  }
  const bool known = std::any_of(kSchemes.begin(), kSchemes.end(), [&](std::string_view s) { return text.rfind(s, 0) == 0; });
  if (!known) {
    reader.error(
        node.at, text.empty() ? "`url` is empty" : "`url` is no address of a Redis server",
        "write redis://user:password@host:6379/0, unix:///path, redis+sentinel://host,host/master or redis+cluster://host,host, the "
        "password by \"${VAR}\"");
    return;
  }
  out.url = *url;
}

void load_buckets(Reader& reader, const YamlNode& node, StoreSpec& out) {
  const auto buckets = reader.integer(node, "buckets", kLeastBuckets, kMostBuckets);
  if (buckets) out.buckets = static_cast<std::uint32_t>(*buckets);
}

constexpr Property<StoreSpec> kRedis[] = {
    {{.name = "url",
      .shape = Shape::text,
      .required = true,
      .doc = "redis://user:password@host:6379/database, unix:///path?db=0, redis+sentinel://host:26379,host:26379/master or "
             "redis+cluster://host:6379,host:6379; never printed"},
     load_url},
    {{.name = "buckets",
      .shape = Shape::number,
      .fallback = "`64`",
      .bounds = "2 to 1024",
      .doc = "of a cluster: into how many parts the rows go, each atomic by itself; it can't be changed later"},
     load_buckets},
};
constexpr Level<StoreSpec> kRedisLevel = {{"a redis store", "Store: redis",
                                           "Redis 7.0 or newer with `maxmemory-policy noeviction`: one server, one that Sentinel watches, "
                                           "or a Redis Cluster; see docs/redis.md."},
                                          kRedis};

}  // namespace

void load_redis(Reader& reader, const YamlNode& node, StoreSpec& out) {
  out.kind = "redis";
  read_level(reader, node, kRedisLevel, out);
  const auto buckets = std::find_if(node.entries.begin(), node.entries.end(), [](const YamlEntry& e) { return e.key.text == "buckets"; });
  if (buckets == node.entries.end() || out.url.empty() || out.url.reveal().rfind("redis+cluster://", 0) == 0) return;
  reader.error(buckets->key.at, "`buckets` belongs to a cluster, and `url` is not one's", "remove it, or write redis+cluster://host,host");
}

LevelDescription describe_redis() { return describe(kRedisLevel); }

}  // namespace foldline::config
