// What Foldline asks of a search cluster: one request each, its answer taken apart.
//
//   Cluster cluster(options);
//   auto found = cluster.multi_get("orders-g1", ids, "reading documents");
//   auto done = cluster.bulk("/orders-g1-write/_bulk?require_alias=true", body);
//
// Errors. No way to the server, 429, 500, 502, 503, 504, and 401, 403, 404 (roles and indices come and go): store_unavailable, to be
// tried again. Else: what the caller asked is wrong (code internal). Messages hold the server's type and reason, cut, never a body.
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "sinks/elasticsearch/http.h"

namespace foldline::elasticsearch {

// Overload is waited for inside a call before the caller hears of it: jittered, doubling, from kFirstPause.
inline constexpr int kOverloadAttempts = 6;
inline constexpr std::chrono::milliseconds kFirstPause{50};
inline constexpr std::chrono::milliseconds kLongestPause{1'500};

inline bool is_overload(long status) { return status == 429 || status == 502 || status == 503 || status == 504; }

// A document under an _id, as it stands in the store.
struct StoredDocument {
  bool found = false;
  std::string source;
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;
};

struct DocumentRef {
  std::string_view id;
  std::string_view routing;  // empty: none
};

enum class BulkOp : std::uint8_t {
  index,
  create,
  remove
};

// A bulk body, built by hand.
class BulkBody {
 public:
  void clear() {
    text_.clear();
    count_ = 0;
  }
  // The action's line; `seq_no` -1: unconditional. For index and create the document follows, by text(), and then end().
  void begin(BulkOp op, const DocumentRef& document, std::int64_t seq_no, std::int64_t primary_term);
  std::string& text() { return text_; }
  void end() {
    text_ += '\n';
    ++count_;
  }
  void remove(const DocumentRef& document, std::int64_t seq_no, std::int64_t primary_term) {
    begin(BulkOp::remove, document, seq_no, primary_term);
    ++count_;
  }
  [[nodiscard]] std::string_view view() const { return text_; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t size_bytes() const { return text_.size(); }
  // Takes back what stands behind `size_bytes`: a document that could not be written.
  void cut(std::size_t size_bytes) { text_.resize(size_bytes); }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

struct ItemAnswer {
  int status = 0;
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;
  std::string error_type;
  std::string reason;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

// Why a whole bulk request failed.
struct BulkFailure {
  Error error;
  bool may_be_done = false;  // the server may have carried out all, some or none of it
  bool too_large = false;    // 413: send less at once
  bool overloaded = false;   // 429: nothing of it was carried out; the same again after a pause
};

class Cluster {
 public:
  explicit Cluster(HttpOptions options) : http_(std::move(options)) {}

  // 2xx, or a status that the caller names as one it can use.
  Result<Answer> call(const Request& request, std::string_view doing, std::span<const long> accepted = {});
  // In the order of `documents`. An index that is not there is an error (store_unavailable).
  Result<std::vector<StoredDocument>> multi_get(std::string_view index, std::span<const DocumentRef> documents, std::string_view doing);
  // Item by item (G27), in order. One attempt.
  tl::expected<std::vector<ItemAnswer>, BulkFailure> bulk(const std::string& path, const BulkBody& body, std::string_view doing);

  HttpClient& http() { return http_; }

 private:
  HttpClient http_;
};

// A jittered pause before attempt `number` (from 1).
void pause_before_attempt(int number);

Error error_of(const Answer& answer, std::string_view doing);
Error error_of(const ItemAnswer& item, std::string_view doing);

}  // namespace foldline::elasticsearch
