#include "sinks/redis/resp.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace foldline::redis {

namespace {

void append_number(std::string& out, std::size_t value) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end);
}

}  // namespace

void append_argument(std::string& out, std::string_view argument) {
  std::array<char, 24> head;
  head[0] = '$';
  char* at = std::to_chars(head.data() + 1, head.data() + head.size(), argument.size()).ptr;
  *at++ = '\r';
  *at++ = '\n';
  const auto head_size = static_cast<std::size_t>(at - head.data());
  const std::size_t begin = out.size();
  out.resize(begin + head_size + argument.size() + 2);
  char* to = out.data() + begin;
  to = std::copy_n(head.data(), head_size, to);
  to = std::copy_n(argument.data(), argument.size(), to);
  *to++ = '\r';
  *to = '\n';
}

Request& Request::begin(std::size_t arguments) {
  bytes_ += '*';
  append_number(bytes_, arguments);
  bytes_ += "\r\n";
  ++commands_;
  return *this;
}

Request& Request::add(std::string_view argument) {
  append_argument(bytes_, argument);
  return *this;
}

Request& Request::add(std::int64_t argument) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), argument);
  return add(std::string_view(digits.data(), end));
}

Request& Request::command(std::initializer_list<std::string_view> arguments) {
  begin(arguments.size());
  for (const std::string_view argument : arguments) add(argument);
  return *this;
}

std::string_view Reply::text_of(const redisReply* reply) {
  if (reply == nullptr) return {};
  const bool has_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR;
  return has_text ? std::string_view(reply->str, static_cast<std::size_t>(reply->len)) : std::string_view();
}

}  // namespace foldline::redis
