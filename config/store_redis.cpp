// The keys of a Redis store.
#include <string>

#include "config/levels.h"

namespace foldline::config {
namespace {

void load_url(Reader& reader, const YamlNode& node, StoreSpec& out) {
  const auto url = reader.secret(node, "url", false);
  if (!url) return;
  const std::string& text = url->reveal();
  if (text.rfind("rediss://", 0) == 0) {
    reader.error(node.at, "`rediss://` (TLS) is part of the language and not built yet", "write redis:// and let a tunnel do the TLS");
    return;
  }
  if (text.rfind("redis://", 0) != 0 && text.rfind("unix://", 0) != 0) {
    reader.error(node.at, text.empty() ? "`url` is empty" : "`url` is no address of a Redis server",
                 "write redis://user:password@host:6379/0 or unix:///path, the password by \"${VAR}\"");
    return;
  }
  out.url = *url;
}

constexpr Property<StoreSpec> kRedis[] = {
    {{.name = "url",
      .shape = Shape::text,
      .required = true,
      .doc = "redis://user:password@host:6379/database, or unix:///path?db=0; never printed"},
     load_url},
};
constexpr Level<StoreSpec> kRedisLevel = {
    {"a redis store", "Store: redis", "One Redis that stands alone, 7.0 or newer, with `maxmemory-policy noeviction`; see docs/redis.md."},
    kRedis};

}  // namespace

void load_redis(Reader& reader, const YamlNode& node, StoreSpec& out) {
  out.kind = "redis";
  read_level(reader, node, kRedisLevel, out);
}

LevelDescription describe_redis() { return describe(kRedisLevel); }

}  // namespace foldline::config
