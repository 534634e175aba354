#include "cmd/foldline/query.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <set>

#include "cmd/foldline/project.h"
#include "cmd/foldline/query_key.h"
#include "cmd/foldline/query_position.h"
#include "cmd/foldline/query_table.h"
#include "cmd/foldline/query_views.h"
#include "cmd/foldline/query_where.h"
#include "sinks/row_query.h"

namespace foldline {

namespace {

constexpr std::size_t kPageRows = 500;

int misused(std::ostream& err, const Error& error) {
  complain(err, error);
  return 2;
}

// What a command asks for, once its words are understood.
struct Plan {
  const ViewSchema* view = nullptr;
  RowQuery query;
  std::vector<rows::OwnedValue> key;
  std::vector<Value> key_values;  // views into `key`
  std::vector<Column> columns;
  RowFilter filter;
  AppliedMarks marks;
};

Result<void> understand(const QueryCommand& command, const declarative::CompiledProjection& projection, Plan& plan) {
  const auto number = find_view(projection.views, command.view);
  if (!number) return fail(number.error());
  plan.view = &projection.views[*number];
  plan.query.view = static_cast<std::uint32_t>(*number);
  auto columns = choose_columns(*plan.view, command.columns);
  if (!columns) return fail(columns.error());
  plan.columns = std::move(*columns);
  auto key = parse_key(*plan.view, command.key);
  if (!key) return fail(key.error());
  plan.key = std::move(*key);
  auto filter = RowFilter::compile(projection, *plan.view, command.where);
  if (!filter) return fail(filter.error());
  plan.filter = std::move(*filter);
  plan.filter.narrow(*plan.view, plan.key);
  Arena unused;  // key parts are scalars
  for (const rows::OwnedValue& part : plan.key) plan.key_values.push_back(part.view(unused));
  plan.query.key = plan.key_values;
  if (command.wait_for.empty()) return {};
  auto marks = parse_wait_for(command.wait_for, projection.file);
  if (!marks) return fail(marks.error());
  plan.marks = std::move(*marks);
  return {};
}

// Reads, judges and prints; knows in the end what it left out.
class Answer {
 public:
  Answer(Plan& plan, const QueryCommand& command, std::ostream& out, std::ostream& err)
      : plan_(plan),
        limit_(command.limit == 0 ? SIZE_MAX : command.limit),
        printer_(plan.columns, command.json, out),
        err_(err),
        terminal_(isatty(STDERR_FILENO) != 0) {}

  Result<void> run(RowReader& reader) {
    may_repeat_ = reader.may_repeat();
    while (true) {
      const bool judging = !plan_.filter.empty();
      auto page = reader.next(judging ? kPageRows : std::min(kPageRows, limit_ - shown_));
      if (!page) {
        end_progress();
        printer_.finish();  // what was found by then stands
        return fail(page.error());
      }
      foreign_ += page->foreign;
      for (const rows::StoredRow& row : page->rows) take(row);
      ended_ = page->last && !passed_over_;
      if (page->last || shown_ == limit_) break;
      progress();
    }
    end_progress();
    printer_.finish();
    return {};
  }

  // "1,234 rows read, 100 of them shown; there may be more: …"
  void describe(const std::vector<StoredCheckpoint>& checkpoints) const {
    const auto counted = [](std::size_t count) { return fmt::format("{} row{}", count, count == 1 ? "" : "s"); };
    std::string line = counted(shown_);
    if (!plan_.filter.empty()) line = fmt::format("{} read, {} shown", counted(read_), shown_);
    const bool surely = plan_.filter.empty() && !may_repeat_;
    if (!ended_) line += fmt::format("; {}: --limit N shows more, a KEY narrows", surely ? "more exist" : "there may be more");
    err_ << line << '\n';
    if (undecided_ > 0) {
      err_ << fmt::format("{} left out, because the expression can't be told of them; the first: {}\n", counted(undecided_),
                          visible(first_undecided_));
    }
    if (foreign_ > 0) err_ << fmt::format("{} keys of the same form are none of this view's\n", foreign_);
    err_ << described(checkpoints) << '\n';
  }

 private:
  void take(const rows::StoredRow& row) {
    if (shown_ == limit_) {
      passed_over_ = true;
      return;
    }
    ++read_;
    const auto matches = plan_.filter.matches(row);
    if (!matches) {
      if (undecided_++ == 0) first_undecided_ = name_of(row) + ": " + matches.error().message;
      return;
    }
    if (!*matches) return;
    if (may_repeat_ && !remember(row)) return;
    ++shown_;
    printer_.add(row);
  }

