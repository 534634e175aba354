#include "sinks/redis/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "sinks/redis/errors.h"
#include "sinks/redis/sentinel.h"

namespace foldline::redis {

namespace {

constexpr std::string_view kConnectionName = "foldline";

tl::unexpected<Error> login_refused(const Address& address, std::string_view refused) {
  const std::string_view code = code_of(refused);
  const bool passing = code == "LOADING" || code == "BUSY" || code == "MASTERDOWN";
  Error error = refusal(fmt::format("logging in ({})", address.to_string()), refused);
  if (!passing && code != "NOAUTH" && code != "NOPERM") {
    error.hint = "check user, password and database of the store's url";
    error.retryable = false;
  }
  return fail(std::move(error));
}

// What is gone can't be told from what never was.
std::string evicted(std::string_view info) {
  const std::string_view count = info_value(info, "evicted_keys");
  if (count.empty() || count == "0") return {};
  return fmt::format("; this server has evicted {} keys since its start: if rows were among them, rebuild the projection", count);
}

// Every command of the scripts, on a key of each type. Answers the first that is refused.
constexpr std::string_view kProbeScript = R"LUA(
local key = KEYS[1]
local commands = {
  {'DEL', key}, {'HSET', key, 'f', '1'}, {'HMGET', key, 'f'}, {'HGET', key, 'f'}, {'HLEN', key}, {'HKEYS', key},
  {'PEXPIREAT', key, '99999999999999'}, {'PEXPIRETIME', key}, {'PERSIST', key}, {'TYPE', key}, {'HDEL', key, 'f'},
  {'SET', key, '1'}, {'SET', key, '2', 'KEEPTTL'}, {'GET', key}, {'MGET', key}, {'MSET', key, '3'}, {'INCRBY', key, '1'}, {'INCR', key}, {'EXISTS', key}, {'DEL', key},
  {'ZADD', key, '1', 'm'}, {'ZMSCORE', key, 'm'}, {'ZREM', key, 'm'}, {'SADD', key, 'm'}, {'SCARD', key}, {'SREM', key, 'm'}}
for _, command in ipairs(commands) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err then
    redis.pcall('DEL', key)
    return {command[1], answer.err}
  end
end
return {'ok'}
)LUA";

}  // namespace

std::string_view info_value(std::string_view info, std::string_view name) {
  const std::string wanted = fmt::format("{}:", name);
  for (std::size_t at = info.find(wanted); at != std::string_view::npos; at = info.find(wanted, at + 1)) {
    if (at != 0 && info[at - 1] != '\n') continue;
    const std::string_view rest = info.substr(at + wanted.size());
    return rest.substr(0, rest.find_first_of("\r\n"));
  }
  return {};
}

Result<void> check_server(std::string_view info, AddressKind kind, const std::string& where) {
  const std::string_view version = info_value(info, "redis_version");
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  if (major < kMinServerMajor) {
    return fail(ErrorCode::config, fmt::format("Redis {} is too old ({})", version.empty() ? "of unknown version" : version, where),
                fmt::format("Foldline needs {}.0 or newer", kMinServerMajor));
  }
  if (info_value(info, "cluster_enabled") == "1" && kind != AddressKind::cluster) {
    return fail(ErrorCode::config,
                fmt::format("this is a node of a Redis Cluster ({}), and the store's url is one of a single Redis", where),
                "write redis+cluster://HOST:PORT,HOST:PORT: other keys, in buckets (docs/redis.md)");
  }
  if (info_value(info, "cluster_enabled") != "1" && kind == AddressKind::cluster) {
    return fail(ErrorCode::config, fmt::format("this Redis stands alone ({}), and the store's url is a cluster's", where),
                "write redis://HOST:PORT/DATABASE");
  }
  const std::string_view policy = info_value(info, "maxmemory_policy");
  if (policy != "noeviction") {
    return fail(
        ErrorCode::config,
        fmt::format("Redis' maxmemory-policy is {} ({}): it could evict rows and checkpoints", policy.empty() ? "unknown" : policy, where),
        fmt::format("CONFIG SET maxmemory-policy noeviction, and in redis.conf; rows that may go should `expire` (G22){}", evicted(info)));
  }
  if (info_value(info, "role") != "master") {
    return fail(ErrorCode::store_unavailable, fmt::format("this Redis is a replica ({})", where),
                "point the store's url at the master; the worker goes on when this one is promoted", true);
  }
  return {};
}

