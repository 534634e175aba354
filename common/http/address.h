// host:port as it is given to `--http`: for the server that listens and the client that asks.
//
//   Result<HttpAddress> at = parse_http_address("127.0.0.1:8080", 0);      // {"127.0.0.1", 8080}
//
// Errors: code config, for what is not host:port with a port from `least` (0: the server takes a free one) to 65,535.
#pragma once

#include <string>

#include "common/error.h"

namespace foldline {

struct HttpAddress {
  std::string host;  // empty: none was named
  int port = 0;
};

Result<HttpAddress> parse_http_address(const std::string& text, int least);

}  // namespace foldline
