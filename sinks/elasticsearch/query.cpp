// Reading rows, through the alias that people read: it leads to the live index and leaves tombstones out (G25). A whole key is one get,
// which sees every acknowledged write. Anything less is a search sorted by the key, page behind page by search_after: it sees what was
// written before the refresh that it begins with. No point in time and no scroll is opened, so a reader that dies leaves nothing behind.
#include <fmt/format.h>
#include <simdjson.h>

#include "common/json.h"
#include "sinks/elasticsearch/cluster.h"
#include "sinks/elasticsearch/document.h"
#include "sinks/elasticsearch/store.h"
#include "sinks/row_query.h"

namespace foldline::elasticsearch {

namespace {

namespace od = simdjson::ondemand;

constexpr std::chrono::milliseconds kPageTimeout{40'000};

struct Hit {
  std::string source;
  std::string sort;  // what search_after takes
};

Error no_answer(std::string_view doing) {
  return {ErrorCode::store_unavailable, fmt::format("{}: an answer that can't be understood", doing),
          "is there something between Foldline and the cluster that answers for it?", true};
}

bool read_hit(od::object hit, Hit& out) {
  for (auto member : hit) {
    std::string_view name;
    if (member.unescaped_key().get(name)) return false;
    const bool source = name == "_source";
    const bool sort = name == "sort";
    std::string_view raw;
    if (source) {
      od::object object;
      if (member.value().get_object().get(object) || object.raw_json().get(raw)) return false;
      out.source = raw;
    } else if (sort) {
      od::array array;
      if (member.value().get_array().get(array) || array.raw_json().get(raw)) return false;
      out.sort = raw;
    }
  }
  return !out.source.empty() && !out.sort.empty();
}

bool read_hits(Answer& answer, std::vector<Hit>& out) {
  od::parser parser;
  od::document document;
  od::object hits;
  od::array list;
  if (parser.iterate(answer.body.data(), answer.body.size(), answer.body.capacity()).get(document)) return false;
  if (document["hits"].get_object().get(hits) || hits["hits"].get_array().get(list)) return false;
  for (auto element : list) {
    od::object hit;
    if (element.get_object().get(hit) || !read_hit(hit, out.emplace_back())) return false;
  }
  return true;
}

// What of the field is in order and found by its whole value; empty: nothing.
std::string ordered_field(const KeyPart& part, const FieldLayout& field) {
  if (field.mapping_type == "text") return part.name + ".keyword";
  return field.mapping_type == "binary" ? "" : part.name;
}

// Equal numerics of any size may be written in several ways: 1.5 and 1.50.
bool has_one_text(const KeyPart& part) { return part.type.kind != TypeKind::numeric || part.type.precision > 0; }

class SearchRows final : public RowReader {
 public:
  SearchRows(std::shared_ptr<const StoreShared> shared, const RowQuery& query)
      : shared_(std::move(shared)), layout_(shared_->layouts[query.view]), cluster_(options_of(*shared_)) {
    for (const Value& part : query.key) key_.emplace_back(part);
  }

  // Nothing to search by, said before anything is asked.
  Result<void> check() {
    const std::vector<KeyPart>& parts = layout_.view->key;
    if (key_.size() == parts.size()) return {};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string field = ordered_field(parts[i], layout_.key[i]);
      if (field.empty()) {
        return fail(ErrorCode::config,
                    fmt::format("view {}: a search store can't sort by the key part {}, which is a {}", layout_.view->name, parts[i].name,
                                parts[i].type.name()),
                    "give the whole key");
      }
      sort_ += fmt::format(R"({}{{"{}":"asc"}})", i == 0 ? "" : ",", field);
      if (i < key_.size() && has_one_text(parts[i])) filter_ += fmt::format(R"(,{{"term":{{"{}":{}}}}})", field, term(key_[i]));
    }
    return {};
  }

  Result<RowPage> next(std::size_t limit) override {
    return key_.size() == layout_.view->key.size() ? get_one() : search(std::min(limit, kMaxPageRows));
  }

 private:
  static HttpOptions options_of(const StoreShared& shared) {
    HttpOptions out = shared.http;
    out.request_timeout = kPageTimeout;
    return out;
  }

  static std::string term(const rows::OwnedValue& value) {
    Arena unused;
    std::string out;
    append_json(out, value.view(unused));
    return out;
  }

  [[nodiscard]] std::string doing() const { return fmt::format("reading {}", layout_.read_alias); }

  [[nodiscard]] Error not_there() const {
    return {ErrorCode::store_unavailable, fmt::format("{}: there is no such index", doing()),
            "a worker makes it when it first starts: foldline run FILE", true};
  }

  Result<RowPage> get_one() {
    Arena unused;
    std::vector<Value> key;
    for (const rows::OwnedValue& part : key_) key.push_back(part.view(unused));
    const std::string id = document_id(key);
    const std::string routing = layout_.routing < 0 ? "" : key_text(key[static_cast<std::size_t>(layout_.routing)]);
    const DocumentRef ref{id, routing};
    const auto found = cluster_.multi_get(layout_.read_alias, {&ref, 1}, doing());
    if (!found) return fail(found.error().message.find("index_not_found") == std::string::npos ? found.error() : not_there());
    RowPage page;
    page.last = true;
    if (!found->front().found) return page;
    if (auto ok = add(found->front().source, page); !ok) return fail(ok.error());
    return page;
  }

  Result<RowPage> search(std::size_t wanted) {
    constexpr long kAccepted[] = {404};
    if (after_.empty()) {
      // Else rows that are committed could be missing for as long as the index's refresh_interval.
      const std::string path = fmt::format("/{}/_refresh", percent_encoded(layout_.read_alias));
      const auto refreshed = cluster_.call({Method::post, path, ContentType::json, {}}, doing(), kAccepted);
      if (!refreshed) return fail(refreshed.error());
      if (refreshed->status == 404) return fail(not_there());
    }
    // One more than wanted says whether any come behind.
    const std::string body = fmt::format(R"({{"size":{},"track_total_hits":false,"sort":[{}],"query":{{"bool":{{"filter":[{}{}]}}}}{}}})",
                                         wanted + 1, sort_, read_filter(), filter_, after_.empty() ? "" : R"(,"search_after":)" + after_);
    const std::string path = fmt::format("/{}/_search?allow_partial_search_results=false", percent_encoded(layout_.read_alias));
    auto answer = cluster_.call({Method::post, path, ContentType::json, body}, doing(), kAccepted);
    if (!answer) return fail(answer.error());
    if (answer->status == 404) return fail(not_there());
    std::vector<Hit> hits;
    if (!read_hits(*answer, hits)) return fail(no_answer(doing()));
    RowPage page;
    page.last = hits.size() <= wanted;
    if (!page.last) hits.pop_back();
    for (const Hit& hit : hits) {
      if (auto ok = add(hit.source, page); !ok) return fail(ok.error());
    }
    if (!hits.empty()) after_ = hits.back().sort;
    return page;
  }

  Result<void> add(const std::string& source, RowPage& page) {
    auto document = reader_.read(layout_, source);
    if (!document) return fail(document.error());
    if (document->deleted) return {};
    Arena unused;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      if (!equal(document->row.key[i].view(unused), key_[i].view(unused))) return {};
    }
    document->row.guards.clear();
    page.rows.push_back(std::move(document->row));
    return {};
  }

  std::shared_ptr<const StoreShared> shared_;
  const ViewLayout& layout_;
  Cluster cluster_;
  DocumentReader reader_;
  std::vector<rows::OwnedValue> key_;
  std::string sort_;
  std::string filter_;
  std::string after_;  // the last hit's sort values; empty: none yet
};

}  // namespace

Result<std::unique_ptr<RowReader>> ElasticsearchStore::read_rows(const RowQuery& query) {
  auto reader = std::make_unique<SearchRows>(shared_, query);
  if (auto ok = reader->check(); !ok) return fail(ok.error());
  return reader;
}

}  // namespace foldline::elasticsearch
