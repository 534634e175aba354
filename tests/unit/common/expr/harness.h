// A small harness: an expression over a JSON record, as a source's decoder would give its paths.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/expr/expr.h"
#include "common/json.h"

namespace foldline::expr {

// Walks to a path as a decoder does: a null or missing part on the way is absent; lists and maps are raw JSON.
inline Value at_path(const Value& root, const Path& path) {
  Value at = root;
  for (const std::string& key : path.keys) {
    if (!at.is(Kind::map)) return Value::absent();
    Value next;
    for (const MapEntry& entry : at.as_map()) {
      if (entry.key == key) next = entry.value;
    }
    at = next;
  }
  return at;
}

class Expressions : public ::testing::Test {
 protected:
  Expressions() {
    scope.bind_path("data", {Root::value, {"payload"}}, ExprType::dyn());
    scope.bind_path("time", {Root::attribute, {}, kSlotTime}, ExprType::of(ExprKind::timestamp));
    scope.bind_path("type", {Root::attribute, {}, kSlotType}, ExprType::of(ExprKind::text));
    scope.bind_path("key", {Root::attribute, {}, kSlotKey}, ExprType::dyn());
    for (const char* member : {"placed", "shipped", "cancelled"}) scope.bind_enum_member(member);
    scope.refuse("lookup", "lookup is not built yet");
    scope.refuse("row", "row is not built yet");
    attributes[kSlotTime] = Value::timestamp(*parse_timestamp_us("2026-04-03T22:15:00.250Z"));
    attributes[kSlotType] = Value::text("order.placed");
    attributes[kSlotKey] = Value::text("o-1");
  }

  Checked<Program> compiled(std::string_view text, const CompileOptions& options = {}) {
    auto ast = parse(text);
    if (!ast) return tl::unexpected<Problem>(ast.error());
    return compile(*ast, text, scope, paths, options);
  }

  // The values of all paths in the record, in their slots.
  std::vector<Value> slots() {
    std::vector<Value> out = attributes;
    const auto parsed = parse_json(record, arena);
    EXPECT_TRUE(parsed.has_value()) << record;
    for (const Path& path : paths.paths()) {
      Value value = at_path(*parsed, path);
      if (value.is(Kind::list) || value.is(Kind::map)) {
        std::string raw;
        append_json(raw, value);
        value = Value::json(arena.copy(raw));
      }
      out.push_back(value);
    }
    return out;
  }

  Result<Value> run(const Program& program) {
    const std::vector<Value> values = slots();
    return program.eval({values, &arena});
  }

  static std::string shown(const Value& value) {
    if (value.is_absent()) return "none";
    std::string out;
    append_json(out, value);
    return out;
  }

  // The answer as JSON, "error: …" from running it, or "problem at N: …" from compiling it.
  std::string eval(std::string_view text, const CompileOptions& options = {}) {
    const auto program = compiled(text, options);
    if (!program) return "problem at " + std::to_string(program.error().position) + ": " + program.error().message;
    const auto value = run(*program);
    if (!value) return "error: " + value.error().message;
    return shown(*value);
  }

  std::string into(std::string_view text, const foldline::Type& type) { return eval(text, {&type, false}); }

  std::string hint(std::string_view text, const CompileOptions& options = {}) {
    const auto program = compiled(text, options);
    if (!program) return program.error().hint;
    const auto value = run(*program);
    return value ? "no error" : value.error().hint;
  }

  std::string kind_of(std::string_view text) {
    const auto program = compiled(text);
    if (!program) return "problem: " + program.error().message;
    const auto value = run(*program);
    return value ? std::string(to_string(value->kind())) : "error: " + value.error().message;
  }

  std::string type_of(std::string_view text) {
    const auto program = compiled(text);
    return program ? program->type().name() : "problem: " + program.error().message;
  }

  Arena arena;
  Scope scope;
  PathSet paths;
  std::vector<Value> attributes = std::vector<Value>(kAttributeSlots);
  std::string record = R"({"payload": {"order_id": "o-1", "currency": "eur", "total_cents": 2999, "total": 29.99, "reason": null,
    "items": [{"sku": "a", "quantity": 2, "tags": []}, {"sku": "b", "quantity": 1, "tags": ["x"]}],
    "customer": {"name": "Ann", "address": {"city": "Köln"}}, "flag": true, "order-id": 7, "empty": {}, "none": [],
    "ts": 1775254500, "when": "2026-04-03T22:15:00.250Z", "text_number": "42", "big": 9223372036854775807}})";
};

}  // namespace foldline::expr
