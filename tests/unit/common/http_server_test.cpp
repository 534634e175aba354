// The worker's own HTTP server: it must end whenever it is told to, also at once.
#include "common/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <optional>

#include "common/http/client.h"

namespace foldline {
namespace {

TEST(HttpServer, StopsAlsoWhenItHasHardlyStarted) {
  for (int i = 0; i < 100; ++i) {
    HttpServer server;
    server.get("/healthz", [] { return HttpAnswer{200, "text/plain", "ok\n"}; });
    ASSERT_TRUE(server.listen("127.0.0.1:0"));
    server.stop();  // used to wait for ever when the listening thread had not begun yet
  }
}

TEST(HttpServer, StopsTwiceAndWithoutHavingListened) {
  HttpServer never;
  never.stop();
  HttpServer server;
  ASSERT_TRUE(server.listen("127.0.0.1:0"));
  server.stop();
  server.stop();
}

TEST(HttpServer, AnAddressThatIsNoneIsRefused) {
  HttpServer server;
  for (const char* address : {"", "localhost", "127.0.0.1:x", "127.0.0.1:70000"}) EXPECT_FALSE(server.listen(address)) << address;
}

// Else the probe of one worker could be answered by another one.
TEST(HttpServer, APortThatAnotherServerHasIsRefused) {
  HttpServer first;
  const auto port = first.listen("127.0.0.1:0");
  ASSERT_TRUE(port);
  HttpServer second;
  const auto taken = second.listen("127.0.0.1:" + std::to_string(*port));
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().hint.find("taken"), std::string::npos);
}

// This process' end of the connection to `port`: whether a small piece leaves at once. Nothing: there is no connection.
std::optional<bool> leaves_at_once(int port) {
  constexpr int kMostDescriptors = 1'024;
  for (int fd = 0; fd < kMostDescriptors; ++fd) {
    sockaddr_in here{};
    sockaddr_in there{};
    socklen_t size = sizeof here;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0 || here.sin_family != AF_INET || ntohs(here.sin_port) != port)
      continue;
    size = sizeof there;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) != 0) continue;  // it listens
    int set = 0;
    size = sizeof set;
    if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &set, &size) == 0) return set != 0;
  }
  return std::nullopt;
}

// Over a kept connection every answer took 40 ms: its second piece waited for the first one's acknowledgement.
TEST(HttpServer, AnAnswerDoesNotWaitForAnAcknowledgement) {
  HttpServer server;
  std::optional<int> port;
  std::optional<bool> at_once;
  server.get("/metrics", [&] {
    at_once = leaves_at_once(*port);
    return HttpAnswer{200, "text/plain", "ok\n"};
  });
  const auto listening = server.listen("127.0.0.1:0");
  ASSERT_TRUE(listening);
  port = *listening;
  ASSERT_TRUE(http_get(":" + std::to_string(*port), "/metrics", std::chrono::seconds(5)));
  server.stop();
  EXPECT_EQ(at_once, std::optional(true));
}

TEST(HttpClient, GetsWhatTheServerAnswersAlsoWhenItIsNot200) {
  HttpServer server;
  server.get("/healthz", [] { return HttpAnswer{200, "text/plain", "ok\n"}; });
  server.get("/readyz", [] { return HttpAnswer{503, "text/plain", "no\n"}; });
  const auto port = server.listen("127.0.0.1:0");
  ASSERT_TRUE(port);
  const std::string address = ":" + std::to_string(*port);
  const auto alive = http_get(address, "/healthz", std::chrono::seconds(5));
  ASSERT_TRUE(alive) << alive.error().message;
  EXPECT_EQ(alive->body, "ok\n");
  const auto ready = http_get(address, "/readyz", std::chrono::seconds(5));
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->status, 503);
  server.stop();
  const auto gone = http_get(address, "/healthz", std::chrono::milliseconds(500));
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().retryable);
  EXPECT_FALSE(http_get("localhost", "/healthz", std::chrono::seconds(1)));
}

}  // namespace
}  // namespace foldline
