#include "common/http/client.h"

#include <httplib.h>

#include "common/http/address.h"

namespace foldline {

Result<HttpAnswer> http_get(const std::string& address, const std::string& path, std::chrono::milliseconds timeout) {
  const auto at = parse_http_address(address, 1);
  if (!at) return fail(at.error());
  httplib::Client client(at->host.empty() ? "127.0.0.1" : at->host, at->port);
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