  // Only what is shown is remembered, so that memory is bounded by the limit.
  bool remember(const rows::StoredRow& row) {
    Arena unused;
    std::vector<Value> key;
    for (const rows::OwnedValue& part : row.key) key.push_back(part.view(unused));
    return seen_.insert(rows::encode_key(key)).second;
  }

  [[nodiscard]] std::string name_of(const rows::StoredRow& row) const {
    std::string out;
    for (std::size_t i = 0; i < row.key.size(); ++i) {
      out += fmt::format("{}{} {}", i == 0 ? "" : ", ", plan_.view->key[i].name, cell_text(row.key[i], plan_.view->key[i].type));
    }
    return out;
  }

  void progress() {
    if (terminal_ && !plan_.filter.empty()) err_ << fmt::format("\r{} rows read", read_) << std::flush;
  }
  void end_progress() {
    if (terminal_ && !plan_.filter.empty()) err_ << "\r\x1b[K" << std::flush;
  }

  Plan& plan_;
  std::size_t limit_;
  RowPrinter printer_;
  std::ostream& err_;
  bool terminal_;
  bool may_repeat_ = false;
  std::size_t read_ = 0;
  std::size_t shown_ = 0;
  bool passed_over_ = false;  // rows behind the last one shown were read and not judged
  bool ended_ = false;
  std::size_t undecided_ = 0;
  std::string first_undecided_;
  std::size_t foreign_ = 0;
  std::set<std::string> seen_;
};

// Before the rows: the rows then hold at least the events below these (query_position.h).
Result<std::vector<StoredCheckpoint>> position(Store& store, const Plan& plan, const QueryCommand& command) {
  if (plan.marks.empty()) return store.checkpoints();
  const auto timeout = std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(command.timeout_s));
  return wait_for(store, plan.marks, std::chrono::steady_clock::now() + timeout);
}

}  // namespace

int query_view(const QueryCommand& command, std::ostream& out, std::ostream& err) {
  const Projection projection = load_projection(command.file, command.shared, err);
  if (projection == nullptr) return 1;
  auto store = open_projection_store(*projection);
  if (!store) return complain(err, store.error());
  if (command.view.empty()) {
    print_views(*projection, **store, command.json, out);
    return 0;
  }
  Plan plan;
  if (auto understood = understand(command, *projection, plan); !understood) return misused(err, understood.error());
  const auto checkpoints = position(**store, plan, command);
  if (!checkpoints) return complain(err, checkpoints.error());
  auto reader = (*store)->read_rows(plan.query);
  if (!reader) return misused(err, reader.error());
  Answer answer(plan, command, out, err);
  if (auto read = answer.run(**reader); !read) return complain(err, read.error());
  answer.describe(*checkpoints);
  return out ? 0 : complain(err, {ErrorCode::internal, "the output could not be written", "is the disk full?", false});
}

void add_query(CLI::App& app, int& exit_code) {
  auto command = std::make_shared<QueryCommand>();
  CLI::App* query = app.add_subcommand("query", "Show rows of a view");
  query->footer(
      "Without VIEW: the views, their keys and fields. Rows go to the standard output, what was read to the standard error.\n"
      "Exit codes: 0 done, also when there is no such row; 1 the store or the file did not do; 2 no such view, column, key or expression.\n"
      "Examples:\n"
      "  foldline query orders.yaml\n"
      "  foldline query orders.yaml fact_orders ord_abc123\n"
      "  foldline query orders.yaml daily_revenue 2026-04-03 EUR --json\n"
      "  foldline query orders.yaml fact_orders --where 'total_cents > 1000 && currency == \"EUR\"' --columns order_id,total_cents\n"
      "  foldline query orders.yaml fact_orders ord_abc123 --wait-for orders.events:0:41");
  query->add_option("FILE", command->file, "the projection file")->required();
  query->add_option("VIEW", command->view, "the view's name");
  query->add_option("KEY", command->key, "values of the key's parts, in order; fewer than it has: all rows that begin so (-- before -5)");
  query->add_option("--shared", command->shared, "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
  query->add_option("--where", command->where, "only rows for which this expression of the projection language is true; may be repeated")
      ->allow_extra_args(false);
  query->add_option("--limit", command->limit, "at most so many rows; 0: all")->capture_default_str();
  query->add_option("--columns", command->columns, "only these columns, in this order: a,b,c")->delimiter(',')->allow_extra_args(false);
  query->add_flag("--json", command->json, "print JSON, a line for each row");
  query->add_option("--wait-for", command->wait_for,
                    "first wait until the store holds the record at TOPIC:PARTITION:OFFSET,...: so one reads what one wrote");
  query->add_option("--timeout", command->timeout_s, "how many seconds --wait-for waits")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  query->callback([command, &exit_code] { exit_code = query_view(*command, std::cout, std::cerr); });
}

}  // namespace foldline
