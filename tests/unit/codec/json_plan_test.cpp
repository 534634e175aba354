#include "common/codec/json_plan.h"

#include <gtest/gtest.h>

#include <string>

#include "common/json.h"
#include "tests/unit/codec/padded.h"

namespace foldline::codec {
namespace {

// Reads some paths of a record and prints each slot: text in quotes, raw JSON in <>, "-" for absent.
using Paths = std::vector<std::vector<std::string>>;

class Read {
 public:
  explicit Read(Paths paths, JsonPlanOptions options = {}) {
    for (auto& keys : paths) slots_at_.push_back(paths_.slot({expr::Root::value, std::move(keys), 0}));
    plan_.emplace(paths_, expr::Root::value, std::move(options));
  }

  std::string operator()(std::string_view text, const JsonReadOptions& options = {}) {
    records_.emplace_back(text);
    std::vector<Value> slots(paths_.slot_count());
    const auto read = reader_.read(*plan_, records_.back().view(), slots, arena_, options);
    if (!read) return "error: " + read.error().message;
    std::string out;
    for (const std::uint32_t slot : slots_at_) {
      if (!out.empty()) out += " ";
      out += print(slots[slot]);
    }
    return out;
  }

 private:
  static std::string print(const Value& value) {
    if (value.is_absent()) return "-";
    if (value.is(Kind::json)) return "<" + std::string(value.as_text()) + ">";
    std::string out;
    append_json(out, value);
    return out;
  }

