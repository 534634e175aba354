// G8, G10, G11: for random histories, every cut into batches gives the one-by-one result.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/fold.h"
#include "sinks/rows/stored_row.h"
#include "tests/unit/engine/plain_fold.h"
#include "tests/unit/engine/test_views.h"

namespace foldline {
namespace {

using testing::field;

std::vector<ViewSchema> make_views() {
  std::vector<Field> plain{field("a", TypeKind::bigint, {Op::set, Op::add}),
                           field("least", TypeKind::bigint, {Op::set, Op::min}),
                           field("most", TypeKind::text, {Op::set, Op::max}),
                           field("any", TypeKind::bigint, {Op::set, Op::add, Op::min, Op::max}),
                           field("tags", TypeKind::list, {Op::set, Op::append, Op::remove}),
                           field("members", TypeKind::set, {Op::append}),
                           field("s", TypeKind::text, {Op::set})};
  std::vector<ViewSchema> views;
  views.push_back(testing::view("hard", plain));

  plain.push_back(field("deleted_at", TypeKind::timestamptz, {}));
  views.push_back(testing::view("soft", plain));
  views.back().soft_delete = static_cast<std::int16_t>(plain.size() - 1);

  std::vector<Field> guarded{field("x", TypeKind::text, {Op::set}, 0), field("y", TypeKind::bigint, {Op::set}, 0),
                             field("z", TypeKind::text, {Op::set}, 1), field("n", TypeKind::bigint, {Op::add})};
  views.push_back(testing::view("guarded", guarded));
  views.back().guard_count = 2;

  guarded.push_back(field("deleted_at", TypeKind::timestamptz, {}));
  views.push_back(testing::view("guarded_soft", guarded));
  views.back().guard_count = 4;
  views.back().guard_alive = 2;
  views.back().guard_deleted = 3;
  views.back().soft_delete = static_cast<std::int16_t>(guarded.size() - 1);
  return views;
}

class Histories {
 public:
  Histories(const std::vector<ViewSchema>& views, std::uint64_t seed) : views_(views), random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  plain::Event event(std::size_t ordinal) {
    plain::Event out;
    out.version = static_cast<std::int64_t>(below(12)) - 4;
    out.id = below(5) == 0 ? "" : "e" + std::to_string(below(40));  // ties by ID, and ties without one
    out.time_us = static_cast<std::int64_t>(1'000'000 * (ordinal + 1));
    const std::size_t changes = 1 + (below(3) == 0 ? below(4) : 0);
    for (std::size_t i = 0; i < changes; ++i) out.changes.push_back(change());
    // A delete and another event never have equal stamps: equal stamps are the same event (G10).
    for (const plain::Change& change : out.changes) {
      if (change.erase) out.id = "d" + std::to_string(ordinal);
    }
    return out;
  }

 private:
  plain::Change change() {
    plain::Change out;
    out.view = below(views_.size());
    out.key = std::string("k") + static_cast<char>('0' + below(3));
    const ViewSchema& view = views_[out.view];
    const bool can_delete = view.name != "guarded";
    out.erase = can_delete && below(4) == 0;
    if (out.erase) return out;
    const bool both = below(2) == 0;  // x and y are always set together: they share a guard
    for (std::size_t f = 0; f < view.fields.size(); ++f) {
      if (view.fields[f].ops == 0) continue;
      const bool chosen = view.fields[f].guard == 0 ? both : below(3) == 0;
      if (chosen) out.what.push_back(assignment(view.fields[f], f));
    }
    return out;
  }

  plain::Do assignment(const Field& field, std::size_t index) {
    plain::Do out;
    out.field = index;
    do {
      out.op = static_cast<Op>(below(6));
    } while ((field.ops & op_bit(out.op)) == 0);
    out.none = field.guard < 0 && below(12) == 0;
    const bool elements = field.type.kind == TypeKind::list || field.type.kind == TypeKind::set;
    if (elements && out.op == Op::set) {
      std::vector<std::string> list;
      for (std::size_t i = below(3); i > 0; --i) list.push_back(text());
      if (below(4) != 0) out.operand = plain::Cell::of(list);
    } else if (below(8) == 0 && !(field.not_null && out.op == Op::set)) {
      out.operand = {};
    } else if (elements || field.type.kind == TypeKind::text) {
      out.operand = plain::Cell::of(text());
    } else {
      out.operand = plain::Cell::of(below(2) == 0 ? static_cast<std::int64_t>(below(9)) - 4 : number());
    }
    return out;
  }
  std::string text() { return std::string(1, static_cast<char>('a' + below(4))) + (below(4) == 0 ? "\xc3\xa9" : ""); }
  std::int64_t number() { return static_cast<std::int64_t>(random_() >> 8) - (1LL << 55); }

