// G6: a partition that was added after the generation began starts at its log's start.
#include "engine/first_topics.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

TEST(FirstTopics, KnowsWhatWasAddedLater) {
  const auto first = FirstTopics::parse(FirstTopics::text({{"orders", 2}, {"a.b-c_d", 1}}));
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->added_later({"orders", 1}));
  EXPECT_TRUE(first->added_later({"orders", 2}));
  EXPECT_FALSE(first->added_later({"a.b-c_d", 0}));
  EXPECT_TRUE(first->added_later({"payments", 0})) << "a topic that was not there yet";
}

TEST(FirstTopics, WhereNothingWasThereAllCameLater) {
  const auto first = FirstTopics::parse(FirstTopics::text({}));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->added_later({"orders", 0}));
}

TEST(FirstTopics, ADamagedListIsAnErrorNotAGuess) {
  for (const char* text : {"x orders\n", "orders\n", " orders\n", "-1 orders\n", "3x orders\n"})
    EXPECT_FALSE(FirstTopics::parse(text)) << text;
}

}  // namespace
}  // namespace foldline
