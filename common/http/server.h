// The worker's small HTTP server: /healthz, /readyz, /metrics. GET only, bounded in threads, request size and time.
//
//   HttpServer server;
//   server.get("/healthz", [] { return HttpAnswer{200, "text/plain", "ok\n"}; });
//   Result<int> port = server.listen("127.0.0.1:0");       // the port that was bound
//
// Handlers run on the server's threads, at most kThreads at once, and must not block.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/error.h"

namespace foldline {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // Idle connections hold a thread for as long as the time-out: enough of them that a few who hang do not keep a probe waiting.
  static constexpr int kThreads = 16;
  static constexpr int kTimeoutSeconds = 1;

  HttpServer();
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before listen().
  void get(const std::string& path, std::function<HttpAnswer()> handler);
  // `address`: host:port, or :port for all interfaces; port 0 takes a free one.
  Result<int> listen(const std::string& address);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace foldline
