// One GET of a plain http address, for `foldline health`: no TLS, no redirects.
//
//   Result<HttpAnswer> answer = http_get("127.0.0.1:8080", "/readyz", 2s);
//
// Errors: code `config` for an address that is none; `log_unavailable`, retryable, when nobody answers in time.
#pragma once

#include <chrono>
#include <string>

#include "common/error.h"
#include "common/http/server.h"

namespace foldline {

// `address`: host:port, or :port for this machine.
Result<HttpAnswer> http_get(const std::string& address, const std::string& path, std::chrono::milliseconds timeout);

}  // namespace foldline
