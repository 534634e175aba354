// Property (G8, G10, G11): whatever the history and however it is cut into batches, the tables end as the events one by one would leave
// them. The model below is written apart from the fold and the sink: it knows events only, no cells, shapes or SQL.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <variant>

#include "engine/fold.h"
#include "tests/integration/sinks/postgres_fixture.h"

namespace foldline::postgres {
namespace {

using Scalar = std::variant<std::monostate, std::int64_t, std::string>;

struct Step {
  std::size_t field;
  Op op;
  Scalar value;
};

struct ModelEvent {
  std::string key;
  bool is_delete = false;
  std::vector<Step> steps;
  std::int64_t time_us = 0;  // of a delete
  std::string stamp;         // guarded views
};

using ModelRow = std::vector<Scalar>;

std::string print(const Scalar& value) {
  if (std::holds_alternative<std::monostate>(value)) return "~";
  return std::holds_alternative<std::string>(value) ? std::get<std::string>(value) : std::to_string(std::get<std::int64_t>(value));
}

Scalar scalar_of(const Value& value) {
  if (value.is_null()) return {};
  return value.is(Kind::text) ? Scalar(std::string(value.as_text())) : Scalar(value.as_int());
}

ModelRow defaults(const ViewSchema& view) {
  ModelRow out;
  for (const Field& field : view.fields) out.push_back(scalar_of(field.default_value));
  return out;
}

void apply(ModelRow& row, const Step& step) {
  Scalar& stored = row[step.field];
  const bool missing = std::holds_alternative<std::monostate>(stored);
  switch (step.op) {
    case Op::add: stored = (missing ? 0 : std::get<std::int64_t>(stored)) + std::get<std::int64_t>(step.value); break;
    case Op::min:
      if (missing || step.value < stored) stored = step.value;
      break;
    case Op::max:
      if (missing || stored < step.value) stored = step.value;
      break;
    default: stored = step.value;
  }
}

// In the order of arrival.
std::map<std::string, ModelRow> one_by_one(const ViewSchema& view, const std::vector<ModelEvent>& events) {
  std::map<std::string, ModelRow> rows;
  const int gone = view.soft_delete;
  for (const ModelEvent& event : events) {
    if (event.is_delete && gone < 0) {
      rows.erase(event.key);
      continue;
    }
    ModelRow& row = rows.try_emplace(event.key, defaults(view)).first->second;
    if (event.is_delete) {
      row[static_cast<std::size_t>(gone)] = event.time_us;
      continue;
    }
    const bool was_deleted = gone >= 0 && !std::holds_alternative<std::monostate>(row[static_cast<std::size_t>(gone)]);
    if (was_deleted) row = defaults(view);
    for (const Step& step : event.steps) apply(row, step);
  }
  return rows;
}

// Guarded views: in the order of the stamps, whatever the order of arrival. What is left in a deleted row is nobody's business.
std::map<std::string, ModelRow> by_stamp(const ViewSchema& view, std::vector<ModelEvent> events) {
  std::stable_sort(events.begin(), events.end(), [](const ModelEvent& a, const ModelEvent& b) { return a.stamp < b.stamp; });
  auto rows = one_by_one(view, events);
  if (view.soft_delete < 0) return rows;
  const auto gone = static_cast<std::size_t>(view.soft_delete);
  for (auto& [key, row] : rows) {
    if (std::holds_alternative<std::monostate>(row[gone])) continue;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != gone) row[i] = std::string("remains");
    }
  }
  return rows;
}

Field with_default(Field field, Value value) {
  field.default_value = value;
  field.not_null = true;
  return field;
}

std::vector<Field> plain_fields() {
  const Type big = type_of(TypeKind::bigint);
  const Type text = type_of(TypeKind::text);
  return {field("name", text),
          sum_field("total", TypeKind::bigint),
          sum_field("points", TypeKind::int32, 100),
          field("low", big, op_bit(Op::min) | op_bit(Op::set)),
          field("high", text, op_bit(Op::max)),
          with_default(field("cap", big, op_bit(Op::max) | op_bit(Op::set)), Value::integer(10)),
          with_default(field("note", text), Value::text("none"))};
}

// One view of each kind.
ViewSchema hard_view() { return view("hard", {{"id", TypeKind::text}}, plain_fields()); }

ViewSchema soft_view() {
  ViewSchema out = view("soft", {{"id", TypeKind::text}}, plain_fields());
  out.fields.push_back(field("gone", type_of(TypeKind::timestamptz), 0));
  out.soft_delete = static_cast<std::int16_t>(out.fields.size() - 1);
  return out;
}