  expr::PathSet paths_;
  std::vector<std::uint32_t> slots_at_;
  std::optional<JsonPlan> plan_;
  JsonReader reader_;
  Arena arena_;
  std::vector<Padded> records_;
};

TEST(JsonPlan, ReadsTheUsedPathsInAnyOrder) {
  Read read(Paths{{"type"}, {"data", "total"}, {"data", "customer", "name"}, {"ok"}});
  const std::string expected = R"("placed" 3998 "Ada" true)";
  EXPECT_EQ(read(R"({"type":"placed","data":{"total":3998,"customer":{"name":"Ada"}},"ok":true})"), expected);
  EXPECT_EQ(
      read(
          R"( { "ok" : true , "x":[{"type":1}], "data" : { "customer" : {"y":{}, "name" : "Ada" }, "total" : 3998 } , "type" : "placed" } )"),
      expected);
}

TEST(JsonPlan, WhatIsNotThereIsAbsentAndNullIsNull) {
  Read read(Paths{{"a"}, {"a", "b"}, {"c"}});
  EXPECT_EQ(read("{}"), "- - -");
  EXPECT_EQ(read(R"({"a":null})"), "null - -");
  EXPECT_EQ(read(R"({"a":7})"), "7 - -");                      // through a scalar
  EXPECT_EQ(read(R"({"a":[{"b":1}]})"), "<[{\"b\":1}]> - -");  // a list has no members
  EXPECT_EQ(read(R"({"a":{"b":null}})"), "<{\"b\":null}> null -");
}

TEST(JsonPlan, APathMayEndAndGoOnAtTheSamePlace) {
  Read read(Paths{{"data"}, {"data", "id"}, {"data", "in"}, {"data", "in", "x"}});
  EXPECT_EQ(read(R"({"data": {"id":1, "in": {"x": 2 } } , "z":0})"), R"(<{"id":1, "in": {"x": 2 } }> 1 <{"x": 2 }> 2)");
}

TEST(JsonPlan, TheWholeValueMayBeAnything) {
  Read read(Paths{{}, {"a"}});
  EXPECT_EQ(read(R"( {"a":1} )"), R"(<{"a":1}> 1)");
  EXPECT_EQ(read(" [1,2] "), "<[1,2]> -");
  EXPECT_EQ(read(" 12.50 "), "12.50 -");
  EXPECT_EQ(read(R"("te\u0078t")"), R"("text" -)");
  EXPECT_EQ(read("null"), "null -");
}

TEST(JsonPlan, AByteOrderMarkIsNoPartOfTheJson) { EXPECT_EQ(Read(Paths{{"a"}})("\xEF\xBB\xBF{\"a\":1}"), "1"); }

// A name twice: the last one counts, with all that it holds, as in jsonb.
TEST(JsonPlan, OfTwoMembersOfOneNameTheLastCounts) {
  Read read(Paths{{"a"}, {"a", "b"}, {"a", "c"}});
  EXPECT_EQ(read(R"({"a":{"b":1,"c":2},"a":{"b":3}})"), R"(<{"b":3}> 3 -)");
  EXPECT_EQ(read(R"({"a":{"b":1},"a":null})"), "null - -");
  EXPECT_EQ(read(R"({"a":1,"a":{"b":{},"b":5}})"), R"(<{"b":{},"b":5}> 5 -)");
}

TEST(JsonPlan, OfTwoMembersOfOneNameTheLastCountsInWideObjectsToo) {
  std::vector<std::vector<std::string>> paths;
  std::string text = "{";
  for (int i = 0; i < 100; ++i) {
    const std::string key = "k" + std::to_string(i);
    paths.push_back({key, "x"});
    text += "\"" + key + "\":{\"x\":" + std::to_string(i) + "},";
  }
  Read read(paths);
  const std::string answer = read(text + R"("k3":{},"k99":{"y":1}})");
  EXPECT_EQ(answer.substr(0, 8), "0 1 2 - ");
  EXPECT_EQ(answer.substr(answer.size() - 4), "98 -");
}

TEST(JsonPlan, NamesWithEscapesAreTheSameNames) {
  Read read(Paths{{"event_type"}, {"a\"b"}, {"tab\there"}});
  EXPECT_EQ(read(R"({"event_typ\u0065":1,"a\"b":2,"tab\there":3})"), "1 2 3");
  EXPECT_EQ(read(R"({"\u0065vent_type":1,"note":"\\"})"), "1 - -");
  EXPECT_EQ(Read(Paths{{"a\\b"}})(R"({"a\b":1})"), "-");  // \b is a backspace, not these two characters
}

TEST(JsonPlan, NamesThatBeginAlikeAreOthers) {
  EXPECT_EQ(Read(Paths{{"id"}})(R"({"idx":1,"i":2,"i\"d":3,"ID":4})"), "-");
  EXPECT_EQ(Read(Paths{{""}})(R"({"":1})"), "1");
  EXPECT_EQ(Read(Paths{{std::string(200, 'k')}})(R"({"k":1})"), "-");  // longer than the record and its padding
}

TEST(JsonPlan, TextWithoutEscapesIsNotCopied) {
  expr::PathSet paths;
  const auto slot = paths.slot({expr::Root::value, {"a"}, 0});
  const JsonPlan plan(paths, expr::Root::value);
  const Padded record(R"({"a":"zero copy"})");
  std::vector<Value> slots(paths.slot_count());
  Arena arena;
  JsonReader reader;
  ASSERT_TRUE(reader.read(plan, record.view(), slots, arena));
  EXPECT_EQ(slots[slot].as_text().data(), record.view().data() + 6);
  EXPECT_EQ(arena.size_bytes(), 0U);
}

TEST(JsonPlan, OnlyWhatIsReadMustBeWellFormedUnlessStrict) {
  const char* text = R"({"a":1,"unused":[tru, 01, {"x":.5}]})";
  Read read(Paths{{"a"}});
  EXPECT_EQ(read(text), "1");
  EXPECT_EQ(read(text, {true, {}}), "error: not JSON: expected a value, found 't' (byte 17)");
  EXPECT_EQ(Read(Paths{{"unused"}})(text).substr(0, 26), "error: not JSON: 'unused':");
}

// Views of empty records may point nowhere: nothing is looked at behind them.
TEST(JsonPlan, AViewOfNothingIsAnEmptyValue) {
  expr::PathSet paths;
  paths.slot({expr::Root::value, {"a"}, 0});
  const JsonPlan plan(paths, expr::Root::value);
  std::vector<Value> slots(paths.slot_count());
  Arena arena;
  const auto read = JsonReader().read(plan, std::string_view(), slots, arena);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "empty value");
}

TEST(JsonPlan, SaysWhatIsWrongAndWhere) {
  Read read(Paths{{"a"}, {"b", "c"}});
  EXPECT_EQ(read(""), "error: empty value");
  EXPECT_EQ(read(" \n "), "error: empty value");
  EXPECT_EQ(read("not json at all"), "error: not JSON: expected a value, found 'n' (byte 0)");
  EXPECT_EQ(read(R"({"a":1,"b":)"), "error: not JSON: expected a value, but the text ends (byte 11)");
  EXPECT_EQ(read(R"({"a":1} {"a":2})"), "error: not JSON: something stands after the end of the value (byte 8)");
  EXPECT_EQ(read("{\"a\":\"x\xFFy\"}"), "error: not UTF-8 (byte 7)");
  EXPECT_EQ(read(R"({"a":tru})"), "error: not JSON: 'a': expected a value, found 't' in tru");
  EXPECT_EQ(read(R"({"a":1e999})"), "error: 'a': the number 1e999 is out of range");
  EXPECT_EQ(read(R"({"a":"\ud800"})"), "error: not JSON: 'a': a broken escape inside a string (or half a surrogate pair) in \"\\ud800\"");
  EXPECT_EQ(read(std::string(kMaxRecordBytes + 1, ' ').replace(0, 2, "{}")).substr(0, 24), "error: the record has 16");
}

TEST(JsonPlan, JsonInATextIsReadThroughIt) {
  Read read(
      Paths{{"after", "payload", "json()", "order_id"}, {"after", "payload", "json()", "items"}, {"after", "id"}, {"after", "payload"}});
  EXPECT_EQ(read(R"({"after":{"id":"e1","payload":"{\"order_id\":\"o-1\",\"items\":[1, 2]}"}})"),
            R"("o-1" <[1, 2]> "e1" "{\"order_id\":\"o-1\",\"items\":[1, 2]}")");
  EXPECT_EQ(read(R"({"after":{"id":"e1","payload":null}})"), R"(- - "e1" null)");
  EXPECT_EQ(read(R"({"after":{"id":"e1"}})"), R"(- - "e1" -)");
  // Some connectors expand it.
  EXPECT_EQ(read(R"({"after":{"payload":{"order_id":"o-2"}}})"), R"("o-2" - - <{"order_id":"o-2"}>)");
  EXPECT_EQ(read(R"({"after":{"payload":"{\"order_id\":"}})"), "error: payload: not JSON: expected a value, but the text ends (byte 12)");
  EXPECT_EQ(read(R"({"after":{"payload":17}})"), "error: 'payload' is 17, not a text that holds JSON");
}

TEST(JsonPlan, ConnectsWrapperIsReadAsItsPayload) {
  const JsonPlanOptions unwrap{true, {}};
  Read read(Paths{{"op"}, {"after", "id"}}, unwrap);
  EXPECT_EQ(read(R"({"schema":{"type":"struct"},"payload":{"op":"c","after":{"id":1}}})"), R"("c" 1)");
  EXPECT_EQ(read(R"({"op":"c","after":{"id":1}})"), R"("c" 1)");
  EXPECT_EQ(Read(Paths{{"op"}}, {})(R"({"payload":{"op":"c"}})"), "-");
}

TEST(JsonPlan, TheDebeziumRowIsAfterElseBeforeElseTheKey) {
  Read read(Paths{{"row()", "id"}, {"before", "id"}, {"after", "id"}, {"row()"}});
  EXPECT_EQ(read(R"({"before":{"id":1},"after":{"id":2}})"), R"(2 1 2 <{"id":2}>)");
  EXPECT_EQ(read(R"({"after":{"id":2},"before":{"id":1}})"), R"(2 1 2 <{"id":2}>)");
  EXPECT_EQ(read(R"({"before":{"id":1},"after":null})"), R"(1 1 - <{"id":1}>)");
  EXPECT_EQ(read(R"({"after":null,"before":{"id":1}})"), R"(1 1 - <{"id":1}>)");
  const Padded key(R"({"schema":{},"payload":{"id":3}})");
  EXPECT_EQ(Read(Paths{{"row()", "id"}})(R"({"before":null,"after":null})", {false, key.view()}), "3");
  EXPECT_EQ(read(R"({"before":null,"after":null})"), "- - - -");
}

TEST(JsonPlan, UnavailableColumnsAreAbsent) {
  Read read(Paths{{"a"}, {"b"}}, {false, "__debezium_unavailable_value"});
  EXPECT_EQ(read(R"({"a":"__debezium_unavailable_value","b":"x"})"), R"(- "x")");
}

TEST(JsonPlan, ARecordAfterABadOneIsReadAsIfNothingHadHappened) {
  Read read(Paths{{"a"}});
  EXPECT_EQ(read(R"({"a":1)").substr(0, 5), "error");
  EXPECT_EQ(read(R"({"a":2})"), "2");
}

}  // namespace
}  // namespace foldline::codec