  const std::vector<ViewSchema>& views_;
  std::mt19937_64 random_;
};

Value to_value(const plain::Cell& cell, Arena& arena) {
  switch (cell.is) {
    case plain::Cell::Is::null: return Value::null();
    case plain::Cell::Is::number: return Value::integer(cell.number);
    case plain::Cell::Is::text: return Value::text(arena.copy(cell.text));
    case plain::Cell::Is::list: break;
  }
  auto* values = arena.array<Value>(cell.list.size());
  for (std::size_t i = 0; i < cell.list.size(); ++i) values[i] = Value::text(arena.copy(cell.list[i]));
  return Value::list({values, cell.list.size()});
}

ChangeList to_changes(const plain::Event& event, Arena& arena) {
  ChangeList out;
  for (const plain::Change& change : event.changes) {
    Change& to = out.emplace_back();
    to.view = static_cast<std::uint32_t>(change.view);
    to.op = change.erase ? RowOp::erase : RowOp::upsert;
    auto* key = arena.array<Value>(1);
    *key = Value::text(arena.copy(change.key));
    to.key = key;
    to.key_hash = hash_key({key, 1});
    auto* assignments = arena.array<Assignment>(change.what.size());
    std::size_t count = 0;
    for (const plain::Do& what : change.what) {
      assignments[count++] = {static_cast<std::uint16_t>(what.field), what.op, what.none ? Value::absent() : to_value(what.operand, arena)};
    }
    to.assignments = {assignments, count};
    to.guard = arena.copy(testing::stamp(event.version, event.id));
    to.deleted_at_us = event.time_us;
  }
  return out;
}

// A store of folded rows, and the batch that is being folded onto it.
class Folded {
 public:
  explicit Folded(const std::vector<ViewSchema>& views) : views_(views), fold_(views), rows_(views.size()) { fold_.begin(arena_); }

  FoldOutcome add(const plain::Event& event) {
    const ChangeList changes = to_changes(event, arena_);
    FoldResult result = fold_.add(changes);
    if (result.outcome == FoldOutcome::cut) {
      ++cuts;
      flush();
      result = fold_.add(to_changes(event, arena_));
      EXPECT_NE(result.outcome, FoldOutcome::cut) << "an empty batch can't be cut";
    }
    return result.outcome;
  }

  void flush() {
    for (const ViewRows& view : fold_.rows()) {
      for (const FoldedRow* row : view.rows) {
        auto& rows = rows_[view.view];
        const std::string key(row->key->as_text());
        const auto found = rows.find(key);
        auto after = rows::apply(views_[view.view], found == rows.end() ? nullptr : &found->second, *row);
        ASSERT_TRUE(after.has_value()) << after.error().message;
        if (*after) {
          rows[key] = **after;
        } else {
          rows.erase(key);
        }
      }
    }
    arena_.reset();
    fold_.begin(arena_);
  }

  [[nodiscard]] std::vector<std::string> dump(std::size_t view) const {
    const ViewSchema& schema = views_[view];
    std::vector<std::string> out;
    for (const auto& [key, row] : rows_[view]) {
      std::string line = key + " ";
      const bool remains = schema.guard_deleted >= 0 && !row.fields[static_cast<std::size_t>(schema.soft_delete)].is_null();
      for (std::size_t f = 0; f < row.fields.size(); ++f) {
        if (remains && schema.fields[f].guard >= 0) continue;
        line += schema.fields[f].name + "=" + row.fields[f].to_string() + " ";
      }
      out.push_back(line);
    }
    return out;
  }

  int cuts = 0;

 private:
  const std::vector<ViewSchema>& views_;
  Arena arena_;
  Fold fold_;
  std::vector<std::map<std::string, rows::StoredRow>> rows_;
};

TEST(FoldProperty, EveryCutGivesTheOneByOneResult) {
  const std::vector<ViewSchema> views = make_views();
  int cuts = 0;
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Histories histories(views, seed);
    std::vector<plain::Event> history;
    const std::size_t length = 2 + histories.below(40);
    for (std::size_t i = 0; i < length; ++i) history.push_back(histories.event(i));

    plain::Table expected(views);
    std::vector<bool> folded;
    for (const plain::Event& event : history) folded.push_back(expected.apply(event));

    // Seldom cut, often cut, cut after each event.
    for (const std::size_t one_in : {std::size_t{1000}, std::size_t{5}, std::size_t{1}}) {
      SCOPED_TRACE("cut one in " + std::to_string(one_in));
      Folded store(views);
      for (std::size_t i = 0; i < history.size(); ++i) {
        const FoldOutcome outcome = store.add(history[i]);
        ASSERT_EQ(outcome == FoldOutcome::folded, folded[i]) << "event " << i;
        refused += outcome == FoldOutcome::refused ? 1 : 0;
        if (histories.below(one_in) == 0) store.flush();
      }
      store.flush();
      cuts += store.cuts;
      for (std::size_t v = 0; v < views.size(); ++v) ASSERT_EQ(store.dump(v), expected.dump(v)) << views[v].name;
    }
  }
  // The histories must reach what they are there for.
  EXPECT_GT(cuts, 1000);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace foldline
