// An HTTP proxy in front of a search store that loses requests and answers, or answers in the store's place.
//
//   HttpProxy proxy("127.0.0.1", 9200);
//   proxy.set_policy([](const ProxiedRequest& request) { return request.path.contains("_bulk") ? Verdict{Verdict::lose_answer} : Verdict{};
//   });
//
// Understands what libcurl and the servers say to each other: requests with Content-Length, answers with it or chunked. Loopback only.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace foldline::testing {

struct ProxiedRequest {
  std::string method;
  std::string path;
  std::string body;
};

struct Verdict {
  enum What {
    pass,
    lose_request,  // the connection is closed; the server sees nothing
    lose_answer,   // the server carries it out; the connection is closed
    answer,        // `status` and `body` in the server's place
  };
  What what = pass;
  int status = 0;
  std::string body{};
};

class HttpProxy {
 public:
  using Policy = std::function<Verdict(const ProxiedRequest&)>;

  HttpProxy(std::string host, int port);
  ~HttpProxy();
  HttpProxy(const HttpProxy&) = delete;
  HttpProxy& operator=(const HttpProxy&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Asked for each request, one at a time. Null: all pass.
  void set_policy(Policy policy);

 private:
  void accept_loop();
  void serve(int client);

  std::string host_;
  int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  Policy policy_;
  std::vector<std::thread> threads_;
};

}  // namespace foldline::testing
