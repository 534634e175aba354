// The worker's own HTTP server: it must end whenever it is told to, also at once.
#include "common/http/server.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace foldline
