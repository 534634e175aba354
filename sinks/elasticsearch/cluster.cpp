#include "sinks/elasticsearch/cluster.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <thread>

#include "common/json.h"

namespace foldline::elasticsearch {

namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kMaxReasonBytes = 400;
// A shard without a primary is waited for by the cluster, a minute by default: as long as a request of ours may take, so nobody would say
// what is missing. Of the answer only what is read; `error` and `status` are of a request that failed as a whole.
constexpr std::string_view kBulkFilter =
    "timeout=20s&filter_path=error.type,error.reason,status,errors,items.*.status,items.*._seq_no,items.*._primary_term,items.*.error.type,"
    "items.*.error.reason";

std::string cut(std::string_view text) {
  std::string out(text.substr(0, kMaxReasonBytes));
  if (text.size() > kMaxReasonBytes) out += "...";
  return out;
}

// What follows quotes the document: its _id, and a preview of the value. A letter must not show what its source redacts.
std::string without_values(std::string_view reason) {
  for (const std::string_view quoting : {" in document with id ", ". Preview of field's value"}) {
    reason = reason.substr(0, reason.find(quoting));
  }
  return cut(reason);
}

struct ServerError {
  std::string type;
  std::string reason;
};

// {"error":{"type":...,"reason":...},"status":...}; a proxy in between may answer anything.
ServerError server_error(const Answer& answer) {
  ServerError out;
  Arena arena;
  const auto parsed = parse_json(answer.body, arena);
  if (!parsed || !parsed->is(Kind::map)) return {"", cut(answer.body)};
  for (const MapEntry& entry : parsed->as_map()) {
    if (entry.key != "error") continue;
    if (entry.value.is(Kind::text)) out.reason = cut(entry.value.as_text());
    if (!entry.value.is(Kind::map)) continue;
    for (const MapEntry& part : entry.value.as_map()) {
      if (part.key == "type" && part.value.is(Kind::text)) out.type = part.value.as_text();
      if (part.key == "reason" && part.value.is(Kind::text)) out.reason = cut(part.value.as_text());
    }
  }
  return out;
}

bool may_pass(long status) {
  return is_overload(status) || status == 500 || status == 401 || status == 403 || status == 404 || status == 408;
}

std::string hint_of(long status) {
  switch (status) {
    case 401: return "check the user, password or api_key of the store";
    case 403: return "the user lacks a privilege, or the index is blocked (a full disk makes it read-only)";
    case 404: return "start the worker anew: it makes what is missing, or says what was lost";
    case 429: return "the cluster is overloaded; the worker tries again";
    default: return "";
  }
}

bool raw_object(od::value& value, std::string_view& out) {
  od::object object;
  return !value.get_object().get(object) && !object.raw_json().get(out);
}

bool read_found(od::object object, StoredDocument& out, std::string& problem) {
  for (auto member : object) {
    std::string_view name;
    od::value value;
    if (member.unescaped_key().get(name)) return false;
    const bool source = name == "_source";
    const bool found = name == "found";
    const bool seq_no = name == "_seq_no";
    const bool term = name == "_primary_term";
    const bool error = name == "error";
    if (member.value().get(value)) return false;
    std::string_view raw;
    if (found && value.get_bool().get(out.found)) return false;
    if (seq_no && value.get_int64().get(out.seq_no)) return false;
    if (term && value.get_int64().get(out.primary_term)) return false;
    if (source) {
      if (!raw_object(value, raw)) return false;
      out.source = raw;
    }
    if (error) {
      if (!raw_object(value, raw)) return false;
      problem = cut(raw);
    }
  }
  return true;
}

bool read_item_error(od::value& value, ItemAnswer& out) {
  od::object object;
  if (value.get_object().get(object)) return false;
  for (auto member : object) {
    std::string_view name;
    if (member.unescaped_key().get(name)) return false;
    od::value inner;
    const bool type = name == "type";
    const bool reason = name == "reason";
    if (member.value().get(inner)) return false;
    std::string_view text;
    if (type && !inner.get_string().get(text)) out.error_type = text;
    if (reason && !inner.get_string().get(text)) out.reason = without_values(text);
  }
  return true;
}

bool read_item(od::object object, ItemAnswer& out) {
  for (auto member : object) {
    std::string_view name;
    if (member.unescaped_key().get(name)) return false;
    od::value value;
    const bool status = name == "status";
    const bool seq_no = name == "_seq_no";
    const bool term = name == "_primary_term";
    const bool error = name == "error";
    if (member.value().get(value)) return false;
    std::int64_t number = 0;
    if (status) {
      if (value.get_int64().get(number)) return false;
      out.status = static_cast<int>(number);
    }
    if (seq_no && value.get_int64().get(out.seq_no)) return false;
    if (term && value.get_int64().get(out.primary_term)) return false;
    if (error && !read_item_error(value, out)) return false;
  }
  return true;
}

// {"errors":false,"items":[{"index":{"status":201,...}},...]}
bool read_items(std::string& body, std::vector<ItemAnswer>& out) {
  od::parser parser;
  od::document document;
  od::array items;
  if (parser.iterate(body.data(), body.size(), body.capacity()).get(document)) return false;
  if (document.find_field("items").get_array().get(items)) return false;
  for (auto element : items) {
    od::object wrapper;
    if (element.get_object().get(wrapper)) return false;
    for (auto member : wrapper) {
      od::object object;
      if (member.value().get_object().get(object) || !read_item(object, out.emplace_back())) return false;
    }
  }
  return true;
}

void append_ids(std::string& body, std::span<const DocumentRef> documents) {
  const bool routed = std::any_of(documents.begin(), documents.end(), [](const DocumentRef& d) { return !d.routing.empty(); });
  body = routed ? R"({"docs":[)" : R"({"ids":[)";
  bool first = true;
  for (const DocumentRef& document : documents) {
    if (!first) body += ',';
    first = false;
    if (routed) body += R"({"_id":)";
    append_json_string(body, document.id);
    if (!routed) continue;
    body += R"(,"routing":)";
    append_json_string(body, document.routing);
    body += '}';
  }
  body += "]}";
}

}  // namespace

