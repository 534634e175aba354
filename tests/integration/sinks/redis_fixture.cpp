#include "tests/integration/sinks/redis_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace foldline::redis {

namespace {

constexpr auto kStartTimeout = std::chrono::seconds(20);

int free_port() {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(made, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("no free port");
  getsockname(made, reinterpret_cast<sockaddr*>(&address), &size);
  close(made);
  return ntohs(address.sin_port);
}

std::vector<std::string> texts_of(const redisReply& reply) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    const redisReply& element = *reply.element[i];
    if (element.type == REDIS_REPLY_NIL) {
      out.emplace_back("(nil)");
    } else if (element.type == REDIS_REPLY_INTEGER) {
      out.push_back(std::to_string(element.integer));
    } else {
      out.emplace_back(element.str == nullptr ? "" : std::string(element.str, static_cast<std::size_t>(element.len)));
    }
  }
  return out;
}

std::string print(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_NIL: return "(nil)";
    case REDIS_REPLY_INTEGER: return std::to_string(reply.integer);
    case REDIS_REPLY_ARRAY: return fmt::format("[{}]", fmt::join(texts_of(reply), ", "));
    default: return {reply.str, static_cast<std::size_t>(reply.len)};
  }
}

}  // namespace

PrivateRedis::PrivateRedis(std::vector<std::string> settings) : settings_(std::move(settings)), port_(free_port()) {
  std::string place = (std::filesystem::temp_directory_path() / "foldline-redis-XXXXXX").string();
  if (mkdtemp(place.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = place;
  start();
}

PrivateRedis::~PrivateRedis() {
  stop();
  std::filesystem::remove_all(directory_);
}

void PrivateRedis::start() {
  std::ofstream file(directory_ + "/redis.conf");
  file << "bind 127.0.0.1\nport " << port_ << "\nunixsocket " << directory_ << "/socket\ndir " << directory_ << "\nsave \"\"\nlogfile "
       << directory_ << "/log\n";
  for (const std::string& setting : settings_) file << setting << '\n';
  file.close();
  const std::string config = directory_ + "/redis.conf";
  process_ = fork();
  if (process_ == 0) {
    execlp("redis-server", "redis-server", config.c_str(), nullptr);
    _exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (std::chrono::steady_clock::now() < deadline) {
    if (ask({"PING"}) == "PONG") return;
    if (waitpid(process_, nullptr, WNOHANG) == process_) break;
    usleep(5'000);
  }
  throw std::runtime_error("redis-server does not start; is it installed?");
}

void PrivateRedis::stop() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  process_ = -1;
}

std::string PrivateRedis::ask(std::vector<std::string> words) {
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(redisConnectUnix((directory_ + "/socket").c_str()), &redisFree);
  if (context == nullptr || context->err != 0) return "(away)";
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    pointers.push_back(word.data());
    sizes.push_back(word.size());
  }
  auto* reply = static_cast<redisReply*>(redisCommandArgv(context.get(), static_cast<int>(words.size()), pointers.data(), sizes.data()));
  if (reply == nullptr) return "(away)";
  std::string out = print(*reply);
  freeReplyObject(reply);
  return out;
}

std::string PrivateRedis::show(const std::string& key) {
  const std::string type = ask({"TYPE", key});
  if (type == "none") return "(none)";
  if (type == "list") return ask({"LINDEX", key, "0"});
  if (type == "string") return ask({"GET", key});
  if (type == "zset") return ask({"ZRANGE", key, "0", "-1", "WITHSCORES"});
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(redisConnectUnix((directory_ + "/socket").c_str()), &redisFree);
  auto* reply =
      static_cast<redisReply*>(redisCommand(context.get(), type == "hash" ? "HGETALL %b" : "SMEMBERS %b", key.data(), key.size()));
  std::vector<std::string> texts = texts_of(*reply);
  freeReplyObject(reply);
  std::vector<std::string> lines;
  if (type == "hash") {
    for (std::size_t i = 0; i + 1 < texts.size(); i += 2) lines.push_back(texts[i] + "=" + texts[i + 1]);
  } else {
    lines = texts;
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, " "));
}

std::unique_ptr<RedisStore> RedisFixture::new_store(const std::vector<ViewSchema>& views, const std::string& projection,
                                                    StoreOptions options) {
  if (options.url.empty()) options.url = Secret(server.url());
  auto store = RedisStore::make(options, {projection, 1}, views);
  if (!store) {
    ADD_FAILURE() << store.error().message << " " << store.error().hint;
    return nullptr;
  }
  return std::move(*store);
}

std::unique_ptr<RedisStore> RedisFixture::prepared_store(const std::vector<ViewSchema>& views, const std::string& projection) {
  auto store = new_store(views, projection);
  const auto prepared = store->prepare();
  EXPECT_TRUE(prepared) << prepared.error().message << " " << prepared.error().hint;
  return store;
}

Type type_of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type numeric_type(std::int32_t precision, std::int32_t scale) {
  Type out = type_of(TypeKind::numeric);
  out.precision = precision;
  out.scale = scale;
  return out;
}

Field field(const std::string& name, Type type, std::uint8_t ops) {
  Field out;
  out.name = name;
  out.type = std::move(type);
  out.ops = ops;
  return out;
}

Field sum_field(const std::string& name, Type type, std::int64_t start) {
  Field out = field(name, std::move(type), op_bit(Op::set) | op_bit(Op::add));
  const bool numeric = out.type.kind == TypeKind::numeric;
  out.default_value = numeric ? Value::decimal(Decimal::from_int(start)) : Value::integer(start);
  out.not_null = true;
  return out;
}

ViewSchema view(const std::string& name, const std::string& kind, std::vector<std::pair<std::string, TypeKind>> key,
                std::vector<Field> fields) {
  ViewSchema out;
  out.name = name;
  out.kind = kind;
  for (const auto& [part, type] : key) out.key.push_back({part, type_of(type), ""});
  out.fields = std::move(fields);
  return out;
}

ViewSchema counter_view(const std::string& name) {
  return view(name, "counter", {{"id", TypeKind::text}}, {sum_field("value", type_of(TypeKind::bigint))});
}

OpenedSink open_sink(RedisStore& store, int partitions) {
  OpenedSink out;
  out.sink = std::move(*store.new_sink());
  for (int i = 0; i < partitions; ++i) out.partitions.push_back({"t", i});
  auto opened = out.sink->open({out.partitions, out.owner, 1'000});
  EXPECT_TRUE(opened) << opened.error().message << " " << opened.error().hint;
  if (opened) out.opened = std::move(*opened);
  return out;
}

std::string said(const CommitResult& result) {
  const std::string why = result.error.message + " / " + result.error.hint;
  switch (result.status) {
    case CommitStatus::committed: return "committed";
    case CommitStatus::fenced: return "fenced: " + why;
    case CommitStatus::retry: return "retry: " + why;
    case CommitStatus::rejected: return "rejected: " + why;
    case CommitStatus::refold: return "refold: " + why;
  }
  return "?";
}

}  // namespace foldline::redis
