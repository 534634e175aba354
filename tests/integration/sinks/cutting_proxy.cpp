#include "tests/integration/sinks/cutting_proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace foldline::postgres {

namespace {

void write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
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

// Reads the server's answers until it says that it has committed; what is left of the client's request still goes to it.
void drain_until_committed(int client, int server, const std::string& word) {
  std::string answer;
  std::array<char, 65'536> buffer;
  while (answer.find(word) == std::string::npos) {
    std::array<pollfd, 2> wanted{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (poll(wanted.data(), wanted.size(), -1) < 0) return;
    if ((wanted[0].revents & POLLIN) != 0) {
      const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
      if (got > 0) write_all(server, buffer.data(), static_cast<std::size_t>(got));
    }
    if ((wanted[1].revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t got = recv(server, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
}

// The end of a request: a Sync message, 5 bytes.
bool ends_with_sync(std::string_view data) { return data.ends_with(std::string_view("S\0\0\0\4", 5)); }

// Hands the rest of the client's request on, so that the server can carry all of it out.
void forward_until_sync(int client, int server, std::string_view last) {
  std::array<char, 65'536> buffer;
  while (!ends_with_sync(last)) {
    const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    write_all(server, buffer.data(), static_cast<std::size_t>(got));
    last = {buffer.data(), static_cast<std::size_t>(got)};
  }
}

}  // namespace

CuttingProxy::CuttingProxy(std::string host, int port, std::string request_word, std::string answer_word)
    : host_(std::move(host)), server_port_(port), request_word_(std::move(request_word)), answer_word_(std::move(answer_word)) {
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

CuttingProxy::~CuttingProxy() {
  stopping_ = true;
  thaw();
  shutdown(listener_, SHUT_RDWR);
  threads_.front().join();
  for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  close(listener_);
}

void CuttingProxy::wait_until_struck() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return has_struck_; });
  has_struck_ = false;
}

void CuttingProxy::thaw() {
  const std::lock_guard lock(mutex_);
  thawed_ = true;
  changed_.notify_all();
}

void CuttingProxy::struck() {
  cut_ = Cut::none;
  const std::lock_guard lock(mutex_);
  has_struck_ = true;
  changed_.notify_all();
}

void CuttingProxy::accept_loop() {
  while (!stopping_) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    threads_.emplace_back([this, client] { serve(client); });
  }
}

void CuttingProxy::serve(int client) {
  const int server = connect_to(host_, server_port_);
  std::string seen;
  std::array<char, 65'536> buffer;
  while (server >= 0 && !stopping_) {
    std::array<pollfd, 2> wanted{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (poll(wanted.data(), wanted.size(), 100) < 0) break;
    if ((wanted[1].revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t got = recv(server, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      write_all(client, buffer.data(), static_cast<std::size_t>(got));
    }
    if ((wanted[0].revents & (POLLIN | POLLHUP)) != 0) {
      const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
      if (got <= 0 || !to_server(client, server, seen, buffer.data(), static_cast<std::size_t>(got))) break;
    }
  }
  close(client);
  if (server >= 0) close(server);
}

bool CuttingProxy::to_server(int client, int server, std::string& seen, const char* data, std::size_t size) {
  const std::size_t before = seen.size();  // the end of the last piece, should the word be cut in two
  seen.append(data, size);
  const std::size_t at = cut_ == Cut::none ? std::string::npos : seen.find(request_word_);
  if (at == std::string::npos) {
    write_all(server, data, size);
    if (seen.size() >= request_word_.size()) seen.erase(0, seen.size() - request_word_.size() + 1);
    return true;
  }
  switch (cut_) {
    case Cut::none: break;
    case Cut::request_lost: struck(); return false;
    case Cut::answer_lost:
      write_all(server, data, size);
      drain_until_committed(client, server, answer_word_);
      struck();
      return false;
    case Cut::answer_unread:
      write_all(server, data, size);
      forward_until_sync(client, server, {data, size});
      shutdown(client, SHUT_RDWR);
      drain_until_committed(client, server, answer_word_);
      struck();
      return false;
    case Cut::frozen: {
      if (at > before) write_all(server, data, at - before);
      struck();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return thawed_; });
      thawed_ = false;
      return false;
    }
  }
  return true;
}

}  // namespace foldline::postgres
