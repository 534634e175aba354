#include "common/http/server.h"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "common/http/address.h"

namespace foldline {

struct HttpServer::Impl {
  httplib::Server server;
  std::thread thread;
  std::atomic<bool> ended{false};
};

namespace {

// The library's own choice is SO_REUSEPORT: two workers would share a port, and a probe would ask the wrong one.
void take_the_port_alone(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {
  impl_->server.set_socket_options(&take_the_port_alone);
  impl_->server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // the server takes ownership
  // An answer leaves in two pieces; else the second one waits for the client to acknowledge the first, 40 ms (RFC 896; RFC 1122, 4.2.3.2).
  impl_->server.set_tcp_nodelay(true);
  impl_->server.set_read_timeout(kTimeoutSeconds);
  impl_->server.set_write_timeout(kTimeoutSeconds);
  impl_->server.set_keep_alive_timeout(1);
  impl_->server.set_payload_max_length(1024);
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::get(const std::string& path, std::function<HttpAnswer()> handler) {
  impl_->server.Get(path, [handler = std::move(handler)](const httplib::Request&, httplib::Response& response) {
    const HttpAnswer answer = handler();
    response.status = answer.status;
    response.set_content(answer.body, answer.content_type.c_str());
  });
}

Result<int> HttpServer::listen(const std::string& address) {
  const auto at = parse_http_address(address, 0);
  if (!at) return fail(at.error());
  const std::string host = at->host.empty() ? "0.0.0.0" : at->host;
  int port = at->port;
  if (port == 0) {
    port = impl_->server.bind_to_any_port(host);
  } else if (!impl_->server.bind_to_port(host, port)) {
    port = -1;
  }
  if (port < 0) return fail(ErrorCode::config, "can't listen on " + address, "is the port taken? --http 127.0.0.1:0 takes a free one");
  impl_->thread = std::thread([this] {
    impl_->server.listen_after_bind();
    impl_->ended = true;
  });
  // The library's stop() does nothing before its loop runs, and the thread would then listen for ever.
  while (!impl_->server.is_running() && !impl_->ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return port;
}

void HttpServer::stop() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace foldline
