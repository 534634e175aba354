#include "sinks/redis/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/fault_point.h"

namespace foldline::redis {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 64 * 1024;
// Sent bytes that stay unacknowledged this long, or a silent peer, end the connection.
constexpr int kTcpUserTimeoutMs = 30'000;
constexpr int kKeepAliveIdleS = 10;

tl::unexpected<Error> lost(const std::string& name, std::string_view what) {
  return fail(ErrorCode::store_unavailable, fmt::format("Redis ({}): {}", name, what), "the worker connects again and goes on by itself",
              true);
}

std::string system_error() { return std::strerror(errno); }  // NOLINT(concurrency-mt-unsafe): glibc's is

// 0: the deadline passed; <0: errno.
int wait_for(int socket, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left < 0) return 0;
    pollfd wanted{socket, events, 0};
    const int ready = poll(&wanted, 1, static_cast<int>(left) + 1);
    if (ready >= 0 || errno != EINTR) return ready;
  }
}

void set_option(int socket, int level, int option, int value) { setsockopt(socket, level, option, &value, sizeof value); }

// A connected, non-blocking socket, or what went wrong.
Result<int> connect_to(const sockaddr* to, socklen_t size, int family, Clock::time_point deadline, const std::string& name) {
  const int made = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return lost(name, system_error());
  const auto failed = [&](const std::string& what) -> Result<int> {
    ::close(made);
    return lost(name, what);
  };
  if (connect(made, to, size) != 0) {
    if (errno != EINPROGRESS && errno != EAGAIN) return failed("can't be reached: " + system_error());
    const int ready = wait_for(made, POLLOUT, deadline);
    if (ready == 0) return failed("does not answer: time-out while connecting");
    int error = 0;
    socklen_t length = sizeof error;
    if (ready < 0 || getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return failed(system_error());
    if (error != 0) {
      errno = error;
      return failed("can't be reached: " + system_error());
    }
  }
  if (family != AF_UNIX) {
    set_option(made, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(made, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(made, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
    set_option(made, IPPROTO_TCP, TCP_USER_TIMEOUT, kTcpUserTimeoutMs);
  }
  return made;
}

Result<int> connect_unix(const Address& address, Clock::time_point deadline) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.socket_path.size() >= sizeof to.sun_path) {
    return fail(ErrorCode::config, "the path of the store's Unix socket is too long", "at most 107 bytes");
  }
  std::memcpy(to.sun_path, address.socket_path.c_str(), address.socket_path.size() + 1);
  return connect_to(reinterpret_cast<const sockaddr*>(&to), sizeof to, AF_UNIX, deadline, address.to_string());
}

Result<int> connect_tcp(const Address& address, Clock::time_point deadline) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int error = getaddrinfo(address.host.c_str(), port.c_str(), &wanted, &found); error != 0) {
    return lost(address.to_string(), fmt::format("the host name can't be resolved: {}", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, &freeaddrinfo);
  Result<int> out = lost(address.to_string(), "the host has no address");
  for (const addrinfo* at = found; at != nullptr && !out; at = at->ai_next) {
    out = connect_to(at->ai_addr, at->ai_addrlen, at->ai_family, deadline, address.to_string());
  }
  return out;
}

}  // namespace

Connection::Connection(int socket, const Timeouts& timeouts, std::string name)
    : socket_(socket), timeouts_(timeouts), name_(std::move(name)), reader_(redisReaderCreate()) {}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      timeouts_(other.timeouts_),
      name_(std::move(other.name_)),
      deadline_(other.deadline_),
      sent_at_(other.sent_at_),
      answered_at_(other.answered_at_),
      unsent_(other.unsent_),
      awaited_(other.awaited_),
      reader_(std::move(other.reader_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    close();
    socket_ = std::exchange(other.socket_, -1);
    timeouts_ = other.timeouts_;
    name_ = std::move(other.name_);
    deadline_ = other.deadline_;
    sent_at_ = other.sent_at_;
    answered_at_ = other.answered_at_;
    unsent_ = other.unsent_;
    awaited_ = other.awaited_;
    reader_ = std::move(other.reader_);
  }
  return *this;
}

Connection::~Connection() { close(); }

void Connection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

Result<Connection> Connection::open(const Address& address, const Timeouts& timeouts) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeouts.connect_ms);
  const auto connected = address.socket_path.empty() ? connect_tcp(address, deadline) : connect_unix(address, deadline);
  if (!connected) return fail(connected.error());
  return Connection(*connected, timeouts, address.to_string());
}

Result<std::vector<Reply>> Connection::round_trip(const Request& request) {
  if (auto started = start(request); !started) return fail(started.error());
  return finish();
}

Result<void> Connection::start(const Request& request) {
  if (is_broken()) return lost(name_, "the connection was lost");
  deadline_ = Clock::now() + std::chrono::milliseconds(timeouts_.answer_ms);
  unsent_ = request.bytes();
  awaited_ = request.commands();
  auto out = send_some();
  if (!out) close();
  return out;
}

Result<std::vector<Reply>> Connection::finish() {
  if (is_broken()) return lost(name_, "the connection was lost");
  auto out = exchange();
  if (!out) close();
  return out;
}

Result<void> Connection::send_some() {
  const ssize_t sent = send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return lost(name_, "the connection was lost: " + system_error());
  if (sent > 0) unsent_.remove_prefix(static_cast<std::size_t>(sent));
  if (unsent_.empty()) {
    sent_at_ = Clock::now();
    FOLDLINE_FAULT_POINT("redis.request_sent");
  }
  return {};
}

// Reads while it writes: a server that answers early must not be stopped by its own full buffers.
Result<std::vector<Reply>> Connection::exchange() {
  std::vector<Reply> replies;
  replies.reserve(awaited_);
  std::array<char, kReadBytes> buffer;
  while (replies.size() < awaited_) {
    const int ready = wait_for(socket_, static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), deadline_);
    if (ready == 0) return lost(name_, fmt::format("no answer within {} ms", timeouts_.answer_ms));
    if (ready < 0) return lost(name_, system_error());
    if (!unsent_.empty()) {
      if (auto ok = send_some(); !ok) return fail(ok.error());
    }
    const ssize_t got = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0) return lost(name_, "the connection was closed by the server");
    if (got < 0 && errno != EAGAIN && errno != EINTR) return lost(name_, "the connection was lost: " + system_error());
    if (got <= 0) continue;
    redisReaderFeed(reader_.get(), buffer.data(), static_cast<std::size_t>(got));
    void* reply = nullptr;
    while (replies.size() < awaited_) {
      if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) return lost(name_, fmt::format("speaks no RESP: {}", reader_->errstr));
      if (reply == nullptr) break;
      replies.emplace_back(static_cast<redisReply*>(reply));
    }
  }
  answered_at_ = Clock::now();
  return replies;
}

}  // namespace foldline::redis
