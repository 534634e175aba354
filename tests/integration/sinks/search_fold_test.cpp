// Property (G4, G8, G24): whatever the history, however it is cut, and whatever is lost on the way, the documents end as the events one by
// one would leave them. The oracle applies each event alone, by rows::apply, and knows no batches, watermarks or requests.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;

std::vector<Field> rich_fields() {
  Type money = type_of(TypeKind::numeric);
  money.precision = 12;
  money.scale = 2;
  return {field("name", type_of(TypeKind::text)),
          sum_field("total", TypeKind::bigint),
          field("low", type_of(TypeKind::bigint), op_bit(Op::min)),
          field("high", type_of(TypeKind::text), op_bit(Op::max)),
          field("price", type_of(TypeKind::numeric)),
          field("at", type_of(TypeKind::timestamptz)),
          field("day", type_of(TypeKind::date)),
          field("flag", type_of(TypeKind::boolean)),
          field("raw", type_of(TypeKind::json)),
          field("blob", type_of(TypeKind::bytes)),
          field("wait", type_of(TypeKind::interval)),
          field("ratio", type_of(TypeKind::floating)),
          field("tags", list_type(TypeKind::keyword, TypeKind::set), op_bit(Op::append))};
}

class SearchFold : public SearchFixture {
 protected:
  void SetUp() override {
    SearchFixture::SetUp();
    const char* given = std::getenv("FOLDLINE_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    random_.seed(seed_);
    fmt::print("seed: FOLDLINE_SEED={}\n", seed_);
    // `hard`: keys of one partition, any operation and hard deletes. `sums`: keys of all partitions, what commutes.
    ViewSchema sums = view("sums", {{"day", TypeKind::date}, {"currency", TypeKind::text}}, {sum_field("total", TypeKind::bigint)});
    sums.fields.push_back(field("high", type_of(TypeKind::bigint), op_bit(Op::max)));
    ViewSchema soft = view("soft", {{"id", TypeKind::text}}, {field("a", type_of(TypeKind::text)), field("b", type_of(TypeKind::bigint))});
    soft.fields[0].guard = 0;
    soft.fields[1].guard = 1;
    soft.fields.push_back(field("gone", type_of(TypeKind::timestamptz), 0));
    soft.soft_delete = 2;
    soft.guard_count = 4;
    soft.guard_alive = 2;
    soft.guard_deleted = 3;
    // `whole`: each event says all of the row, so documents are written straight (straight.h).
    const ViewSchema whole =
        view("whole", {{"id", TypeKind::text}}, {field("a", type_of(TypeKind::text)), field("b", type_of(TypeKind::bigint))});
    views_ = own({view("hard", {{"id", TypeKind::text}}, rich_fields()), sums, soft, whole});
  }

  std::int64_t pick(std::int64_t below) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below)); }
  bool chance(int percent) { return pick(100) < percent; }
  Value text(std::string text) { return Value::text(literals_.copy(text)); }
  Value word() { return text(std::string(1, "aZ\"\\\n"[pick(5)]) + std::to_string(pick(4)) + "é"); }

  void add(TestChange& change, std::uint16_t field, Op op, Value value) { change.assignments.push_back({field, op, value}); }

  TestChange hard_change(std::size_t partition) {
    TestChange out;
    out.view = 0;
    out.key = {text(fmt::format("p{}k{}", partition, pick(6)))};
    out.erase = chance(15);
    if (out.erase) return out;
    if (chance(50)) add(out, 0, Op::set, chance(20) ? Value::null() : word());
    if (chance(60)) add(out, 1, Op::add, Value::integer(pick(2'000) - 1'000));
    if (chance(30)) add(out, 2, Op::min, Value::integer(pick(1'000)));
    if (chance(30)) add(out, 3, Op::max, word());
    if (chance(30))
      add(out, 4, Op::set, Value::decimal(*Decimal::parse(fmt::format("{}.{:02}00000000000000001", pick(1'000'000'000), pick(100)))));
    if (chance(30)) add(out, 5, Op::set, Value::timestamp(pick(4'000'000'000'000'000)));
    if (chance(30)) add(out, 6, Op::set, Value::date(pick(40'000) - 10'000));
    if (chance(30)) add(out, 7, Op::set, Value::boolean(chance(50)));
    if (chance(30)) add(out, 8, Op::set, Value::json(literals_.copy(fmt::format("{{\"a\": [1,\n {}.5, {{}}]}}", pick(100)))));
    if (chance(30)) add(out, 9, Op::set, Value::bytes(literals_.copy(std::string("\0\xff", 2) + std::to_string(pick(1'000)))));
    if (chance(30)) add(out, 10, Op::set, Value::interval(pick(1'000'000) - 500'000));
    if (chance(30)) add(out, 11, Op::set, Value::floating(static_cast<double>(pick(1'000)) / 8));
    if (chance(40)) add(out, 12, Op::append, text("tag" + std::to_string(pick(4))));
    return out;
  }

  Value list_of(Value element) {
    Value* elements = literals_.array<Value>(1);
    elements[0] = element;
    return Value::list({elements, 1});
  }

  TestChange sums_change() {
    TestChange out;
    out.view = 1;
    out.key = {Value::date(20'000 + pick(3)), text(chance(50) ? "EUR" : "a:b%")};
    if (chance(80)) add(out, 0, Op::add, Value::integer(pick(100)));
    if (chance(50)) add(out, 1, Op::max, Value::integer(pick(100'000)));
    return out;
  }

  TestChange soft_change(std::size_t partition, int number) {
    TestChange out;
    out.view = 2;
    out.key = {text(fmt::format("p{}s{}", partition, pick(3)))};
    std::string version(8, '\0');
    version[0] = '\x80';
    version[7] = static_cast<char>(pick(40));
    out.stamp = version + fmt::format("e{}", number);
    out.deleted_at_us = 1'700'000'000'000'000 + number;
    out.erase = chance(25);
    if (out.erase) return out;
    if (chance(60)) add(out, 0, Op::set, word());
    if (chance(60)) add(out, 1, Op::set, Value::integer(pick(1'000)));
    return out;
  }

  TestChange whole_change(std::size_t partition) {
    TestChange out;
    out.view = 3;
    out.key = {text(fmt::format("p{}w{}", partition, pick(9)))};
    out.erase = chance(10);
    if (out.erase) return out;
    add(out, 0, Op::set, word());
    if (chance(90)) add(out, 1, Op::set, Value::integer(pick(1'000)));
    return out;
  }

  TestEvent event(std::size_t partition, int number) {
    TestEvent out;
    if (chance(70)) out.push_back(whole_change(partition));
    if (chance(90)) out.push_back(hard_change(partition));
    if (chance(60)) out.push_back(sums_change());
    if (chance(60)) out.push_back(soft_change(partition, number));
    return out;
  }

  // Of a deleted row of a guarded view the values are remains, on which nobody may rely (sinks/sink.h): the key and when it was deleted.
  template <class Documents>
  static Documents without_remains(Documents documents) {
    for (auto& [id, text] : documents) {
      const std::size_t gone = text.find(" gone=");
      if (gone != std::string::npos) text = text.substr(0, text.find(' ')) + text.substr(gone);
    }
    return documents;
  }

  // The documents that the whole log makes, by _id.
  std::vector<std::map<std::string, std::string>> one_by_one(const std::vector<std::vector<TestEvent>>& log) {
    std::vector<std::map<std::string, rows::StoredRow>> rows(views_.size());
    for (const auto& partition : log) {
      for (const TestEvent& event : partition) {
        for (const TestChange& change : event) apply_alone(rows[change.view], change);
      }
    }
    std::vector<std::map<std::string, std::string>> out(views_.size());
    for (std::size_t v = 0; v < views_.size(); ++v) {
      for (const auto& [id, row] : rows[v]) out[v][id] = print(views_[v], row);
    }
    return out;
  }

  void apply_alone(std::map<std::string, rows::StoredRow>& rows, const TestChange& change) {
    const ViewSchema& view = views_[change.view];
    std::vector<Cell> cells(view.fields.size());
    std::vector<GuardStamp> guards(static_cast<std::size_t>(view.guard_count));
    FoldedRow folded;
    folded.key = change.key.data();
    folded.cells = cells.data();
    folded.guards = guards.data();
    const bool soft = view.soft_delete >= 0;
    folded.base = change.erase && !soft ? RowBase::erase : RowBase::keep;
    folded.soft_deleted = change.erase && soft;
    folded.upserted = !change.erase;
    folded.deleted_at_us = change.deleted_at_us;
    for (const Assignment& a : change.assignments) {
      const Value value = a.op == Op::append ? list_of(a.value) : a.value;
      cells[a.field] = {a.op == Op::set ? CellState::set : CellState::merge, a.op, value};
      if (view.fields[a.field].guard >= 0) guards[static_cast<std::size_t>(view.fields[a.field].guard)] = change.stamp;
    }
    if (view.guard_alive >= 0) guards[static_cast<std::size_t>(change.erase ? view.guard_deleted : view.guard_alive)] = change.stamp;
    // The _id as docs/search.md describes it.
    std::string id;
    for (const Value& part : change.key) {
      std::string text = part.is(Kind::text) ? std::string(part.as_text())
                                             : (part.as_int() == 20'000   ? "2024-10-04"
                                                : part.as_int() == 20'001 ? "2024-10-05"
                                                                          : "2024-10-06");
      if (text == "a:b%") text = "a%3Ab%25";
      id += (id.empty() ? "" : ":") + text;
    }
    const auto found = rows.find(id);
    auto after = rows::apply(view, found == rows.end() ? nullptr : &found->second, folded);
    ASSERT_TRUE(after) << after.error().message;
    if (*after) {
      rows[id] = std::move(**after);
    } else {
      rows.erase(id);
    }
  }

  Verdict fault(const ProxiedRequest& request) {
    if (fault_percent_ == 0 || !chance(fault_percent_)) return {};
    if (request.path.find("_bulk") == std::string::npos && request.path.find("_mget") == std::string::npos) return {};
    ++faults_;
    switch (pick(4)) {
      case 0: return {Verdict::lose_request};
      case 1: return {Verdict::lose_answer};
      case 2: return {Verdict::answer, 429, R"({"error":{"type":"rejected_execution_exception","reason":"full"},"status":429})"};
      default: return {Verdict::answer, 503, "no server is available"};
    }
  }

  // Two workers, of which now one and now the other owns the partitions, over a network that loses one message in ten.
  void run(const std::vector<std::vector<TestEvent>>& log, ElasticsearchStore& store) {
    std::vector<TopicPartition> partitions;
    for (std::size_t p = 0; p < log.size(); ++p) partitions.push_back({"to.pic-x", static_cast<std::int32_t>(p)});
    std::vector<std::unique_ptr<Lane>> lanes(2);
    std::size_t owner = 0;
    const auto take_over = [&] {
      owner = static_cast<std::size_t>(pick(2));
      if (lanes[owner] == nullptr || chance(50)) {  // killed and started anew, or the same process
        if (lanes[owner] != nullptr) refolds_ += lanes[owner]->refolds;
        lanes[owner] = std::make_unique<Lane>(store, views_, partitions);
      }
      while (lanes[owner]->start() != "committed") {
      }
    };
    take_over();
    for (int commits = 0;; ++commits) {
      ASSERT_LT(commits, 5'000) << "no progress; FOLDLINE_SEED=" << seed_;
      if (chance(10)) take_over();
      Lane& lane = *lanes[chance(90) || lanes[1 - owner] == nullptr ? owner : 1 - owner];  // the other one is a zombie
      Lane::Batch batch;
      for (std::size_t p = 0; p < log.size(); ++p) {
        Lane::Part part{p, {}};
        const auto begin = static_cast<std::size_t>(lane.next_offsets[p]);
        const std::size_t count = std::min(log[p].size() - begin, static_cast<std::size_t>(pick(12)));
        for (std::size_t i = begin; i < begin + count; ++i) part.events.push_back(&log[p][i]);
        batch.parts.push_back(std::move(part));
      }
      CommitResult result = lane.commit(batch);
      for (int again = 0; result.status == CommitStatus::retry && again < 3 && chance(70); ++again) result = lane.commit(batch);
      ASSERT_NE(result.status, CommitStatus::rejected) << said(result) << " FOLDLINE_SEED=" << seed_;
      if (result.status != CommitStatus::committed) {
        take_over();
        continue;
      }
      bool all = true;
      for (std::size_t p = 0; p < log.size(); ++p) all = all && lane.next_offsets[p] == static_cast<std::int64_t>(log[p].size());
      if (all) break;
    }
    for (const auto& lane : lanes) refolds_ += lane == nullptr ? 0 : lane->refolds;
  }

  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
  Arena literals_;
  std::vector<ViewSchema> views_;
  int fault_percent_ = 0;
  int faults_ = 0;
  int refolds_ = 0;
};

TEST_F(SearchFold, RandomHistoriesUnderFaultsEndAsOneByOne) {
  HttpProxy proxy(host(), port());
  StoreOptions options;
  options.limits = {.max_bytes = 2'000, .max_items = 5, .least_items = 2, .max_fetched = 3, .max_rounds = 20, .connections = 3};
  auto store = prepared_store(views_, proxy.url(), options);
  std::vector<std::vector<TestEvent>> log(3);
  int number = 0;
  for (std::size_t p = 0; p < log.size(); ++p) {
    for (int i = 0; i < 250; ++i) log[p].push_back(event(p, ++number));
  }
  fault_percent_ = 10;
  proxy.set_policy([this](const ProxiedRequest& request) { return fault(request); });
  run(log, *store);
  proxy.set_policy(nullptr);
  ASSERT_FALSE(HasFatalFailure());
  const auto expected = one_by_one(log);
  for (std::size_t v = 0; v < views_.size(); ++v) {
    EXPECT_EQ(without_remains(documents(views_[v])), without_remains(expected[v])) << views_[v].name << " FOLDLINE_SEED=" << seed_;
  }
  fmt::print("{} faults, {} refolds\n", faults_, refolds_);
  EXPECT_GT(faults_, 10);
}

}  // namespace
}  // namespace foldline::elasticsearch
