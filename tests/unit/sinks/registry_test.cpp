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

TEST(Registry, UnknownKindIsRefusedByName) {
  EXPECT_EQ(opened("sqlite"), "there is no store `sqlite` in this build / use one of: postgres, redis, memory");
}

}  // namespace
}  // namespace foldline