ViewSchema guarded_view() {
  const Type text = type_of(TypeKind::text);
  ViewSchema out = view("guarded", {{"id", TypeKind::text}},
                        {field("a", text), field("b", type_of(TypeKind::bigint)), with_default(field("c", text), Value::text("x")),
                         sum_field("hits", TypeKind::bigint)});
  out.fields[0].guard = out.fields[1].guard = 0;
  out.fields[2].guard = 1;
  out.guard_count = 2;
  return out;
}

ViewSchema guarded_soft_view() {
  ViewSchema out = guarded_view();
  out.name = out.store_name = "guarded_soft";
  out.fields.pop_back();
  out.fields.push_back(field("gone", type_of(TypeKind::timestamptz), 0));
  out.soft_delete = 3;
  out.guard_count = 4;
  out.guard_alive = 2;
  out.guard_deleted = 3;
  return out;
}

// The ways in which rows reach the server (docs/decisions/0052). All must end alike.
struct Way {
  const char* name;
  StraightOptions straight;
  std::size_t max_array_rows;
};
const std::vector<Way> kWays = {{"staging", {.enabled = false}, 0},
                                {"arrays", {.enabled = false}, kMaxArrayRows},
                                // Every batch tries to copy whatever it may, and often fails: keys come again.
                                {"straight", {.enabled = true, .min_rows = 1, .longest_pause_batches = 0}, 2},
                                // What it may not copy because it wrote it lately, it updates: everything goes through staging.
                                {"update", {.enabled = true, .min_rows = 1, .longest_pause_batches = 0}, 0}};

ViewSchema named(ViewSchema view, const Way& way) {
  view.name += std::string("_") + way.name;
  view.store_name = view.name;
  return view;
}

