#include "bench/limits/redis_limit.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

namespace foldline::bench {

namespace {

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "redis: {}\n", what);
  std::exit(1);
}

}  // namespace

BarePipeline::BarePipeline(const redis::Address& address)
    : context_(
          address.socket_path.empty() ? redisConnect(address.host.c_str(), address.port) : redisConnectUnix(address.socket_path.c_str()),
          &redisFree) {
  if (context_ == nullptr || context_->err != 0) give_up(context_ == nullptr ? "out of memory" : context_->errstr);
  std::vector<CommandWords> login;
  if (!address.password.empty() && address.user.empty()) login.push_back({"AUTH", address.password.reveal()});
  if (!address.password.empty() && !address.user.empty()) login.push_back({"AUTH", address.user, address.password.reveal()});
  login.push_back({"SELECT", std::to_string(address.database)});
  run(login);
}

double BarePipeline::run(const std::vector<CommandWords>& commands) {
  std::string bytes;
  for (const CommandWords& words : commands) {
    bytes += fmt::format("*{}\r\n", words.size());
    for (const std::string& word : words) bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
  }
  return run_encoded(bytes, commands.size());
}

double BarePipeline::run_encoded(const std::string& bytes, std::size_t commands) {
  const auto start = std::chrono::steady_clock::now();
  redisAppendFormattedCommand(context_.get(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < commands; ++i) {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) give_up(context_->errstr);
    auto* answer = static_cast<redisReply*>(reply);
    if (answer->type == REDIS_REPLY_ERROR) give_up(answer->str);
    freeReplyObject(answer);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void BarePipeline::delete_keys(const std::string& pattern) {
  std::string cursor = "0";
  do {
    auto* reply = static_cast<redisReply*>(redisCommand(context_.get(), "SCAN %s MATCH %s COUNT 10000", cursor.c_str(), pattern.c_str()));
    if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY) give_up("SCAN failed");
    cursor = reply->element[0]->str;
    std::vector<CommandWords> deletes;
    for (std::size_t i = 0; i < reply->element[1]->elements; ++i) deletes.push_back({"DEL", reply->element[1]->element[i]->str});
    freeReplyObject(reply);
    if (!deletes.empty()) run(deletes);
  } while (cursor != "0");
}

}  // namespace foldline::bench
