// HTTP to a search cluster: one keep-alive connection over libcurl, several addresses tried in turn.
//
//   HttpClient http(options);
//   auto answer = http.send({Method::post, "/_bulk", ContentType::ndjson, body});   // answer->status, answer->body
//
// Media types are the plain ones: vendor types (application/vnd.elasticsearch+json) are refused by OpenSearch with 406.
// Errors: a Failure is about the way to the server; whatever the server says, 500 included, is an Answer.
// One thread at a time. Never logs a URL's password, nor a body.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/error.h"
#include "common/secret.h"

namespace foldline::elasticsearch {

inline constexpr std::chrono::milliseconds kConnectTimeout{5'000};
inline constexpr std::chrono::milliseconds kRequestTimeout{60'000};
inline constexpr std::size_t kMaxAnswerBytes = 512U << 20U;

struct HttpOptions {
  std::vector<Secret> urls;  // http://host:9200/prefix; user:password@ before the host is taken as basic auth
  std::string username;
  Secret password;
  Secret api_key;       // as the server gave it (base64 of id:key); wins over a username
  std::string ca_file;  // PEM; empty: the system's
  bool verify = true;   // the server's certificate and name
  std::chrono::milliseconds connect_timeout = kConnectTimeout;
  std::chrono::milliseconds request_timeout = kRequestTimeout;
};

enum class Method : std::uint8_t {
  get,
  put,
  post,
  remove
};
enum class ContentType : std::uint8_t {
  json,
  ndjson
};

struct Request {
  Method method = Method::get;
  std::string path;  // with its query; percent-encoded
  ContentType content_type = ContentType::json;
  std::string_view body;
};

struct Answer {
  long status = 0;
  std::string body;  // its capacity holds kAnswerPaddingBytes more: simdjson reads past the end
};
inline constexpr std::size_t kAnswerPaddingBytes = 64;

// No answer came.
struct Failure {
  std::string message;
  bool may_be_done = false;  // the request left this process: the server may have carried it out
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Addresses that refuse a connection are skipped; after any other failure the next request goes to the next address.
  tl::expected<Answer, Failure> send(const Request& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "http://10.0.0.1:9200": without credentials and path, for messages.
std::string host_of(std::string_view url);

// One path segment or query value, percent-encoded.
std::string percent_encoded(std::string_view text);

Error unreachable(const Failure& failure, std::string_view doing);

}  // namespace foldline::elasticsearch