void pause_before_attempt(int number) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto longest = std::min(kLongestPause, kFirstPause * (1 << std::min(number, 10)));
  std::uniform_int_distribution<std::int64_t> pause_ms(longest.count() / 2, longest.count());
  std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
}

Error error_of(const Answer& answer, std::string_view doing) {
  const ServerError why = server_error(answer);
  Error out{may_pass(answer.status) ? ErrorCode::store_unavailable : ErrorCode::internal,
            fmt::format("{}: the search store answers {} {}: {}", doing, answer.status, why.type, why.reason), hint_of(answer.status),
            may_pass(answer.status)};
  return out;
}

// A 400 that speaks of the index, not of the document: somebody closed it, took the write alias away, or named a pipeline for it that is
// not there. No event is to blame (G19, G27).
static bool is_about_the_index(const ItemAnswer& item) {
  if (item.error_type == "index_closed_exception") return true;
  if (item.error_type != "illegal_argument_exception") return false;
  return item.reason.find("write index") != std::string::npos || item.reason.starts_with("pipeline with id ");
}

Error error_of(const ItemAnswer& item, std::string_view doing) {
  const bool about_index = is_about_the_index(item);
  const bool passes = may_pass(item.status) || about_index;
  std::string hint = hint_of(item.status);
  if (item.status == 404) hint = "the index or its write alias is gone: start the worker anew";
  if (about_index) hint = "open the index, or give it its write alias or pipeline back; the worker goes on by itself";
  return {passes ? ErrorCode::store_unavailable : ErrorCode::store_rejected,
          fmt::format("{}: the search store answers {} {}: {}", doing, item.status, item.error_type, item.reason), std::move(hint), passes};
}

