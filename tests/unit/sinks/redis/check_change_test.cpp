// What Redis can't hold is refused before it is folded (G28), at the limit and not before.
#include "sinks/redis/check_change.h"

#include <gmock/gmock.h>

#include "tests/unit/sinks/changes.h"

namespace foldline::redis {
namespace {

using ::testing::HasSubstr;

class RedisCheck : public ::testing::Test {
 protected:
  void view(const std::string& kind, const std::string& name, const std::vector<std::string>& key) {
    view_.name = "v";
    view_.kind = kind;
    view_.store_name = name;
    for (const std::string& part : key) {
      view_.key.emplace_back();
      view_.key.back().name = part;
    }
    Field field;
    field.name = "n";
    field.type.kind = TypeKind::bigint;
    view_.fields.push_back(field);
    auto layout = make_layout(view_, {"p", 1});
    ASSERT_TRUE(layout) << layout.error().message;
    layout_ = std::move(*layout);
  }
  // Empty: it can be held.
  std::string checked(const std::vector<Value>& key, const Value& assigned = Value::integer(1)) {
    return said_of(key.data(), assigned, [this](const Change& change) { return check_change(layout_, view_, change); });
  }

  ViewSchema view_;
  ViewLayout layout_;
};

TEST_F(RedisCheck, ANameMayBeAsLongAsTheLimit) {
  view("hash", "o:{a}:{b}", {"a", "b"});
  constexpr std::size_t kFixed = 3;  // o, and two colons
  const std::string longest(kMaxKeyBytes - kFixed, 'x');
  const std::string too_long(kMaxKeyBytes - kFixed + 1, 'x');
  EXPECT_EQ(checked({Value::text("a"), Value::text("b")}), "");
  EXPECT_EQ(checked({Value::text(""), Value::text(longest)}), "");
  EXPECT_EQ(checked({Value::text(longest), Value::text("")}), "") << "three times as long, were it all escaped";
  EXPECT_EQ(checked({Value::text(""), Value::text(too_long)}), "view v: the key's name has 16385 bytes");
  EXPECT_EQ(checked({Value::text(too_long), Value::text("")}), "view v: the key's name has 16385 bytes");
}

TEST_F(RedisCheck, EscapesCount) {
  view("hash", "o:{a}:{b}", {"a", "b"});
  const std::string colons((kMaxKeyBytes - 3) / 3 + 1, ':');
  EXPECT_THAT(checked({Value::text(colons), Value::text("")}), HasSubstr("the key's name has"));
  EXPECT_EQ(checked({Value::text(""), Value::text(colons)}), "") << "the last part stands as it is";
}

TEST_F(RedisCheck, APartOfTheKeyIsNeverNull) {
  view("hash", "o:{a}:{b}", {"a", "b"});
  EXPECT_EQ(checked({Value::text("a"), Value::null()}), "view v, key part b: it is null");
  EXPECT_EQ(checked({Value::absent(), Value::text("b")}), "view v, key part a: it is null");
}

}  // namespace
}  // namespace foldline::redis
