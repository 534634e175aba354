// A database of its own for each test, on the server that POSTGRES_URL names, and builders of views and batches.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/arena.h"
#include "common/view.h"
#include "sinks/postgres/store.h"
#include "sinks/sink.h"
#include "tests/integration/sinks/batch_builder.h"

namespace foldline::postgres {

class PostgresFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Another worker's store of the same database.
  std::unique_ptr<PostgresStore> new_store(const std::vector<ViewSchema>& views, const std::string& projection = "p",
                                           std::int64_t generation = 1, StoreOptions options = {});
  // The same, prepared.
  std::unique_ptr<PostgresStore> prepared_store(const std::vector<ViewSchema>& views, const std::string& projection = "p");

  // Each row as its columns' text, joined by `|`; NULL as `~`. As the server's administrator of this database.
  std::vector<std::string> rows(const std::string& sql);
  std::string value(const std::string& sql);
  void run(const std::string& sql);
  // From the database that POSTGRES_URL names.
  void run_on_server(const std::string& sql);

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& database() const { return database_; }
  // keyword=value pairs appended to the url override it.
  [[nodiscard]] Secret url_with(const std::string& keywords) const { return Secret(url_ + " " + keywords); }

 private:
  std::string server_url_;
  std::string database_;
  std::string url_;
};

// --- views

Type type_of(TypeKind kind);
Type numeric_type(std::int32_t precision, std::int32_t scale);
Type list_type(TypeKind element);
Field field(const std::string& name, Type type, std::uint8_t ops = op_bit(Op::set));
// A field that a clause adds to: starts at `start`, never null.
Field sum_field(const std::string& name, TypeKind kind, std::int64_t start = 0);
ViewSchema view(const std::string& name, std::vector<std::pair<std::string, TypeKind>> key, std::vector<Field> fields);
// `key: {id: text}`, `fields: {name: text, total: bigint (added to)}`: what most tests need.
ViewSchema simple_view(const std::string& name = "v");

// --- batches

using testing::BatchBuilder;
using testing::OpenedSink;

// Opens partitions 0.. of topic `t` for a new owner.
OpenedSink open_sink(PostgresStore& store, int partitions = 1);

// "committed", or the status with its error: so that a failed expectation says why.
std::string said(const CommitResult& result);

}  // namespace foldline::postgres