void add_login(Request& request, const Address& address) {
  if (address.password.empty()) return;
  if (address.user.empty()) {
    request.command({"AUTH", address.password.reveal()});
  } else {
    request.command({"AUTH", address.user, address.password.reveal()});
  }
}

Result<Session> Session::open(const Address& address, const Timeouts& timeouts) {
  if (address.kind == AddressKind::sentinel) return open_by_sentinels(address, timeouts);
  auto connection = Connection::open(address, timeouts);
  if (!connection) return fail(connection.error());
  Request request;
  add_login(request, address);
  const std::size_t logins = request.commands();
  if (address.database != 0) request.command({"SELECT", std::to_string(address.database)});
  const std::size_t selects = request.commands() - logins;
  request.command({"CLIENT", "SETNAME", kConnectionName});  // for people who look at CLIENT LIST; may be refused
  request.command({"INFO"});
  const auto replies = connection->round_trip(request);
  if (!replies) return fail(replies.error());
  for (std::size_t i = 0; i < logins + selects; ++i) {
    if ((*replies)[i].is_error()) return login_refused(address, (*replies)[i].text());
  }
  const Reply& info = replies->back();
  if (info.is_error() && code_of(info.text()) == "NOPERM") {
    return fail(ErrorCode::config,
                fmt::format("the user may not run INFO ({}), so maxmemory-policy can't be checked (G22)", address.to_string()),
                "ACL SETUSER NAME +info; docs/redis.md lists all that a worker needs");
  }
  if (info.is_error()) return login_refused(address, info.text());
  if (auto ok = check_server(info.text(), address.kind, address.to_string()); !ok) return fail(ok.error());
  return Session{std::move(*connection)};
}

Result<void> check_rebuild_commands(Connection& connection, const std::string& scratch_key) {
  const std::string moved = scratch_key + ":moved";
  Request request;
  request.command({"SET", scratch_key, "1"});
  request.command({"RENAME", scratch_key, moved});
  request.command({"SRANDMEMBER", scratch_key, "1"});
  request.command({"SCAN", "0", "MATCH", scratch_key, "COUNT", "1"});
  request.command({"HINCRBY", scratch_key, "n", "1"});
  request.command({"UNLINK", scratch_key, moved});
  constexpr std::array kNames = {"SET", "RENAME", "SRANDMEMBER", "SCAN", "HINCRBY", "UNLINK"};
  const auto replies = connection.round_trip(request);
  if (!replies) return fail(replies.error());
  for (std::size_t i = 0; i < replies->size(); ++i) {
    const Reply& reply = (*replies)[i];
    if (!reply.is_error()) continue;
    const std::string_view name = kNames[i];
    if (code_of(reply.text()) != "NOPERM") return fail(refusal(fmt::format("trying {}, which a rebuild needs", name), reply.text()));
    return fail(ErrorCode::config, fmt::format("the user lacks a permission that a rebuild needs: {}", name),
                "ACL SETUSER NAME +rename +scan +unlink +srandmember +hincrby; docs/redis.md lists all that a worker needs");
  }
  return {};
}

Result<void> recheck_server(Session& session, const Address& address) {
  Request request;
  request.command({"INFO"});
  const auto replies = session.connection.round_trip(request);
  if (!replies) return fail(replies.error());
  const Reply& info = replies->front();
  if (info.is_error()) return fail(refusal(fmt::format("asking for INFO ({})", address.to_string()), info.text()));
  return check_server(info.text(), address.kind, address.to_string());
}

Result<void> check_commands(Connection& connection, const std::string& scratch_key) {
  Request request;
  request.command({"EVAL", kProbeScript, "1", scratch_key});
  const auto replies = connection.round_trip(request);
  if (!replies) return fail(replies.error());
  const Reply& reply = replies->front();
  if (reply.text(0) == "ok") return {};
  if (reply.is_error()) return fail(refusal("trying the commands that a commit needs", reply.text()));
  const std::string_view why = reply.text(1);
  const bool by_acl = why.find("NOPERM") != std::string_view::npos || why.find("permission") != std::string_view::npos ||
                      why.find("user executing the script") != std::string_view::npos;
  if (!by_acl) return fail(refusal(fmt::format("trying {}, which a commit needs", reply.text(0)), why));
  return fail(ErrorCode::config, fmt::format("the user lacks a permission that commits need: {}", reply.text(0)),
              fmt::format("ACL SETUSER NAME +{}; docs/redis.md lists all that a worker needs", reply.text(0)));
}

}  // namespace foldline::redis
