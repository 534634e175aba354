#include "cmd/foldline/positions.h"

#include <gtest/gtest.h>

namespace foldline {
namespace {

std::string read(const std::string& text) {
  const auto positions = parse_positions(text);
  if (!positions) return positions.error().item + ": \"" + positions.error().text + "\" is no " + std::string(positions.error().what);
  std::string out;
  for (const WrittenPosition& each : *positions) out += each.topic_partition.to_string() + "=" + std::to_string(each.offset) + " ";
  return out;
}

TEST(Positions, OneOrMany) {
  EXPECT_EQ(read("orders.events:0:41"), "orders.events/0=41 ");
  EXPECT_EQ(read("a:0:1,b:12:0,a:0:9223372036854775807"), "a/0=1 b/12=0 a/0=9223372036854775807 ");
}

TEST(Positions, WhatIsNoneIsNamed) {
  for (const char* text : {"", "5", "a", "a:1", ":0:1", ",a:0:1"}) EXPECT_NE(read(text).find("is no position"), std::string::npos) << text;
  EXPECT_EQ(read("a:0:1,b:x:2"), "b:x:2: \"x\" is no partition");
  EXPECT_EQ(read("a:-1:2"), "a:-1:2: \"-1\" is no partition");
  EXPECT_EQ(read("a:4294967296:2"), "a:4294967296:2: \"4294967296\" is no partition") << "not partition 0";
  EXPECT_EQ(read("a:0:2x"), "a:0:2x: \"2x\" is no offset");
  EXPECT_EQ(read("a:0:"), "a:0:: \"\" is no offset");
}

}  // namespace
}  // namespace foldline
