// Property (G8, G10, G11): whatever the history and however it is cut into batches, Redis ends as rows::apply() leaves the rows, one event
// at a time. Every kind and every operation; what stands in Redis is compared with the oracle's rows by texts that are made here.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <random>

#include "common/json.h"
#include "common/time.h"
#include "engine/fold.h"
#include "sinks/rows/stored_row.h"
#include "tests/integration/sinks/redis_fixture.h"

namespace foldline::redis {
namespace {

using rows::OwnedValue;
using rows::StoredRow;

constexpr std::int64_t kYear2100Us = 4'102'444'800'000'000;
constexpr std::int64_t kDayUs = 86'400'000'000;

std::vector<Field> many_fields() {
  Field note = field("note", type_of(TypeKind::text));
  note.default_value = Value::text("none");
  note.not_null = true;
  return {field("name", type_of(TypeKind::text)),
          sum_field("total", type_of(TypeKind::bigint)),
          sum_field("points", type_of(TypeKind::int32), 100),
          field("low", type_of(TypeKind::bigint), op_bit(Op::min) | op_bit(Op::set)),
          field("high", type_of(TypeKind::text), op_bit(Op::max) | op_bit(Op::set)),
          sum_field("paid", numeric_type(10, 2)),
          field("last", type_of(TypeKind::timestamptz), op_bit(Op::max)),
          note};
}

ViewSchema with_expiry(ViewSchema view, const std::string& from) {
  view.expire_after_us = kDayUs;
  view.expire_from = from;
  return view;
}

ViewSchema soft(ViewSchema view, const std::string& name) {
  view.name = name;
  view.fields.push_back(field("gone", type_of(TypeKind::timestamptz), 0));
  view.soft_delete = static_cast<std::int16_t>(view.fields.size() - 1);
  return view;
}

ViewSchema guarded(const std::string& name, const std::string& kind, bool deletes) {
  const Type text = type_of(TypeKind::text);
  ViewSchema out = view(name, kind, {{"id", TypeKind::text}}, {field("a", text), field("b", type_of(TypeKind::bigint)), field("c", text)});
  out.fields[0].guard = out.fields[1].guard = 0;
  out.fields[2].guard = 1;
  out.guard_count = 2;
  if (!deletes) return out;
  out = soft(out, name);
  out.guard_count = 4;
  out.guard_alive = 2;
  out.guard_deleted = 3;
  return out;
}

std::vector<ViewSchema> all_views() {
  const std::vector<std::pair<std::string, TypeKind>> id = {{"id", TypeKind::text}};
  std::vector<ViewSchema> out;
  out.push_back(counter_view("sum"));
  out.push_back(view("best", "counter", id, {field("value", type_of(TypeKind::bigint), op_bit(Op::max) | op_bit(Op::set))}));
  out.push_back(with_expiry(counter_view("fading"), ""));
  out.push_back(view("hash", "hash", id, many_fields()));
  out.push_back(with_expiry(view("short", "hash", id, many_fields()), ""));
  out.push_back(with_expiry(view("by_field", "hash", id, many_fields()), "last"));
  out.push_back(soft(view("", "hash", id, many_fields()), "hash_soft"));
  out.push_back(guarded("hash_newest", "hash", false));
  out.push_back(guarded("hash_newest_soft", "hash", true));
  out.push_back(view("json", "json", id, many_fields()));
  out.push_back(with_expiry(soft(view("", "json", id, many_fields()), "json_soft"), ""));
  out.push_back(guarded("json_newest_soft", "json", true));
  out.push_back(
      view("board", "sorted_set", {{"week", TypeKind::text}, {"member", TypeKind::text}}, {sum_field("score", type_of(TypeKind::bigint))}));
  out.push_back(view("tops", "sorted_set", {{"week", TypeKind::text}, {"member", TypeKind::text}},
                     {field("score", type_of(TypeKind::bigint), op_bit(Op::min) | op_bit(Op::set))}));
  out.push_back(view("fans", "set", {{"week", TypeKind::text}, {"member", TypeKind::text}}, {}));
  return out;
}

std::string text_of(const Value& value, const Type& type, bool json) {
  switch (value.kind()) {
    case Kind::null: return "null";
    case Kind::integer: return std::to_string(value.as_int());
    case Kind::text: return json ? fmt::format("\"{}\"", value.as_text()) : std::string(value.as_text());
    case Kind::decimal: {
      std::string plain = rescale(value.as_decimal(), type.scale)->to_string();
      if (json) return plain;
      const bool negative = plain.front() == '-';
      plain.erase(plain.find('.'), 1);
      plain.erase(0, negative ? 1 : 0);
      plain.erase(0, std::min(plain.find_first_not_of('0'), plain.size() - 1));
      return (negative && plain != "0" ? "-" : "") + plain;
    }
    case Kind::timestamp: {
      const std::int64_t second = value.as_int() / 1'000'000;
      const std::string whole = format_timestamp(second * 1'000'000);
      const std::string out = fmt::format("{}.{:06}Z", whole.substr(0, whole.size() - 1), value.as_int() % 1'000'000);
      return json ? '"' + out + '"' : out;
    }
    default: return "?";
  }
}

// What the test expects PrivateRedis::show() to say of the row, hidden fields left out; empty: no key.
std::string expected_text(const ViewSchema& view, const StoredRow& row) {
  Arena arena;
  std::vector<std::string> lines;
  const bool json = view.kind == "json";
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    const Value value = row.fields[i].view(arena);
    if (value.is_null() && !json) continue;
    const std::string text = text_of(value, view.fields[i].type, json);
    if (view.kind == "counter") return text;
    lines.push_back(json ? fmt::format("\"{}\":{}", view.fields[i].name, text) : view.fields[i].name + "=" + text);
  }
  if (json) return fmt::format("{{{}}}", fmt::join(lines, ","));
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, " "));
}

