// The keys of a search store: OpenSearch and Elasticsearch have the same.
#include <algorithm>
#include <string>

#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

struct SearchDraft {
  SearchSpec& search;
  Location api_key_at, username_at;
};

void load_urls(Reader& reader, const YamlNode& node, SearchDraft& out) {
  reader.one_or_many(node, "url", kMaxSearchUrls, [&](const YamlNode& item) {
    const auto url = reader.secret(item, "url", false);
    if (!url) return;
    const std::string& text = url->reveal();
    if (text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0) {
      out.search.urls.push_back(*url);
    } else {
      reader.error(item.at, text.empty() ? "`url` is empty" : "`url` is no address of a search cluster",
                   "write http://host:9200 or https://host:9200, a password by \"${VAR}\"");
    }
  });
}

constexpr Property<SearchDraft> kSearch[] = {
    {{.name = "url",
      .shape = Shape::names,
      .required = true,
      .doc = "https://host:9200, one or many of one cluster, tried in turn; user:password@ before the host is never printed"},
     load_urls},
    {{.name = "username", .shape = Shape::text, .fallback = "none", .doc = "for basic auth"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) {
       out.username_at = n.at;
       out.search.username = r.text(n, "username").value_or("");
     }},
    {{.name = "password", .shape = Shape::text, .fallback = "none", .doc = "for basic auth; never printed"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) { out.search.password = r.secret(n, "password", true).value_or(Secret()); }},
    {{.name = "api_key",
      .shape = Shape::text,
      .fallback = "none",
      .doc = "an API key as the cluster gave it (`encoded`), in place of a user; never printed"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) {
       out.api_key_at = n.at;
       out.search.api_key = r.secret(n, "api_key", true).value_or(Secret());
     }},
    {{.name = "ca_file", .shape = Shape::text, .fallback = "the system's", .doc = "certificates (PEM) that sign the cluster's"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) { out.search.ca_file = r.text(n, "ca_file").value_or(""); }},
    {{.name = "verify", .shape = Shape::boolean, .fallback = "`true`", .doc = "check the cluster's certificate and name"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) { out.search.verify = r.boolean(n, "verify").value_or(true); }},
    {{.name = "connections",
      .shape = Shape::number,
      .fallback = "`2`",
      .bounds = "1 to 16",
      .doc = "requests that a worker has under way at once, each over a connection of its own"},
     [](Reader& r, const YamlNode& n, SearchDraft& out) {
       const auto connections = r.integer(n, "connections", 1, kMostSearchConnections);
       if (connections) out.search.connections = static_cast<std::uint32_t>(*connections);
     }},
};
constexpr Level<SearchDraft> kSearchLevel = {
    {"a search store", "Store: opensearch, elasticsearch", "One cluster. Views are kept as indices; see docs/search.md."}, kSearch};

void load_search(Reader& reader, const YamlNode& node, StoreSpec& out, std::string_view kind) {
  out.kind = kind;
  SearchDraft draft{out.search, {}, {}};
  if (!read_level(reader, node, kSearchLevel, draft)) return;
  if (!out.search.api_key.empty() && !out.search.username.empty()) {
    reader.error(draft.api_key_at, "`api_key` and `username` exclude each other", "keep one of them");
  }
}

}  // namespace

void load_opensearch(Reader& reader, const YamlNode& node, StoreSpec& out) { load_search(reader, node, out, "opensearch"); }
void load_elasticsearch(Reader& reader, const YamlNode& node, StoreSpec& out) { load_search(reader, node, out, "elasticsearch"); }

void describe_search_store(std::vector<LevelDescription>& out) { out.push_back(describe(kSearchLevel)); }

}  // namespace foldline::config