void BulkBody::begin(BulkOp op, const DocumentRef& document, std::int64_t seq_no, std::int64_t primary_term) {
  switch (op) {
    case BulkOp::index: text_ += R"({"index":{"_id":)"; break;
    case BulkOp::create: text_ += R"({"create":{"_id":)"; break;
    case BulkOp::remove: text_ += R"({"delete":{"_id":)"; break;
  }
  append_json_string(text_, document.id);
  if (!document.routing.empty()) {
    text_ += R"(,"routing":)";
    append_json_string(text_, document.routing);
  }
  if (seq_no >= 0) fmt::format_to(std::back_inserter(text_), R"(,"if_seq_no":{},"if_primary_term":{})", seq_no, primary_term);
  text_ += "}}\n";
}

Result<Answer> Cluster::call(const Request& request, std::string_view doing, std::span<const long> accepted) {
  for (int attempt = 1;; ++attempt) {
    auto answer = http_.send(request);
    if (!answer) return fail(unreachable(answer.error(), doing));
    const bool good = answer->status >= 200 && answer->status < 300;
    if (good || std::find(accepted.begin(), accepted.end(), answer->status) != accepted.end()) return std::move(*answer);
    if (!is_overload(answer->status) || attempt == kOverloadAttempts) return fail(error_of(*answer, doing));
    pause_before_attempt(attempt);
  }
}

Result<std::vector<StoredDocument>> Cluster::multi_get(std::string_view index, std::span<const DocumentRef> documents,
                                                       std::string_view doing) {
  std::vector<StoredDocument> out;
  if (documents.empty()) return out;
  std::string body;
  append_ids(body, documents);
  auto answer = call({Method::post, fmt::format("/{}/_mget", percent_encoded(index)), ContentType::json, body}, doing);
  if (!answer) return fail(answer.error());
  od::parser parser;
  od::document document;
  od::array array;
  bool ok = !parser.iterate(answer->body.data(), answer->body.size(), answer->body.capacity()).get(document) &&
            !document.find_field("docs").get_array().get(array);
  std::string problem;
  if (ok) {
    for (auto element : array) {
      od::object object;
      ok = ok && !element.get_object().get(object) && read_found(object, out.emplace_back(), problem);
      if (!ok) break;
    }
  }
  if (!problem.empty()) {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: a document can't be read: {}", doing, problem), "the worker tries again",
                true);
  }
  if (!ok || out.size() != documents.size()) {
    return fail(ErrorCode::store_unavailable, fmt::format("{}: an answer that can't be understood: {}", doing, cut(answer->body)),
                "is there something between Foldline and the cluster that answers for it?", true);
  }
  return out;
}

tl::expected<std::vector<ItemAnswer>, BulkFailure> Cluster::bulk(const std::string& path, const BulkBody& body, std::string_view doing) {
  const char separator = path.find('?') == std::string::npos ? '?' : '&';
  auto answer = http_.send({Method::post, fmt::format("{}{}{}", path, separator, kBulkFilter), ContentType::ndjson, body.view()});
  if (!answer) return tl::unexpected(BulkFailure{unreachable(answer.error(), doing), answer.error().may_be_done, false});
  if (answer->status == 413) return tl::unexpected(BulkFailure{error_of(*answer, doing), false, true});
  if (answer->status < 200 || answer->status >= 300) {
    // A gateway's 502 or 504 says nothing of what the cluster did.
    const bool may_be_done = answer->status >= 500;
    return tl::unexpected(BulkFailure{error_of(*answer, doing), may_be_done, false, answer->status == 429});
  }
  std::vector<ItemAnswer> items;
  items.reserve(body.count());
  if (read_items(answer->body, items) && items.size() == body.count()) return items;
  Error error{ErrorCode::store_unavailable, fmt::format("{}: an answer that can't be understood: {}", doing, cut(answer->body)),
              "is there something between Foldline and the cluster that answers for it?", true};
  return tl::unexpected(BulkFailure{std::move(error), true, false});
}

}  // namespace foldline::elasticsearch
