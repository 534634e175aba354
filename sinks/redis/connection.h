// A socket to Redis, owned, with a deadline on every wait.
//
//   auto c = Connection::open(address, timeouts);
//   auto replies = c->round_trip(request);            // one for each command, in order
//
// Own socket instead of hiredis' redisContext: its deadlines hold for a whole answer and not for each read, and TLS can come to stand
// under it. Not thread-safe. After an error the connection is of no more use (is_broken()): open another one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "sinks/redis/address.h"
#include "sinks/redis/resp.h"

namespace foldline::redis {

struct Timeouts {
  int connect_ms = 5'000;
  int answer_ms = 15'000;  // from the first byte sent to the last answer of a round trip
};

class Connection {
 public:
  // Errors (code store_unavailable, retryable) name the address.
  static Result<Connection> open(const Address& address, const Timeouts& timeouts);

  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Sends all of the request's commands and reads as many answers. Refusals by the server are answers (Reply::is_error()).
  // An error: the connection was lost or ran into its deadline, and which of the commands were carried out is not known (G5).
  Result<std::vector<Reply>> round_trip(const Request& request);
  // The same in two halves, so that several servers work at once: start() all, then finish() each. The request must live until then.
  Result<void> start(const Request& request);
  Result<std::vector<Reply>> finish();

  // Of the last exchange: from when the last of the request had left until the last answer was there.
  [[nodiscard]] std::chrono::microseconds waited() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(answered_at_ - sent_at_);
  }

  [[nodiscard]] bool is_broken() const { return socket_ < 0; }
  // The server is not what it should be (a replica by now): the next session looks it up again.
  void close();

 private:
  explicit Connection(int socket, const Timeouts& timeouts, std::string name);
  Result<void> send_some();
  Result<std::vector<Reply>> exchange();

  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  int socket_ = -1;
  Timeouts timeouts_;
  std::string name_;
  std::chrono::steady_clock::time_point deadline_{};
  std::chrono::steady_clock::time_point sent_at_{};
  std::chrono::steady_clock::time_point answered_at_{};
  std::string_view unsent_;
  std::size_t awaited_ = 0;
  std::unique_ptr<redisReader, FreeReader> reader_;
};

}  // namespace foldline::redis
