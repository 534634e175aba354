// Indices of their own for each test, on the cluster that SEARCH_URL names, and a lane that folds events and commits them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/arena.h"
#include "engine/fold.h"
#include "sinks/elasticsearch/store.h"

namespace foldline::elasticsearch {

// --- views

Type type_of(TypeKind kind);
Type list_type(TypeKind element, TypeKind kind = TypeKind::list);
Field field(const std::string& name, Type type, std::uint8_t ops = op_bit(Op::set));
// A field that a clause adds to: starts at 0, never null.
Field sum_field(const std::string& name, TypeKind kind);
ViewSchema view(const std::string& name, std::vector<std::pair<std::string, TypeKind>> key, std::vector<Field> fields);
// `key: {id: text}`, `fields: {name: text, total: bigint (added to)}`: what most tests need.
ViewSchema simple_view(const std::string& name = "v");

// --- events

// One change of one row. Its values have to outlive it: literals, numbers, or text of `Lane::text`.
struct TestChange {
  std::uint32_t view = 0;
  std::vector<Value> key;
  std::vector<Assignment> assignments;
  bool erase = false;
  std::string stamp;  // guarded views
  std::int64_t deleted_at_us = 0;
};
using TestEvent = std::vector<TestChange>;

TestChange set_name(std::string_view id, std::string_view name, std::uint32_t view = 0);
TestChange add_total(std::string_view id, std::int64_t amount, std::uint32_t view = 0);
TestChange erase_row(std::string_view id, std::uint32_t view = 0);

// What a worker would do with a sink, without a log: it folds the events that it is given and commits them.
class Lane {
 public:
  Lane(Store& store, const std::vector<ViewSchema>& views, std::vector<TopicPartition> partitions);

  Result<void> open();
  // Writes each partition's first checkpoint, as the engine does, where there is none.
  std::string start();

  // The next offsets of one partition.
  struct Part {
    std::size_t partition = 0;
    std::vector<const TestEvent*> events;
  };
  // Folded and committed once; refolds are followed, `retry` is not. A Batch may be committed again.
  struct Batch {
    std::vector<Part> parts;
    Uuid id = Uuid::random();
  };
  CommitResult commit(const Batch& batch);
  // One event of partition 0.
  std::string commit_one(const TestEvent& event);

  Uuid owner;
  std::vector<OpenedPartition> opened;
  std::vector<std::int64_t> next_offsets;
  int refolds = 0;
  std::unique_ptr<Sink> sink;
  std::string ids;  // packed IDs that the next commit carries for partition 0
  std::int64_t tail_first_offset = -1;

 private:
  CommitResult commit_once(const Batch& batch, const Uuid& batch_id);
  [[nodiscard]] bool is_ahead(const TestChange& change, const TopicPartition& partition, std::int64_t offset) const;

  const std::vector<ViewSchema>& views_;
  std::vector<TopicPartition> partitions_;
  std::vector<RowAhead> ahead_;
  Arena arena_;
  Fold fold_;
};

// --- the cluster

class SearchFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Views get an index name of this test's own.
  std::vector<ViewSchema> own(std::vector<ViewSchema> views) const;
  std::unique_ptr<ElasticsearchStore> new_store(const std::vector<ViewSchema>& views, const std::string& url = {},
                                                StoreOptions options = {}) const;
  std::unique_ptr<ElasticsearchStore> prepared_store(const std::vector<ViewSchema>& views, const std::string& url = {},
                                                     StoreOptions options = {}) const;

  // Of the live generation, whichever it is.
  std::unique_ptr<ElasticsearchStore> live_store(const std::vector<ViewSchema>& views, const std::string& url = {}) const;
  // Of one in the making.
  std::unique_ptr<ElasticsearchStore> building_store(const std::vector<ViewSchema>& views, std::int64_t number,
                                                     const std::string& url = {}) const;

  // The server's answer; a failed expectation when it is no 2xx.
  std::string ask(Method method, const std::string& path, const std::string& body = {}) const;
  // What people see: the documents behind the read alias, `_id` → fields as `name=value`, in the view's order; null fields left out.
  std::map<std::string, std::string> documents(const ViewSchema& view) const;
  std::string source(const ViewSchema& view, const std::string& id) const;
  [[nodiscard]] std::string index(const ViewSchema& view) const { return view.store_name + "-g1"; }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string host() const;
  [[nodiscard]] int port() const;

  std::string projection_;

 private:
  std::unique_ptr<ElasticsearchStore> make_store(const std::vector<ViewSchema>& views, std::int64_t generation, const std::string& url,
                                                 StoreOptions options) const;

  std::string url_;
};

// As documents() prints them.
std::string print(const ViewSchema& view, const rows::StoredRow& row);

// "committed", or the status with its error: so that a failed expectation says why.
std::string said(const CommitResult& result);

}  // namespace foldline::elasticsearch