class PostgresFold : public PostgresFixture {
 protected:
  void SetUp() override {
    PostgresFixture::SetUp();
    const char* given = std::getenv("FOLDLINE_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    random_.seed(seed_);
    fmt::print("seed: FOLDLINE_SEED={}\n", seed_);
  }

  // A projection of its own for each way.
  std::unique_ptr<PostgresStore> store_of(const std::vector<ViewSchema>& views, const Way& way) {
    StoreOptions options;
    options.straight = way.straight;
    options.max_array_rows = way.max_array_rows;
    auto out = new_store(views, way.name, 1, options);
    const auto ok = out->prepare();
    EXPECT_TRUE(ok) << ok.error().message;
    next_offset_ = 0;
    return out;
  }

  std::int64_t pick(std::int64_t below) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below)); }
  bool chance(int percent) { return pick(100) < percent; }
  std::string word() { return std::string(1, "aZ\"'\\é"[pick(5)]) + std::to_string(pick(4)); }

  ModelEvent plain_event(const std::string& prefix) {
    ModelEvent out;
    out.key = prefix + std::to_string(pick(4));
    out.time_us = 1'700'000'000'000'000 + pick(1'000'000);
    out.is_delete = chance(20);
    if (out.is_delete) return out;
    if (chance(50)) out.steps.push_back({0, Op::set, chance(20) ? Scalar() : Scalar(word())});
    if (chance(60)) out.steps.push_back({1, chance(85) ? Op::add : Op::set, pick(2'000) - 1'000});
    if (chance(40)) out.steps.push_back({2, Op::add, pick(100) - 50});
    if (chance(40)) out.steps.push_back({3, chance(80) ? Op::min : Op::set, pick(100)});
    if (chance(40)) out.steps.push_back({4, Op::max, word()});
    if (chance(40)) out.steps.push_back({5, chance(80) ? Op::max : Op::set, pick(30)});
    if (chance(20)) out.steps.push_back({6, Op::set, word()});
    return out;
  }

  ModelEvent guarded_event(const ViewSchema& view, const std::string& prefix, int number) {
    ModelEvent out;
    out.key = prefix + std::to_string(pick(3));
    out.time_us = 1'700'000'000'000'000 + number;
    std::string version(8, '\0');
    version[0] = '\x80';
    version[7] = static_cast<char>(pick(40));  // ties are broken by the event's ID
    out.stamp = version + fmt::format("e{}", number);
    out.is_delete = view.guard_deleted >= 0 && chance(30);
    if (out.is_delete) return out;
    if (chance(60)) out.steps = {{0, Op::set, word()}, {1, Op::set, pick(1'000)}};
    if (chance(50)) out.steps.push_back({2, Op::set, word()});
    if (view.guard_deleted < 0 && chance(50)) out.steps.push_back({3, Op::add, pick(10)});
    return out;
  }

  Change change_of(std::uint32_t view, const ModelEvent& event, Arena& arena) {
    const auto value_of = [&](const Scalar& value) {
      if (std::holds_alternative<std::monostate>(value)) return Value::null();
      return std::holds_alternative<std::string>(value) ? Value::text(arena.copy(std::get<std::string>(value)))
                                                        : Value::integer(std::get<std::int64_t>(value));
    };
    Change out;
    out.view = view;
    Value* key = arena.array<Value>(1);
    key[0] = Value::text(arena.copy(event.key));
    out.key = key;
    out.key_hash = hash_key({key, 1});
    out.guard = arena.copy(event.stamp);
    out.deleted_at_us = event.time_us;
    out.op = event.is_delete ? RowOp::erase : RowOp::upsert;
    auto* steps = arena.array<Assignment>(event.steps.size());
    for (std::size_t i = 0; i < event.steps.size(); ++i) {
      steps[i] = Assignment{static_cast<std::uint16_t>(event.steps[i].field), event.steps[i].op, value_of(event.steps[i].value)};
    }
    out.assignments = {steps, event.steps.size()};
    return out;
  }

  void commit(OpenedSink& lane, Fold& fold) {
    const auto rows = fold.rows();
    PartitionCommit partition;
    partition.topic_partition = lane.partitions.data();
    partition.expected_offset = next_offset_;
    partition.expected_missing = next_offset_ == 0;
    partition.after.next_offset = ++next_offset_;
    CommitBatch batch{lane.owner, Uuid::random(), {&partition, 1}, rows};
    if (chance(50) && lane.sink->encode_ahead(rows, encoded_)) batch.encoded = encoded_.get();
    ASSERT_EQ(said(lane.sink->commit(batch)), "committed") << "FOLDLINE_SEED=" << seed_;
  }

  // Folds and commits the events of all views, an event a view at a time, in random cuts.
  void run_history(OpenedSink& lane, const std::vector<ViewSchema>& views, const std::vector<std::vector<ModelEvent>>& events) {
    Fold fold(views);
    Arena arena;
    fold.begin(arena);
    const auto end_batch = [&] {
      commit(lane, fold);
      arena.reset();
      fold.begin(arena);
    };
    for (std::size_t i = 0; i < events[0].size() && !HasFatalFailure(); ++i) {
      for (std::uint32_t view = 0; view < views.size(); ++view) {
        Change change = change_of(view, events[view][i], arena);
        if (fold.add({&change, 1}).outcome == FoldOutcome::folded) continue;
        end_batch();
        change = change_of(view, events[view][i], arena);
        ASSERT_EQ(fold.add({&change, 1}).outcome, FoldOutcome::folded);
      }
      if (chance(30)) end_batch();
    }
    end_batch();
  }

  std::vector<std::string> stored(const ViewSchema& view) {
    std::string columns = "id";
    const std::string gone = view.soft_delete < 0 ? "" : view.fields[static_cast<std::size_t>(view.soft_delete)].name;
    for (const Field& field : view.fields) {
      const bool remains = view.guard_deleted >= 0 && field.name != gone;
      std::string column =
          field.type.kind == TypeKind::timestamptz ? "(extract(epoch FROM " + field.name + ") * 1000000)::bigint" : field.name;
      if (remains) column = "CASE WHEN " + gone + " IS NULL THEN " + column + "::text ELSE 'remains' END";
      columns += ", " + column;
    }
    return rows("SELECT " + columns + " FROM " + view.name + " ORDER BY id COLLATE \"C\"");
  }

  static void expect_way_taken(const OpenedSink& lane, const Way& way) {
    const RowWays& written = dynamic_cast<const PostgresSink&>(*lane.sink).written();
    EXPECT_GT(written.upserted, 0U) << way.name;
    EXPECT_EQ(written.copied > 0, way.straight.enabled) << way.name;
  }

  static std::vector<std::string> expected(const std::map<std::string, ModelRow>& model) {
    std::vector<std::string> out;
    for (const auto& [key, row] : model) {
      std::string line = key;
      for (const Scalar& value : row) line += "|" + print(value);
      out.push_back(line);
    }
    return out;
  }

  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
  std::int64_t next_offset_ = 0;
  std::unique_ptr<EncodedRows> encoded_;
};

TEST_F(PostgresFold, RandomHistoriesInRandomCutsEndAsOneByOne) {
  for (const Way& way : kWays) {
    const std::vector<ViewSchema> views = {named(hard_view(), way), named(soft_view(), way)};
    auto store = store_of(views, way);
    auto lane = open_sink(*store);
    std::vector<std::vector<ModelEvent>> all(views.size());
    // On, until some rows have gone straight by UPDATE: where the first guesses fail, the next one is long in coming.
    const auto updated = [&] { return dynamic_cast<const PostgresSink&>(*lane.sink).written().updated > 0; };
    for (int history = 0; history < 40 || (way.straight.enabled && !updated() && history < 400); ++history) {
      std::vector<std::vector<ModelEvent>> events(views.size());
      for (int i = 0; i < 30; ++i) {
        for (auto& of_view : events) of_view.push_back(plain_event(fmt::format("h{:02}-", history)));
      }
      run_history(lane, views, events);
      ASSERT_FALSE(HasFatalFailure());
      for (std::size_t v = 0; v < views.size(); ++v) all[v].insert(all[v].end(), events[v].begin(), events[v].end());
    }
    for (std::size_t v = 0; v < views.size(); ++v) {
      EXPECT_EQ(stored(views[v]), expected(one_by_one(views[v], all[v]))) << views[v].name << " FOLDLINE_SEED=" << seed_;
    }
    expect_way_taken(lane, way);
    EXPECT_EQ(updated(), way.straight.enabled) << way.name << " FOLDLINE_SEED=" << seed_;
  }
}

// G10: any order of the same events, in any cuts, gives the row that their stamps say.
TEST_F(PostgresFold, GuardedEventsInAnyOrderEndAsTheirStampsSay) {
  for (const Way& way : kWays) {
    const std::vector<ViewSchema> views = {named(guarded_view(), way), named(guarded_soft_view(), way)};
    auto store = store_of(views, way);
    auto lane = open_sink(*store);
    std::vector<std::vector<ModelEvent>> all(views.size());
    for (int history = 0; history < 20; ++history) {
      std::vector<std::vector<ModelEvent>> made(views.size());
      for (int i = 0; i < 14; ++i) {
        for (std::size_t v = 0; v < views.size(); ++v) made[v].push_back(guarded_event(views[v], "", i));
      }
      for (int order = 0; order < 3; ++order) {  // the same events, three times, in another order each time
        auto events = made;
        for (auto& of_view : events) {
          for (ModelEvent& event : of_view) event.key = fmt::format("h{:02}-{}-{}", history, order, event.key);
          std::shuffle(of_view.begin(), of_view.end(), random_);
        }
        run_history(lane, views, events);
        ASSERT_FALSE(HasFatalFailure());
        for (std::size_t v = 0; v < views.size(); ++v) all[v].insert(all[v].end(), events[v].begin(), events[v].end());
      }
    }
    for (std::size_t v = 0; v < views.size(); ++v) {
      EXPECT_EQ(stored(views[v]), expected(by_stamp(views[v], all[v]))) << views[v].name << " FOLDLINE_SEED=" << seed_;
    }
    expect_way_taken(lane, way);
  }
}

// A stale event of a guarded view writes no new row version: it may come a million times after a replay.
TEST_F(PostgresFold, StaleGuardedEventWritesNothing) {
  const std::vector<ViewSchema> views = {guarded_view()};
  auto store = prepared_store(views);
  auto lane = open_sink(*store);
  ModelEvent event;
  event.key = "a";
  event.stamp = std::string("\x80\0\0\0\0\0\0\x05", 8) + "e";
  event.steps = {{0, Op::set, std::string("new")}, {1, Op::set, std::int64_t{1}}};
  run_history(lane, views, {{event}});
  const std::string before = value("SELECT ctid, xmin FROM guarded");
  // Older; and of the very same stamp, as an event that its producer sends twice with another content: the first one stays.
  for (const std::string& stamp : {std::string("\x80\0\0\0\0\0\0\x04", 8) + "f", event.stamp}) {
    event.stamp = stamp;
    event.steps[0].value = std::string("old");
    run_history(lane, views, {{event}});
  }
  EXPECT_EQ(value("SELECT ctid, a FROM guarded"), value("SELECT ctid FROM guarded") + "|new");
  EXPECT_EQ(before.substr(0, before.find('|')), value("SELECT ctid FROM guarded"));
}

}  // namespace
}  // namespace foldline::postgres
