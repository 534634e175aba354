#include "common/http/client.h"

#include <httplib.h>

#include <charconv>

namespace foldline {

Result<HttpAnswer> http_get(const std::string& address, const std::string& path, std::chrono::milliseconds timeout) {
  const std::size_t colon = address.rfind(':');
  int port = 0;
  const char* end = address.data() + address.size();
  const auto parsed = colon == std::string::npos ? std::from_chars_result{} : std::from_chars(address.data() + colon + 1, end, port);
  if (colon == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end || port < 1 || port > 65535) {
    return fail(ErrorCode::config, "`" + address + "` is not host:port", "for example 127.0.0.1:8080 or :8080");
  }
  httplib::Client client(colon == 0 ? "127.0.0.1" : address.substr(0, colon), port);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  const auto answer = client.Get(path);
  if (!answer) {
    return fail(ErrorCode::log_unavailable, "no answer from " + address + path + ": " + httplib::to_string(answer.error()),
                "does the worker run, and is this its --http address?", true);
  }
  return HttpAnswer{answer->status, answer->get_header_value("Content-Type"), answer->body};
}

}  // namespace foldline
