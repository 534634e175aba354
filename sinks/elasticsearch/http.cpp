#include "sinks/elasticsearch/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>

namespace foldline::elasticsearch {

namespace {

constexpr long kUploadBufferBytes = 1L << 20U;
constexpr long kIdleConnectionSeconds = 60;

void init_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > kMaxAnswerBytes) return 0;  // libcurl ends the transfer
  body.append(data, size * count);
  return size * count;
}

// Whether nothing of the request can have reached the server.
bool never_sent(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return true;
    default: return false;
  }
}

}  // namespace

std::string host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view rest = url.substr(begin);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  return fmt::format("{}{}", url.substr(0, begin), rest);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Error unreachable(const Failure& failure, std::string_view doing) {
  return {ErrorCode::store_unavailable, fmt::format("{}: {}", doing, failure.message),
          "check that the cluster runs and that `url` names it; the worker tries again", true};
}

struct HttpClient::Impl {
  HttpOptions options;
  CURL* curl = nullptr;
  curl_slist* json_headers = nullptr;
  curl_slist* ndjson_headers = nullptr;
  std::size_t address = 0;  // index in options.urls
  std::vector<char> error_text = std::vector<char>(CURL_ERROR_SIZE);

  explicit Impl(HttpOptions given) : options(std::move(given)) {
    init_once();
    curl = curl_easy_init();
    json_headers = headers("application/json");
    ndjson_headers = headers("application/x-ndjson");
    set_fixed();
  }
  ~Impl() {
    curl_slist_free_all(json_headers);
    curl_slist_free_all(ndjson_headers);
    if (curl != nullptr) curl_easy_cleanup(curl);
  }

  curl_slist* headers(const char* content_type) const {
    curl_slist* out = curl_slist_append(nullptr, fmt::format("Content-Type: {}", content_type).c_str());
    out = curl_slist_append(out, "Accept: application/json");
    out = curl_slist_append(out, "Expect:");  // no round trip before a body
    if (!options.api_key.empty()) out = curl_slist_append(out, fmt::format("Authorization: ApiKey {}", options.api_key.reveal()).c_str());
    return out;
  }

  void set_fixed() {
    if (curl == nullptr) return;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_bytes);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options.request_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kIdleConnectionSeconds);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options.verify ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options.verify ? 2L : 0L);
    if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    if (options.api_key.empty() && !options.username.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl_easy_setopt(curl, CURLOPT_USERNAME, options.username.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, options.password.reveal().c_str());
    }
  }

  void set_method(const Request& request) {
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request.content_type == ContentType::json ? json_headers : ndjson_headers);
    if (request.method == Method::get && request.body.empty()) {
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, nullptr);
      curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
      return;
    }
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data() == nullptr ? "" : request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    const char* name = nullptr;
    if (request.method == Method::get) name = "GET";
    if (request.method == Method::put) name = "PUT";
    if (request.method == Method::remove) name = "DELETE";
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, name);
  }

  CURLcode perform(const Request& request, Answer& answer) {
    std::string url = options.urls[address].reveal();
    while (!url.empty() && url.back() == '/') url.pop_back();
    url += request.path;
    answer.body.clear();
    error_text[0] = '\0';
    set_method(request);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    const CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    return code;
  }
};

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

tl::expected<Answer, Failure> HttpClient::send(const Request& request) {
  Impl& impl = *impl_;
  if (impl.curl == nullptr || impl.options.urls.empty()) return tl::unexpected(Failure{"no HTTP client, or no address", false});
  tl::expected<Answer, Failure> out;  // filled in place: an answer may have many megabytes
  for (std::size_t tried = 1;; ++tried) {
    const CURLcode code = impl.perform(request, *out);
    if (code == CURLE_OK) {
      out->body.reserve(out->body.size() + kAnswerPaddingBytes);
      return out;
    }
    const std::string host = host_of(impl.options.urls[impl.address].reveal());
    const std::string_view why = impl.error_text[0] != '\0' ? impl.error_text.data() : curl_easy_strerror(code);
    impl.address = (impl.address + 1) % impl.options.urls.size();
    if (never_sent(code) && tried < impl.options.urls.size()) continue;
    out = tl::unexpected(Failure{fmt::format("{}: {}", host, why), !never_sent(code)});
    return out;
  }
}

}  // namespace foldline::elasticsearch
