// What a commit sends before its pipeline: BEGIN, the COPYs and the UPDATEs whose count decides what the pipeline has left to do, in one
// simple query (PostgreSQL has no COPY in pipeline mode).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/fault_point.h"
#include "sinks/postgres/checkpoints.h"
#include "sinks/postgres/straight_table.h"
#include "sinks/postgres/transaction.h"

namespace foldline::postgres {

bool Transaction::goes_straight() const {
  return std::any_of(staged_.begin(), staged_.end(), [](const StagedView& view) { return view.goes_straight(); });
}

// Outside of any transaction. A crash leaves nothing: what is made here goes with the connection.
Answer<void> Transaction::make_ready() {
  for (const StagedView& view : staged_) {
    if (!view.copy_data.empty()) {
      if (auto ok = session_.ensure_staging(*view.layout, view.shapes.size()); !ok) return ok;
    }
    if (view.goes_straight()) {
      if (auto ok = session_.ensure_straight_check(*view.layout); !ok) return ok;
    }
  }
  return {};
}

// Staging first, while no lock is held (G17). Then, if rows go straight, the compare: a fenced worker writes nothing, and nobody waits for
// a row of ours without having met our lock on the checkpoints. Views in file order, rows in key order.
std::vector<Transaction::Step> Transaction::plan_copies() const {
  std::vector<Step> out;
  const auto add = [&](Step::What what, std::string sql) -> Step& {
    if (out.empty()) out.push_back({.sql = std::string(kBeginSql)});
    Step& step = out.emplace_back();
    step.what = what;
    step.sql = std::move(sql);
    return step;
  };
  for (const StagedView& view : staged_) {
    if (!view.copy_data.empty()) add(Step::What::copy, view.layout->copy_staging).copy_data = &view.copy_data;
  }
  if (!goes_straight()) return out;
  add(Step::What::compare, fmt::format("EXECUTE {} ({})", session_.statements.prepared_name(kCompareKey), compare_arguments(id_, batch_)));
  for (const StagedView& view : staged_) {
    if (view.goes_straight()) plan_straight(view, add);
  }
  return out;
}

void Transaction::plan_straight(const StagedView& view, const std::function<Step&(Step::What, std::string)>& add) const {
  add(Step::What::plain, lock_straight_table(*view.layout));
  add(Step::What::plain, "EXECUTE " + straight_check_name(*view.layout)).straight_view = view.layout;
  for (std::uint32_t number = 0; number < view.shapes.size(); ++number) {
    const StagedShape& shape = view.shapes[number];
    if (shape.copied_rows > 0) {
      Step& step = add(Step::What::copy, copy_straight(*view.layout, shape.shape));
      step.copy_data = &shape.copy_data;
      step.straight_view = view.layout;
      step.shape = &shape;
    }
    if (shape.updates) {
      Step& step = add(Step::What::update, update_straight(*view.layout, shape.shape, number));
      step.straight_view = view.layout;
      step.shape = &shape;
    }
  }
}

Answer<void> Transaction::carry_out(const Step& step) {
  if (step.what == Step::What::copy) return carry_out_copy(step);
  const auto rows = session_.connection.expect_done();
  if (!rows) return tl::unexpected(rows.error());
  // Staged keys are distinct, and the table's key is its primary key: so many rows found are all of them.
  if (step.what == Step::What::update && *rows == step.shape->rows) updated_.push_back(step.shape);
  if (step.what == Step::What::update) FOLDLINE_FAULT_POINT("postgres.updated_straight");
  return {};
}

Answer<void> Transaction::carry_out_copy(const Step& step) {
  Connection& connection = session_.connection;
  if (auto ok = connection.expect_copy(); !ok) return ok;
  if (auto ok = connection.put_copy(*step.copy_data); !ok) return ok;
  if (step.shape != nullptr) {
    FOLDLINE_FAULT_POINT("postgres.copying_straight");
  } else {
    FOLDLINE_FAULT_POINT("postgres.copying");
  }
  if (auto ok = connection.end_copy(); !ok) return ok;
  if (auto ok = connection.expect_done(); !ok) return tl::unexpected(ok.error());
  if (step.shape != nullptr) FOLDLINE_FAULT_POINT("postgres.copied_straight");
  return {};
}

// Nothing: go on with the pipeline. A crash in here leaves nothing: no COMMIT was sent.
std::optional<Attempt> Transaction::begin_and_copy() {
  if (auto ok = make_ready(); !ok) {
    const End end = ok.error().connection_lost() ? End::lost_before : End::refused;
    return ended(end, ok.error(), "making a connection ready for a batch");
  }
  const std::vector<Step> steps = plan_copies();
  if (steps.empty()) return std::nullopt;  // few rows, or none: BEGIN travels in the pipeline
  FOLDLINE_FAULT_POINT("postgres.staging_made");
  std::string sql;
  for (const Step& step : steps) sql += (sql.empty() ? "" : "; ") + step.sql;
  if (auto ok = session_.connection.send_simple(sql); !ok) return copy_failed(steps.front(), ok.error());
  for (const Step& step : steps) {
    if (auto ok = carry_out(step); !ok) return copy_failed(step, ok.error());
    if (step.what == Step::What::compare) compared_ = true;
  }
  if (auto ok = session_.connection.finish(); !ok) return copy_failed(steps.back(), ok.error());
  begun_ = true;
  return std::nullopt;
}

// Until here nothing was sent that could commit, so a lost connection left nothing.
Attempt Transaction::copy_failed(const Step& step, Failure failure) {
  const bool is_compare = step.what == Step::What::compare;
  const bool lost = failure.connection_lost();
  if (!lost) static_cast<void>(session_.connection.finish());  // the failure at hand is the one to report
  Attempt out =
      ended(lost ? End::lost_before : End::refused, std::move(failure), is_compare ? "comparing the checkpoints" : "copying a batch");
  out.went_straight = goes_straight();
  if (lost) return out;
  if (is_compare && out.failure.sqlstate == kCompareFailed) out.end = End::compare_failed;
  out.lock_timeout_on_checkpoints = is_compare && out.failure.sqlstate == kLockNotAvailable;
  out.rows_at_fault = step.what == Step::What::copy;
  out.refused_view = step.straight_view;
  if (step.shape != nullptr) {
    out.refused_signature = step.shape->signature;
    out.refused_way = step.what == Step::What::update ? StraightPolicy::Way::update : StraightPolicy::Way::copy;
  }
  return roll_back(std::move(out));
}

}  // namespace foldline::postgres
