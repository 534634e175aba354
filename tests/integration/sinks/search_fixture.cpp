#include "tests/integration/sinks/search_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "common/json.h"

namespace foldline::elasticsearch {

Type type_of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type list_type(TypeKind element, TypeKind kind) {
  Type out = type_of(kind);
  out.element = std::make_shared<Type>(type_of(element));
  return out;
}

Field field(const std::string& name, Type type, std::uint8_t ops) {
  Field out;
  out.name = name;
  out.type = std::move(type);
  out.ops = ops;
  return out;
}

Field sum_field(const std::string& name, TypeKind kind) {
  Field out = field(name, type_of(kind), op_bit(Op::set) | op_bit(Op::add));
  out.default_value = kind == TypeKind::numeric ? Value::decimal(Decimal::from_int(0)) : Value::integer(0);
  out.not_null = true;
  return out;
}

ViewSchema view(const std::string& name, std::vector<std::pair<std::string, TypeKind>> key, std::vector<Field> fields) {
  ViewSchema out;
  out.name = out.store_name = name;
  out.kind = "index";
  out.index.replicas = 0;
  out.index.shards = 1;
  for (const auto& [part, kind] : key) out.key.push_back({part, type_of(kind), ""});
  out.fields = std::move(fields);
  return out;
}

ViewSchema simple_view(const std::string& name) {
  return view(name, {{"id", TypeKind::text}}, {field("name", type_of(TypeKind::text)), sum_field("total", TypeKind::bigint)});
}

TestChange set_name(std::string_view id, std::string_view name, std::uint32_t view) {
  return {view, {Value::text(id)}, {{0, Op::set, Value::text(name)}}, false, "", 0};
}

TestChange add_total(std::string_view id, std::int64_t amount, std::uint32_t view) {
  return {view, {Value::text(id)}, {{1, Op::add, Value::integer(amount)}}, false, "", 0};
}

TestChange erase_row(std::string_view id, std::uint32_t view) { return {view, {Value::text(id)}, {}, true, "", 0}; }

Lane::Lane(Store& store, const std::vector<ViewSchema>& views, std::vector<TopicPartition> partitions)
    : next_offsets(partitions.size()),
      sink(std::move(*store.new_sink())),
      views_(views),
      partitions_(std::move(partitions)),
      fold_(views) {}

Result<void> Lane::open() {
  owner = Uuid::random();
  ahead_.clear();
  auto found = sink->open({partitions_, owner, 1'000});
  if (!found) return fail(found.error());
  opened = std::move(*found);
  for (std::size_t i = 0; i < opened.size(); ++i) next_offsets[i] = opened[i].found ? opened[i].checkpoint.next_offset : 0;
  return {};
}

std::string Lane::start() {
  if (auto ok = open(); !ok) return "open: " + ok.error().message;
  const Uuid batch_id = Uuid::random();
  std::vector<PartitionCommit> parts;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (opened[i].found) continue;
    PartitionCommit& part = parts.emplace_back();
    part.topic_partition = &partitions_[i];
    part.expected_missing = true;
    part.after.owner = owner;
    part.after.batch_id = batch_id;
  }
  return parts.empty() ? "committed" : said(sink->commit({owner, batch_id, parts, {}}));
}

bool Lane::is_ahead(const TestChange& change, const TopicPartition& partition, std::int64_t offset) const {
  const std::string key = rows::encode_key(change.key);
  return std::any_of(ahead_.begin(), ahead_.end(), [&](const RowAhead& row) {
    return row.view == change.view && row.key == key && row.topic_partition == partition && offset < row.next_offset;
  });
}

CommitResult Lane::commit_once(const Batch& batch, const Uuid& batch_id) {
  arena_.reset();
  fold_.begin(arena_);
  std::vector<PartitionCommit> parts;
  for (const Part& part : batch.parts) {
    std::int64_t offset = next_offsets[part.partition];
    for (const TestEvent* event : part.events) {
      std::vector<Change> changes;
      for (const TestChange& change : *event) {
        if (is_ahead(change, partitions_[part.partition], offset)) continue;
        Change& out = changes.emplace_back();
        out.view = change.view;
        out.op = change.erase ? RowOp::erase : RowOp::upsert;
        out.key = change.key.data();
        out.key_hash = hash_key(change.key);
        out.assignments = change.assignments;
        out.guard = change.stamp;
        out.deleted_at_us = change.deleted_at_us;
      }
      EXPECT_EQ(fold_.add(changes, EventOrigin{&partitions_[part.partition], offset}).outcome, FoldOutcome::folded);
      ++offset;
    }
    PartitionCommit& moved = parts.emplace_back();
    moved.topic_partition = &partitions_[part.partition];
    moved.expected_offset = next_offsets[part.partition];
    moved.after.next_offset = offset;
    moved.after.owner = owner;
    moved.after.batch_id = batch_id;
    if (part.partition == 0 && !ids.empty()) {
      moved.ids = ids;
      moved.ids_first_offset = moved.expected_offset;
      moved.ids_last_offset = offset - 1;
      moved.tail_first_offset = tail_first_offset;
    }
  }
  const std::vector<ViewRows> rows = fold_.rows();
  return sink->commit({owner, batch_id, parts, rows});
}

CommitResult Lane::commit(const Batch& batch) {
  Uuid batch_id = batch.id;
  for (;;) {
    CommitResult out = commit_once(batch, batch_id);
    if (out.status != CommitStatus::refold) {
      if (out.status == CommitStatus::committed) {
        for (const Part& part : batch.parts) next_offsets[part.partition] += static_cast<std::int64_t>(part.events.size());
      }
      return out;
    }
    ++refolds;
    EXPECT_FALSE(out.ahead.empty());
    ahead_.insert(ahead_.end(), out.ahead.begin(), out.ahead.end());
    batch_id = Uuid::random();  // another fold is another batch
  }
}

std::string Lane::commit_one(const TestEvent& event) { return said(commit({{{0, {&event}}}, Uuid::random()})); }

void SearchFixture::SetUp() {
  const char* given = std::getenv("SEARCH_URL");
  ASSERT_NE(given, nullptr) << "set SEARCH_URL (deploy/local/stack env prints it)";
  url_ = given;
  projection_ = "t" + Uuid::random().to_string().substr(0, 8);
}

void SearchFixture::TearDown() {
  HttpClient http({.urls = {Secret(url_)}, .username = "", .password = {}, .api_key = {}, .ca_file = ""});
  const auto ask_quietly = [&](Method method, const std::string& path, const std::string& body) {
    static_cast<void>(http.send({method, path, ContentType::json, body}));
  };
  ask_quietly(Method::remove, "/" + projection_ + "-*", "");
}

std::vector<ViewSchema> SearchFixture::own(std::vector<ViewSchema> views) const {
  for (ViewSchema& view : views) view.store_name = projection_ + "-" + view.name;
  return views;
}

std::unique_ptr<ElasticsearchStore> SearchFixture::new_store(const std::vector<ViewSchema>& views, const std::string& url,
                                                             StoreOptions options) const {
  return make_store(views, 1, url, std::move(options));
}

std::unique_ptr<ElasticsearchStore> SearchFixture::live_store(const std::vector<ViewSchema>& views, const std::string& url) const {
  return make_store(views, 0, url, {});
}

std::unique_ptr<ElasticsearchStore> SearchFixture::building_store(const std::vector<ViewSchema>& views, std::int64_t number,
                                                                  const std::string& url) const {
  StoreOptions options;
  options.building = true;
  return make_store(views, number, url, std::move(options));
}

std::unique_ptr<ElasticsearchStore> SearchFixture::make_store(const std::vector<ViewSchema>& views, std::int64_t generation,
                                                              const std::string& url, StoreOptions options) const {
  options.http.urls = {Secret(url.empty() ? url_ : url)};
  auto store = ElasticsearchStore::make(options, {projection_, generation}, views);
  if (!store) {
    ADD_FAILURE() << store.error().message << " " << store.error().hint;
    return nullptr;
  }
  return std::move(*store);
}

std::unique_ptr<ElasticsearchStore> SearchFixture::prepared_store(const std::vector<ViewSchema>& views, const std::string& url,
                                                                  StoreOptions options) const {
  auto store = new_store(views, url, std::move(options));
  const auto prepared = store->prepare();
  EXPECT_TRUE(prepared) << prepared.error().message << " " << prepared.error().hint;
  return store;
}

std::string SearchFixture::ask(Method method, const std::string& path, const std::string& body) const {
  HttpClient http({.urls = {Secret(url_)}, .username = "", .password = {}, .api_key = {}, .ca_file = ""});
  const auto answer = http.send({method, path, ContentType::json, body});
  EXPECT_TRUE(answer && answer->status < 300) << path << ": " << (answer ? answer->body : answer.error().message);
  return answer ? answer->body : "";
}

std::string SearchFixture::host() const {
  const std::string bare = host_of(url_).substr(host_of(url_).find("://") + 3);
  return bare.substr(0, bare.find(':'));
}

int SearchFixture::port() const { return std::stoi(host_of(url_).substr(host_of(url_).rfind(':') + 1)); }

namespace {

const Value* find(const Value& map, std::string_view key) {
  for (const MapEntry& entry : map.as_map()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

// As the documents hold it: decimals as text, intervals as microseconds.
void append_as_stored(std::string& out, const Value& value) {
  if (value.is(Kind::decimal)) {
    append_json_string(out, value.as_decimal().to_string());
  } else if (value.is(Kind::interval)) {
    out += std::to_string(value.as_int());
  } else if (value.is(Kind::json)) {
    Arena arena;
    append_json(out, *parse_json(value.as_text(), arena));
  } else if (value.is(Kind::list)) {
    out += '[';
    for (const Value& element : value.as_list()) {
      if (out.back() != '[') out += ',';
      append_as_stored(out, element);
    }
    out += ']';
  } else {
    append_json(out, value);
  }
}

}  // namespace

std::string print(const ViewSchema& view, const rows::StoredRow& row) {
  std::string out;
  Arena arena;
  const auto add = [&](const std::string& name, const rows::OwnedValue& value) {
    if (value.is_null()) return;
    out += (out.empty() ? "" : " ") + name + "=";
    append_as_stored(out, value.view(arena));
  };
  for (std::size_t i = 0; i < view.key.size(); ++i) add(view.key[i].name, row.key[i]);
  for (std::size_t i = 0; i < view.fields.size(); ++i) add(view.fields[i].name, row.fields[i]);
  return out;
}

std::map<std::string, std::string> SearchFixture::documents(const ViewSchema& view) const {
  ask(Method::post, "/" + view.store_name + "/_refresh");
  const std::string answer = ask(Method::post, "/" + view.store_name + "/_search", R"({"size":10000})");
  Arena arena;
  const Value parsed = *parse_json(answer, arena);
  std::map<std::string, std::string> out;
  for (const Value& hit : find(*find(parsed, "hits"), "hits")->as_list()) {
    const Value& source = *find(hit, "_source");
    std::string line;
    const auto add = [&](const std::string& name) {
      const Value* value = find(source, name);
      if (value == nullptr) return;
      line += (line.empty() ? "" : " ") + name + "=";
      append_json(line, *value);
    };
    for (const KeyPart& part : view.key) add(part.name);
    for (const Field& field : view.fields) add(field.name);
    out[std::string(find(hit, "_id")->as_text())] = line;
  }
  return out;
}

std::string SearchFixture::source(const ViewSchema& view, const std::string& id) const {
  Arena arena;
  const std::string answer = ask(Method::get, "/" + index(view) + "/_doc/" + percent_encoded(id));
  const Value parsed = *parse_json(answer, arena);
  std::string out;
  append_json(out, *find(parsed, "_source"));
  return out;
}

std::string said(const CommitResult& result) {
  switch (result.status) {
    case CommitStatus::committed: return "committed";
    case CommitStatus::fenced: return "fenced: " + result.error.message;
    case CommitStatus::retry: return "retry: " + result.error.message + " / " + result.error.hint;
    case CommitStatus::rejected: return "rejected: " + result.error.message + " / " + result.error.hint;
    case CommitStatus::refold: return "refold";
  }
  return "?";
}

}  // namespace foldline::elasticsearch
