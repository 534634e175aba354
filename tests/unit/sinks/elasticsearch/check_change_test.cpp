// What a search store can't hold is refused before it is folded (G28), at the limit and not before.
#include "sinks/elasticsearch/check_change.h"

#include <gmock/gmock.h>

#include "tests/unit/sinks/changes.h"

namespace foldline::elasticsearch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class SearchCheck : public ::testing::Test {
 protected:
  void view(const std::vector<std::string>& key, TypeKind field_kind = TypeKind::text) {
    view_.name = view_.store_name = "v";
    view_.kind = "index";
    for (const std::string& part : key) {
      view_.key.emplace_back();
      view_.key.back().name = part;
    }
    Field field;
    field.name = "n";
    field.type.kind = field_kind;
    view_.fields.push_back(field);
    auto layout = make_layout(view_, 0, {"p", 1});
    ASSERT_TRUE(layout) << layout.error().message;
    layout_ = std::move(*layout);
  }
  // Empty: it can be held.
  std::string checked(const std::vector<Value>& key, const Value& assigned) {
    return said_of(key.data(), assigned, [this](const Change& change) { return check_change(layout_, view_, change); });
  }

  ViewSchema view_;
  ViewLayout layout_;
};

TEST_F(SearchCheck, AnIdMayBeAsLongAsTheLimit) {
  view({"a"});
  const std::string longest(kMaxIdBytes, 'x');
  EXPECT_EQ(checked({Value::text("a")}, Value::text("t")), "");
  EXPECT_EQ(checked({Value::text(longest)}, Value::text("t")), "") << "three times as long, were it all escaped";
  EXPECT_EQ(checked({Value::text(longest + "x")}, Value::text("t")), "view v: the key has 513 bytes");
}

TEST_F(SearchCheck, EscapesCount) {
  view({"a", "b"});
  const std::string colons(kMaxIdBytes / 3, ':');
  EXPECT_THAT(checked({Value::text(colons), Value::text("bbb")}, Value::text("t")), StartsWith("view v: the key has"));
  EXPECT_EQ(checked({Value::text(std::string(kMaxIdBytes / 3, 'a')), Value::text("bbb")}, Value::text("t")), "");
}

TEST_F(SearchCheck, WhatTheMappingDoesNotTakeIsRefused) {
  view({"a"}, TypeKind::timestamptz);
  EXPECT_EQ(checked({Value::text("a")}, Value::timestamp(0)), "");
  EXPECT_THAT(checked({Value::text("a")}, Value::timestamp(-1)), HasSubstr("field n"));
  EXPECT_EQ(checked({Value::null()}, Value::timestamp(0)), "view v, field a: a key part is null");
}

}  // namespace
}  // namespace foldline::elasticsearch
