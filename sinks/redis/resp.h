// Commands and answers in Redis' protocol (RESP2: https://redis.io/docs/reference/protocol-spec).
//
//   Request request;   request.begin(3); request.add("HSET").add("key")...;   connection.send(request.bytes());
//   Reply reply = ...;   if (reply.is_error()) judge(reply.text());
//
// Requests are built into one buffer, several commands behind each other where they are pipelined. Answers are hiredis' own.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace foldline::redis {

// Not thread-safe; keeps its buffer.
class Request {
 public:
  void clear() {
    bytes_.clear();
    commands_ = 0;
  }
  // A command of `arguments` words, its name among them, which must follow.
  Request& begin(std::size_t arguments);
  Request& add(std::string_view argument);
  Request& add(std::int64_t argument);
  // A whole command.
  Request& command(std::initializer_list<std::string_view> arguments);
  // Arguments that were encoded apart.
  Request& add_encoded(std::string_view encoded) {
    bytes_ += encoded;
    return *this;
  }
  Request& append(const Request& other) {
    bytes_ += other.bytes_;
    commands_ += other.commands_;
    return *this;
  }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::size_t commands() const { return commands_; }

 private:
  std::string bytes_;
  std::size_t commands_ = 0;
};

// "$3\r\nabc\r\n"
void append_argument(std::string& out, std::string_view argument);

class Reply {
 public:
  Reply() = default;
  explicit Reply(redisReply* reply) : reply_(reply) {}

  [[nodiscard]] bool is_error() const { return type() == REDIS_REPLY_ERROR; }
  [[nodiscard]] bool is_nil() const { return type() == REDIS_REPLY_NIL; }
  [[nodiscard]] bool is_integer() const { return type() == REDIS_REPLY_INTEGER; }
  // Of a string, a status or an error; empty for anything else.
  [[nodiscard]] std::string_view text() const { return text_of(reply_.get()); }
  [[nodiscard]] std::int64_t integer() const { return is_integer() ? reply_->integer : 0; }
  // Of an array; 0 for anything else.
  [[nodiscard]] std::size_t size() const { return type() == REDIS_REPLY_ARRAY ? reply_->elements : 0; }
  [[nodiscard]] const redisReply* at(std::size_t i) const { return i < size() ? reply_->element[i] : nullptr; }
  [[nodiscard]] std::string_view text(std::size_t i) const { return text_of(at(i)); }

  [[nodiscard]] const redisReply* get() const { return reply_.get(); }
  static std::string_view text_of(const redisReply* reply);

 private:
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  [[nodiscard]] int type() const { return reply_ == nullptr ? 0 : reply_->type; }
  std::unique_ptr<redisReply, Free> reply_;
};

}  // namespace foldline::redis
