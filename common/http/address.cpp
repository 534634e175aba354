#include "common/http/address.h"

#include <charconv>

namespace foldline {

Result<HttpAddress> parse_http_address(const std::string& text, int least) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) port = -1;
  }
  if (port < least || port > 65535)
    return fail(ErrorCode::config, "`" + text + "` is not host:port", "for example 127.0.0.1:8080 or :8080");
  return HttpAddress{text.substr(0, colon), port};
}

}  // namespace foldline
