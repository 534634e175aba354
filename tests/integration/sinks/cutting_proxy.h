// A TCP proxy in front of a store that loses a connection at a chosen point of a commit, once.
//
//   CuttingProxy proxy(host, port);   proxy.arm(CuttingProxy::Cut::answer_lost);
//   // the next COMMIT that passes is carried out by the server, and its answer never arrives
//
// It watches for the word COMMIT on its way to the server (no TLS: sslmode=disable); in front of other servers for another word, and for
// what the server says when it has carried it out. Loopback only, on a free port.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace foldline::postgres {

class CuttingProxy {
 public:
  enum class Cut {
    none,
    request_lost,   // the COMMIT never reaches the server: both sides are closed
    answer_lost,    // the server answers COMMIT; then both sides are closed, and the answer is lost
    answer_unread,  // the client's side is closed at once; the server goes on and may still be committing
    frozen,         // everything up to the COMMIT reaches the server, then nothing more in either direction, until thaw()
  };

  static constexpr std::string_view kPostgresCommit{"COMMIT\0", 7};
  CuttingProxy(std::string host, int port, std::string request_word = std::string(kPostgresCommit),
               std::string answer_word = std::string(kPostgresCommit));
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  void arm(Cut cut) { cut_ = cut; }
  // Whether a cut has struck since it was armed.
  void wait_until_struck();
  // Ends frozen connections.
  void thaw();

 private:
  void accept_loop();
  void serve(int client);
  // False: the connection ends.
  bool to_server(int client, int server, std::string& seen, const char* data, std::size_t size);
  void struck();

  std::string host_;
  int server_port_;
  std::string request_word_;
  std::string answer_word_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<Cut> cut_{Cut::none};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_struck_ = false;
  bool thawed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace foldline::postgres
