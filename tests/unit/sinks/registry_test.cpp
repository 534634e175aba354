#include "sinks/registry.h"

#include <gmock/gmock.h>

namespace foldline {
namespace {

using ::testing::HasSubstr;

std::string opened(const std::string& kind, const std::string& url = "") {
  config::StoreSpec spec;
  spec.kind = kind;
  spec.url = Secret(url);
  const auto store = open_store(spec, StoreContext{{"p", 1}, {}, 0});
  return store ? "" : store.error().message + " / " + store.error().hint;
}

TEST(Registry, OpensEveryKindItNamesWithoutConnecting) {
  EXPECT_EQ(opened("memory"), "");
  EXPECT_EQ(opened("postgres", "postgres://nobody@nowhere.invalid/x"), "");
}

TEST(Registry, ASearchStoreOpensWithoutConnecting) {
  config::StoreSpec spec;
  spec.kind = "opensearch";
  spec.search.urls = {Secret("http://nowhere.invalid:9200")};
  ViewSchema view;
  view.name = view.store_name = "orders";
  view.kind = "index";
  view.key.push_back({"id", {}, ""});
  EXPECT_TRUE(open_store(spec, StoreContext{{"p", 1}, {view}, 0}));
  view.kind = "table";
  const auto refused = open_store(spec, StoreContext{{"p", 1}, {view}, 0});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("a search store keeps no table"));
}

TEST(Registry, UnknownKindIsRefusedByName) {
  EXPECT_EQ(opened("sqlite"), "there is no store `sqlite` in this build / use one of: postgres, redis, memory, opensearch, elasticsearch");
}

}  // namespace
}  // namespace foldline
