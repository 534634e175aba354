// Search stores and index views: what is read, what follows from the store, and what belongs to another kind.
#include <gmock/gmock.h>

#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::HasSubstr;

std::string search_file(const std::string& view_lines, const std::string& store = "opensearch: {url: \"http://h:9200\"}") {
  Parts parts;
  parts.store = "store: {" + store + "}";
  parts.views = "views:\n  v:\n    key: {id: text}\n" + view_lines + "    on_event: {a: {set: {n: 1}}}\n";
  return file_of(parts);
}

TEST(SearchStore, ViewsAreIndicesWithTheirOptions) {
  const auto loaded =
      load(search_file("    name: orders-search\n"
                       "    fields: {n: {type: int, options: {index: false, ignore_above: 12, meta: {unit: \"5\"}}}}\n"
                       "    options: {shards: 3, replicas: 0, refresh_interval: 5s, routing: id, settings: {analysis: {a: [x, 1]}}, "
                       "mappings: {_meta: {b: true}}}\n"));
  ASSERT_TRUE(loaded.file) << loaded.output;
  const ViewSpec& view = loaded.file->views.at(0);
  EXPECT_EQ(view.kind, "index");
  EXPECT_EQ(view.store_name, "orders-search");
  EXPECT_EQ(view.index.shards, 3);
  EXPECT_EQ(view.index.replicas, 0);
  EXPECT_EQ(view.index.refresh_interval, "5s");
  EXPECT_EQ(view.index.routing, "id");
  EXPECT_EQ(view.index.settings, R"({"analysis":{"a":["x",1]}})");
  EXPECT_EQ(view.index.mappings, R"({"_meta":{"b":true}})");
  EXPECT_EQ(view.fields.at(0).mapping, R"({"index":false,"ignore_above":12,"meta":{"unit":"5"}})");
}

TEST(SearchStore, TakesManyAddressesAndCredentials) {
  const auto loaded =
      load(search_file("    fields: {n: int}\n",
                       "elasticsearch: {url: [\"https://a:9200\", \"https://u:pw@b:9200\"], username: u, password: \"${PW}\", "
                       "ca_file: /ca.pem, verify: false, connections: 5}"),
           {{"KAFKA_BROKERS", "b"}, {"PW", "s3cr3t"}});
  ASSERT_TRUE(loaded.file) << loaded.output;
  const SearchSpec& search = loaded.file->store.search;
  EXPECT_EQ(loaded.file->store.kind, "elasticsearch");
  ASSERT_EQ(search.urls.size(), 2U);
  EXPECT_EQ(search.password.reveal(), "s3cr3t");
  EXPECT_EQ(search.ca_file, "/ca.pem");
  EXPECT_FALSE(search.verify);
  EXPECT_EQ(search.connections, 5U);
  EXPECT_EQ(load(search_file("    fields: {n: int}\n")).file->store.search.connections, 2U);
  EXPECT_THAT(load(search_file("    fields: {n: int}\n", "opensearch: {url: \"http://h\", connections: 17}")).output,
              HasSubstr("`connections`"));
}

TEST(SearchStore, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(load(search_file("    fields: {n: int}\n", "opensearch: {url: \"h:9200\"}")).output,
              HasSubstr("`url` is no address of a search cluster"));
  EXPECT_THAT(load(search_file("    fields: {n: int}\n", "opensearch: {}")).output, HasSubstr("needs the key `url`"));
  EXPECT_THAT(load(search_file("    fields: {n: int}\n", "opensearch: {url: \"http://h\", api_key: k, username: u}")).output,
              HasSubstr("`api_key` and `username` exclude each other"));
  EXPECT_THAT(load(search_file("    kind: table\n    fields: {n: int}\n")).output,
              HasSubstr("is of the kind `table`, and the store opensearch keeps"));
  EXPECT_THAT(load(search_file("    name: Orders\n    fields: {n: int}\n")).output, HasSubstr("is no name for an index"));
  EXPECT_THAT(load(search_file("    name: orders-{id}\n    fields: {n: int}\n")).output, HasSubstr("not built yet"));
  EXPECT_THAT(load(search_file("    fields: {n: int}\n    options: {unique: n}\n")).output,
              HasSubstr("`unique` is no option of the kind `index`"));
  EXPECT_THAT(load(search_file("    fields: {n: int}\n    options: {refresh_interval: soon}\n")).output,
              HasSubstr("is no refresh interval"));
  EXPECT_THAT(load(search_file("    fields: {n: {type: int, options: {generated: x}}}\n")).output, HasSubstr("options: generated"));
}

TEST(SearchStore, OptionsOfAnIndexAreNoneOfATable) {
  const auto option =
      load(file_with_view("    key: {id: text}\n    fields: {n: int}\n    options: {shards: 2}\n    on_event: {a: {set: {n: 1}}}\n"));
  EXPECT_THAT(option.output, HasSubstr("`shards` is no option of the kind `table`"));
  const auto field =
      load(file_with_view("    key: {id: text}\n    fields: {n: {type: int, options: {a: 1}}}\n    on_event: {a: {set: {n: 1}}}\n"));
  EXPECT_THAT(field.output, HasSubstr("mapping parameters of an index, and the view v is a table"));
  std::string in_postgres =
      file_with_view("    kind: index\n    key: {id: text}\n    fields: {n: int}\n    on_event: {a: {set: {n: 1}}}\n");
  const std::string memory = "{memory: {}}";
  ASSERT_NE(in_postgres.find(memory), std::string::npos);
  in_postgres.replace(in_postgres.find(memory), memory.size(), "{postgres: {url: \"postgres://h/d\"}}");
  EXPECT_THAT(load(in_postgres).output, HasSubstr("the store postgres keeps views of the kind `table`"));
}

}  // namespace
}  // namespace foldline::config
