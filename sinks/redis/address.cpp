#include "sinks/redis/address.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace foldline::redis {

namespace {

constexpr std::string_view kShape =
    "write redis://USER:PASSWORD@HOST:PORT/DATABASE, unix:///PATH, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or "
    "redis+cluster://HOST:PORT,HOST:PORT; percent-encode special characters";

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::config, fmt::format("the store's url can't be read: {}", what), std::string(kShape));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

std::optional<int> number(std::string_view text, int least, int most) {
  int out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < least || out > most) return std::nullopt;
  return out;
}

// Takes "user:password@" off the front of `rest`.
Result<void> read_login(std::string_view& rest, Address& out) {
  const std::size_t slash = rest.find('/');
  const std::size_t at = rest.substr(0, slash).rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view login = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = login.find(':');
  const auto user = decoded(login.substr(0, colon));
  const auto password = decoded(colon == std::string_view::npos ? std::string_view() : login.substr(colon + 1));
  if (!user || !password) return wrong("a % stands for two hexadecimal digits, and here it does not");
  if (!user->empty() && password->empty()) return wrong("it names a user without a password");
  out.user = *user == "default" ? "" : *user;
  out.password = Secret(*password);
  return {};
}

Result<void> read_database(std::string_view text, Address& out) {
  if (text.empty()) return {};
  const auto database = number(text, 0, kMaxDatabase);
  if (!database) return wrong("the database is no number");
  out.database = *database;
  return {};
}

Result<void> read_host(std::string_view authority, HostPort& out) {
  std::string_view port;
  if (authority.starts_with('[')) {  // an IPv6 address
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return wrong("the `[` of its host is not closed");
    out.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!port.empty() && port.front() != ':') return wrong("behind `]` comes :PORT");
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  if (out.host.empty()) return wrong("it names no host");
  if (port.empty()) return {};
  const auto parsed = number(port, 1, 65'535);
  if (!parsed) return wrong("the port is no number from 1 to 65535");
  out.port = *parsed;
  return {};
}

// "a:1,b:2"
Result<void> read_nodes(std::string_view list, int default_port, Address& out) {
  while (true) {
    const std::size_t comma = list.find(',');
    HostPort& node = out.nodes.emplace_back();
    node.port = default_port;
    if (auto ok = read_host(list.substr(0, comma), node); !ok) return ok;
    if (out.nodes.size() > kMaxNodes) return wrong("it names too many servers");
    if (comma == std::string_view::npos) return {};
    list.remove_prefix(comma + 1);
  }
}

Result<Address> read_sentinels(std::string_view rest, Address out) {
  out.kind = AddressKind::sentinel;
  const std::size_t slash = rest.find('/');
  if (auto ok = read_nodes(rest.substr(0, slash), kDefaultSentinelPort, out); !ok) return fail(ok.error());
  const std::string_view path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  const std::size_t second = path.find('/');
  const auto name = decoded(path.substr(0, second));
  if (!name || name->empty()) return wrong("it does not name the master that the sentinels watch");
  out.master_name = *name;
  if (second == std::string_view::npos) return out;
  if (auto ok = read_database(path.substr(second + 1), out); !ok) return fail(ok.error());
  return out;
}

Result<Address> read_cluster(std::string_view rest, Address out) {
  out.kind = AddressKind::cluster;
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos && rest.substr(slash) != "/" && rest.substr(slash) != "/0") {
    return wrong("a Redis Cluster has one database only");
  }
  if (auto ok = read_nodes(rest.substr(0, slash), kDefaultPort, out); !ok) return fail(ok.error());
  return out;
}

// Takes `scheme` off the front of `rest`.
bool take(std::string_view& rest, std::string_view scheme) {
  if (!rest.starts_with(scheme)) return false;
  rest.remove_prefix(scheme.size());
  return true;
}

}  // namespace

Address Address::at(const HostPort& node) const {
  Address out = *this;
  out.host = node.host;
  out.port = node.port;
  if (kind == AddressKind::sentinel) out.kind = AddressKind::alone;
  return out;
}

std::string Address::to_string() const {
  std::string out = socket_path.empty() ? fmt::format("{}:{}", host, port) : socket_path;
  if (host.empty() && !nodes.empty()) {
    out = kind == AddressKind::sentinel ? fmt::format("master {} of the sentinels ", master_name) : "cluster ";
    for (std::size_t i = 0; i < nodes.size(); ++i) out += (i == 0 ? "" : ",") + nodes[i].to_string();
  }
  if (database != 0) out += fmt::format(", database {}", database);
  if (!user.empty()) out += fmt::format(", user {}", user);
  return out;
}

Result<Address> parse_address(const Secret& url) {
  std::string_view rest = url.reveal();
  Address out;
  if (rest.starts_with("rediss://")) {
    return fail(ErrorCode::config, "the store's url is rediss://, and TLS to Redis is not built yet",
                "write redis:// and let a tunnel (stunnel, a service mesh) do the TLS");
  }
  if (rest.starts_with("unix://")) {
    rest.remove_prefix(7);
    if (auto ok = read_login(rest, out); !ok) return fail(ok.error());
    const std::size_t question = rest.find('?');
    const auto path = decoded(rest.substr(0, question));
    if (!path || path->size() < 2 || path->front() != '/') return wrong("a Unix socket's path starts with `/`");
    out.socket_path = *path;
    if (question == std::string_view::npos) return out;
    const std::string_view query = rest.substr(question + 1);
    if (!query.starts_with("db=")) return wrong("behind `?` may only stand db=NUMBER");
    if (auto ok = read_database(query.substr(3), out); !ok) return fail(ok.error());
    return out;
  }
  const bool sentinels = take(rest, "redis+sentinel://");
  const bool cluster = !sentinels && take(rest, "redis+cluster://");
  if (!sentinels && !cluster && !take(rest, "redis://")) return wrong("it starts with neither redis:// nor unix://");
  if (auto ok = read_login(rest, out); !ok) return fail(ok.error());
  if (sentinels) return read_sentinels(rest, std::move(out));
  if (cluster) return read_cluster(rest, std::move(out));
  const std::size_t slash = rest.find('/');
  HostPort server;
  if (auto ok = read_host(rest.substr(0, slash), server); !ok) return fail(ok.error());
  out.host = server.host;
  out.port = server.port;
  if (slash == std::string_view::npos) return out;
  if (auto ok = read_database(rest.substr(slash + 1), out); !ok) return fail(ok.error());
  return out;
}

}  // namespace foldline::redis