// Remains of a deleted row of a guarded view are nobody's to rely on (sinks/sink.h).
bool holds_remains(const ViewSchema& view, const StoredRow& row) {
  return view.guard_deleted >= 0 && !row.fields[static_cast<std::size_t>(view.soft_delete)].is_null();
}

class RedisFold : public RedisFixture {
 protected:
  void SetUp() override {
    const char* given = std::getenv("FOLDLINE_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    random_.seed(seed);
    fmt::print("seed: FOLDLINE_SEED={}\n", seed);
  }

  std::int64_t pick(std::int64_t below) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below)); }
  bool chance(int percent) { return pick(100) < percent; }
  Value word(Arena& arena) { return Value::text(arena.copy(fmt::format("{}{}", "aZ.%:é"[pick(4)], pick(4)))); }

  // Mostly small; now and then at the edge of 64 bits, where only digits are exact.
  std::int64_t number() {
    if (chance(80)) return pick(2'000) - 1'000;
    const std::int64_t large = (std::int64_t{1} << 55) + pick(1'000'000'007) * 1'000'003;
    return chance(50) ? large : -large;
  }

  Value operand(const Field& field, Arena& arena) {
    switch (field.type.kind) {
      case TypeKind::bigint: return Value::integer(field.name == "score" ? pick(1'000'000) : number());
      case TypeKind::int32: return Value::integer(pick(200) - 100);
      case TypeKind::numeric: return Value::decimal(Decimal{pick(20'000) - 10'000, 2});
      case TypeKind::timestamptz: return Value::timestamp(kYear2100Us + pick(3'000'000));
      default: return word(arena);
    }
  }

  Change random_change(std::uint32_t view_index, const ViewSchema& view, std::int64_t event, Arena& arena) {
    Change out;
    out.view = view_index;
    Value* key = arena.array<Value>(view.key.size());
    for (std::size_t i = 0; i < view.key.size(); ++i) key[i] = Value::text(arena.copy(fmt::format("k{}", pick(i == 0 ? 4 : 6))));
    out.key = key;
    out.key_hash = hash_key({key, view.key.size()});
    std::string stamp(8, '\0');
    stamp[0] = '\x80';
    stamp[7] = static_cast<char>(pick(30));
    if (view.guard_count > 0) out.guard = arena.copy(stamp + fmt::format("e{}", event));
    out.deleted_at_us = kYear2100Us + event;
    const bool deletes = view.guard_count == 0 || view.guard_deleted >= 0;
    if (deletes && chance(15)) {
      out.op = RowOp::erase;
      return out;
    }
    auto* assignments = arena.array<Assignment>(view.fields.size());
    std::size_t count = 0;
    for (std::size_t f = 0; f < view.fields.size(); ++f) {
      const Field& field = view.fields[f];
      if (static_cast<int>(f) == view.soft_delete || !chance(60)) continue;
      if (view.guard_count > 0 && f == 1) continue;  // a and b share a guard: set together, below
      Assignment assignment{static_cast<std::uint16_t>(f), Op::set, operand(field, arena)};
      for (const Op op : {Op::add, Op::min, Op::max}) {
        if ((field.ops & op_bit(op)) != 0 && ((field.ops & op_bit(Op::set)) == 0 || chance(80))) assignment.op = op;
      }
      if (assignment.op == Op::set && !field.not_null && chance(15)) assignment.value = Value::null();
      if (view.guard_count > 0 && f == 0) {
        assignments[count++] = assignment;
        assignment = {1, Op::set, Value::integer(pick(100))};
      }
      assignments[count++] = assignment;
    }
    out.assignments = {assignments, count};
    return out;
  }

  std::mt19937_64 random_;
};

// The oracle: each event by itself, onto rows in memory.
struct Oracle {
  explicit Oracle(const std::vector<ViewSchema>& schemas) : views(schemas), rows(schemas.size()), times(schemas.size()), alone(schemas) {}

  // False: the store would reject the event.
  bool apply(const Change& change, std::int64_t time_us) {
    arena.reset();
    alone.begin(arena);
    alone.add({&change, 1});
    const ViewRows folded = alone.rows().front();
    const std::string key = rows::encode_key({change.key, views[change.view].key.size()});
    auto& table = rows[change.view];
    const auto found = table.find(key);
    auto after = rows::apply(views[change.view], found == table.end() ? nullptr : &found->second, *folded.rows.front());
    if (!after) return false;
    if (*after) {
      table[key] = **after;
      std::int64_t& newest = times[change.view].try_emplace(key, time_us).first->second;
      newest = std::max(newest, time_us);
    } else {
      table.erase(key);
      times[change.view].erase(key);
    }
    return true;
  }

  const std::vector<ViewSchema>& views;
  std::vector<std::map<std::string, StoredRow>> rows;
  std::vector<std::map<std::string, std::int64_t>> times;
  Fold alone;
  Arena arena;
};

std::string without_hidden(std::string text, bool json) {
  const std::size_t at = text.find(json ? ",\"_newest" : "_newest");
  if (at == std::string::npos) return text;
  if (json) return text.substr(0, at) + "}";
  std::string out;  // a hash: sorted lines, hidden ones first
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string line = text.substr(start, end - start);
    if (!line.starts_with("_newest")) out += (out.empty() ? "" : " ") + line;
    start = end + 1;
  }
  return out;
}

TEST_F(RedisFold, EveryKindEndsAsOneEventAtATimeHoweverHistoryIsCutG8) {
  const std::vector<ViewSchema> views = all_views();
  const auto store = prepared_store(views);
  OpenedSink opened = open_sink(*store);
  BatchBuilder start(views);
  start.first(0, 0);
  ASSERT_EQ(said(opened.sink->commit(start.batch(opened.owner))), "committed");
  Oracle oracle(views);
  std::int64_t offset = 0;
  std::int64_t event = 0;
  // Two at a time: some are encoded while the one before has not been committed yet.
  struct Folded {
    explicit Folded(const std::vector<ViewSchema>& of) : fold(of), builder(of) { fold.begin(arena); }
    Arena arena;
    Fold fold;
    BatchBuilder builder;
    std::vector<ViewRows> rows;
    std::unique_ptr<EncodedRows> encoded;
    bool is_encoded = false;
  };
  std::unique_ptr<Folded> before;
  const auto commit_before = [&] {
    if (before == nullptr) return;
    CommitBatch batch = before->builder.batch(opened.owner);
    batch.views = before->rows;
    if (before->is_encoded) batch.encoded = before->encoded.get();
    ASSERT_EQ(said(opened.sink->commit(batch)), "committed");
  };
  for (int batch_number = 0; batch_number < 1'500; ++batch_number) {
    auto folded = std::make_unique<Folded>(views);
    const std::int64_t from = offset;
    const std::int64_t events = 1 + pick(chance(30) ? 3 : 40);
    for (std::int64_t i = 0; i < events; ++i) {
      const auto view = static_cast<std::uint32_t>(pick(static_cast<std::int64_t>(views.size())));
      const Change change = random_change(view, views[view], ++event, folded->arena);
      const std::int64_t time_us = kYear2100Us + pick(1'000'000) * 1'000;
      if (!oracle.apply(change, time_us)) continue;  // it would be a letter
      ASSERT_EQ(folded->fold.add({&change, 1}, {}, time_us).outcome, FoldOutcome::folded);
      ++offset;
    }
    if (offset == from) continue;
    folded->builder.partition(0, from, offset);
    folded->rows = folded->fold.rows();
    if (before != nullptr && !before->is_encoded) folded->encoded = std::move(before->encoded);  // its buffers are used again
    folded->is_encoded = chance(50) && opened.sink->encode_ahead(folded->rows, folded->encoded);
    ASSERT_NO_FATAL_FAILURE(commit_before());
    before = std::move(folded);
  }
  ASSERT_NO_FATAL_FAILURE(commit_before());
  for (std::size_t v = 0; v < views.size(); ++v) {
    const ViewSchema& view = views[v];
    const bool json = view.kind == "json";
    std::map<std::string, std::string> expected;
    for (const auto& [key, row] : oracle.rows[v]) {
      const std::string name = fmt::format("p:{}:{}", view.name, row.key[0].to_string().substr(1, 2));
      if (view.kind == "sorted_set" || view.kind == "set") {
        Arena arena;
        const std::string member(row.key[1].view(arena).as_text());
        if (view.kind == "set") {
          EXPECT_EQ(server.ask({"SISMEMBER", name, member}), "1") << name << " " << member;
        } else {
          const Value score = row.fields[0].view(arena);
          EXPECT_EQ(server.ask({"ZSCORE", name, member}), score.is_null() ? "(nil)" : std::to_string(score.as_int())) << name;
        }
        expected[name] += '.';  // one for each member
        continue;
      }
      std::string text = expected_text(view, row);
      expected[name] = text;
      if (holds_remains(view, row)) continue;
      const std::string shown = without_hidden(server.show(name), json);  // a hash of hidden fields alone: nothing to see
      EXPECT_EQ(shown.empty() ? "(none)" : shown, text.empty() ? "(none)" : text) << name;
      if (view.expire_after_us == 0 || text.empty()) continue;
      std::int64_t from_us = oracle.times[v].at(key);
      const OwnedValue& last = row.fields[6];
      if (!view.expire_from.empty()) from_us = last.is_null() ? -1 : last.scalar().as_int();
      EXPECT_EQ(server.ask({"PEXPIRETIME", name}), from_us < 0 ? "-1" : std::to_string((from_us + kDayUs) / 1'000)) << name;
    }
    for (int k = 0; k < 4; ++k) {
      const std::string name = fmt::format("p:{}:k{}", view.name, k);
      if (!expected.contains(name)) {
        EXPECT_EQ(server.show(name), "(none)") << name;
      } else if (view.kind == "set") {
        EXPECT_EQ(server.ask({"SCARD", name}), std::to_string(expected[name].size()));
      }
    }
  }
}

}  // namespace
}  // namespace foldline::redis
