#include "sinks/redis/resp.h"

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
  out += '$';
  append_number(out, argument.size());
  out += "\r\n";
  out += argument;
  out += "\r\n";
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
