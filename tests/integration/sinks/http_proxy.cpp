#include "tests/integration/sinks/http_proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

namespace foldline::testing {

namespace {

bool write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

int connect_to(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  const int ok = connect(fd, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (ok == 0) return fd;
  close(fd);
  return -1;
}

// One message's bytes, headers and body, of whatever arrives on a socket.
class Messages {
 public:
  explicit Messages(int fd) : fd_(fd) {}

  // nullopt: the other side is gone, or `stopping`.
  std::optional<std::string> next(const std::atomic<bool>& stopping) {
    for (;;) {
      if (const auto size = complete()) {
        std::string out = seen_.substr(0, *size);
        seen_.erase(0, *size);
        return out;
      }
      pollfd wanted{fd_, POLLIN, 0};
      if (poll(&wanted, 1, 100) < 0 || stopping) return std::nullopt;
      if (wanted.revents == 0) continue;
      std::array<char, 65'536> buffer;
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) return std::nullopt;
      seen_.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  [[nodiscard]] std::optional<std::size_t> complete() const {
    const std::size_t headers = seen_.find("\r\n\r\n");
    if (headers == std::string::npos) return std::nullopt;
    std::string lower = seen_.substr(0, headers + 2);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    const std::size_t body = headers + 4;
    if (lower.find("transfer-encoding: chunked") != std::string::npos) {
      const std::size_t end = seen_.find("\r\n0\r\n\r\n", headers);
      return end == std::string::npos ? std::nullopt : std::optional(end + 7);
    }
    const std::size_t length = lower.find("content-length: ");
    const std::size_t size = length == std::string::npos ? 0 : std::stoul(lower.substr(length + 16));
    return seen_.size() >= body + size ? std::optional(body + size) : std::nullopt;
  }

  int fd_;
  std::string seen_;
};

ProxiedRequest request_of(const std::string& message) {
  ProxiedRequest out;
  const std::size_t space = message.find(' ');
  const std::size_t end = message.find(' ', space + 1);
  out.method = message.substr(0, space);
  out.path = message.substr(space + 1, end - space - 1);
  out.body = message.substr(message.find("\r\n\r\n") + 4);
  return out;
}

}  // namespace

HttpProxy::HttpProxy(std::string host, int port) : host_(std::move(host)), server_port_(port) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 16) != 0)
    throw std::runtime_error("proxy: no port");
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  threads_.emplace_back([this] { accept_loop(); });
}

HttpProxy::~HttpProxy() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  threads_.front().join();
  for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  close(listener_);
}

void HttpProxy::set_policy(Policy policy) {
  const std::lock_guard lock(mutex_);
  policy_ = std::move(policy);
}

void HttpProxy::accept_loop() {
  while (!stopping_) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    threads_.emplace_back([this, client] { serve(client); });
  }
}

void HttpProxy::serve(int client) {
  const int server = connect_to(host_, server_port_);
  Messages requests(client);
  Messages answers(server);
  while (server >= 0) {
    const auto request = requests.next(stopping_);
    if (!request) break;
    Verdict verdict;
    {
      const std::lock_guard lock(mutex_);
      if (policy_) verdict = policy_(request_of(*request));
    }
    if (verdict.what == Verdict::lose_request) break;
    if (verdict.what == Verdict::answer) {
      const std::string head = "HTTP/1.1 " + std::to_string(verdict.status) + " Said\r\nContent-Type: application/json\r\nContent-Length: ";
      if (!write_all(client, head + std::to_string(verdict.body.size()) + "\r\n\r\n" + verdict.body)) break;
      continue;
    }
    if (!write_all(server, *request)) break;
    const auto answer = answers.next(stopping_);
    if (!answer || verdict.what == Verdict::lose_answer || !write_all(client, *answer)) break;
  }
  close(client);
  if (server >= 0) close(server);
}

}  // namespace foldline::testing
