#include "sinks/postgres/transaction.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/fault_point.h"
#include "sinks/postgres/checkpoints.h"
#include "sinks/postgres/exact_ids.h"
#include "sinks/postgres/expire.h"

namespace foldline::postgres {

Attempt ended(End end, Failure failure, std::string doing) {
  Attempt out;
  out.end = end;
  out.failure = std::move(failure);
  out.doing = std::move(doing);
  return out;
}

Transaction::Transaction(const ProjectionId& id, std::span<const ViewLayout> layouts, Session& session, const CommitBatch& batch,
                         std::span<const StagedView> staged, std::uint64_t batch_number, bool expire)
    : id_(id), layouts_(layouts), session_(session), batch_(batch), staged_(staged), batch_number_(batch_number), expire_(expire) {}

Attempt Transaction::run() {
  // BEGIN and the COPYs, if rows travel that way. A crash leaves nothing: the server rolls back.
  if (auto over = begin_and_copy()) return std::move(*over);

  FOLDLINE_FAULT_POINT("postgres.copied");

  // Everything else in one flight. From the first byte on we don't know how far the server came, should the connection be lost
  // (G5): the server may carry out what it has received, up to and with the COMMIT, after we are gone. A crash of this worker
  // here leaves either nothing or the whole batch, and the next owner's compare tells which.
  Attempt out;
  if (auto ok = send_pipeline(); !ok) {
    out = ended(End::unknown, ok.error(), "sending a batch");
  } else {
    FOLDLINE_FAULT_POINT("postgres.commit_sent");
    out = receive();
  }
  out.went_straight = goes_straight();
  out.updated = updated_;
  return out;
}

Answer<void> Transaction::send(What what, Statement& statement, const Params& params, const ViewLayout* layout) {
  if (!statement.prepared) {
    commands_.push_back({What::prepare, layout, &statement});
    if (auto ok = session_.connection.send_prepare(statement.name, statement.sql); !ok) return ok;
  }
  commands_.push_back({what, layout, &statement});
  return session_.connection.send_prepared(statement.name, params);
}

Answer<void> Transaction::send_fixed(What what, const char* key, const std::string& sql, const Params& params) {
  return send(what, session_.statements.get(key, sql, batch_number_), params, nullptr);
}

Answer<void> Transaction::send_rows(const StagedView& view) {
  for (std::size_t number = 0; number < view.shapes.size(); ++number) {
    const StagedShape& shape = view.shapes[number];
    if (shape.rows == 0 || std::find(updated_.begin(), updated_.end(), &shape) != updated_.end()) continue;
    Params params;
    const Source source = shape.arrays.empty() ? Source::staging : Source::arrays;
    if (source == Source::staging) params.add(static_cast<std::int32_t>(number));
    for (const std::string& array : shape.arrays) params.add_encoded(array);
    for (Statement* statement : session_.statements.rows(*view.layout, shape.signature, source, batch_number_)) {
      if (auto ok = send(What::rows, *statement, params, view.layout); !ok) return ok;
    }
  }
  return {};
}

// G15. What goes, goes first, so that a batch which starts over can drop all that was there.
Answer<void> Transaction::send_ids() {
  for (const IdsStatement* statement : {&kTrimIds, &kDropRewoundIds, &kPutIds, &kAppendIds}) {
    const auto params = ids_params(*statement, id_, batch_);
    if (!params) continue;
    if (auto ok = send_fixed(What::processed_ids, statement->name, statement->sql, *params); !ok) return ok;
  }
  return {};
}

Answer<void> Transaction::send_expire() {
  for (const ViewLayout& layout : layouts_) {
    if (!expires(layout.schema)) continue;
    Statement& statement = session_.statements.get(fmt::format("expire {}", layout.view), expire_sql(layout), batch_number_);
    if (auto ok = send(What::expire, statement, expire_params(id_), &layout); !ok) return ok;
  }
  return {};
}

Answer<void> Transaction::send_pipeline() {
  Connection& connection = session_.connection;
  if (auto ok = connection.enter_pipeline(); !ok) return ok;
  if (!begun_) {
    commands_.push_back({What::begin});
    if (auto ok = connection.send_query(std::string(kBeginSql)); !ok) return ok;
  }
  for (const std::string& name : session_.statements.evict(batch_number_)) {
    commands_.push_back({What::deallocate});
    if (auto ok = connection.send_query("DEALLOCATE " + name); !ok) return ok;
  }
  // G1: owner, generation and next_offset, of every partition, or nothing. From here on no other owner of these partitions gets on
  // before we end.
  if (compared_) {
    session_.statements.get(kCompareKey, kCompareSql, batch_number_);  // it was used: keep it
  } else {
    if (auto ok = send_fixed(What::compare, kCompareKey, kCompareSql, compare_params(id_, batch_)); !ok) return ok;
  }
  FOLDLINE_FAULT_POINT("postgres.compare_sent");
  // G16: behind the compare, so that a batch which is stored already is told from one whose events came before.
  if (!batch_.exact_ids.empty()) {
    if (auto ok = send_fixed(What::exact_ids, "exact ids", kAddExactIdsSql, exact_ids_params(id_, batch_.exact_ids)); !ok) return ok;
  }
  // G17: views in file order, rows in key order, so that two lanes that write the same rows rarely deadlock.
  for (const StagedView& view : staged_) {
    if (auto ok = send_rows(view); !ok) return ok;
  }
  FOLDLINE_FAULT_POINT("postgres.rows_sent");
  if (auto ok = send_ids(); !ok) return ok;
  FOLDLINE_FAULT_POINT("postgres.ids_sent");
  const Params moved = move_params(id_, batch_, session_.backend_pid, session_.backend_start_us);
  if (auto ok = send_fixed(What::move, "move", kMoveSql, moved); !ok) return ok;
  if (expire_) {
    if (auto ok = send_expire(); !ok) return ok;
  }
  FOLDLINE_FAULT_POINT("postgres.checkpoints_sent");
  commands_.push_back({What::commit});
  if (auto ok = connection.send_query("COMMIT"); !ok) return ok;
  return connection.send_sync();
}

// Reads every answer, so that the connection is usable again whatever happened.
Attempt Transaction::receive() {
  Attempt out;
  bool failed = false;
  for (const Command& command : commands_) {
    auto answer = session_.connection.next_answer();
    if (answer) {
      if (command.what == What::prepare) command.statement->prepared = true;
      if (command.what == What::expire) out.more_to_expire = out.more_to_expire || answer->affected() >= kExpireBatchRows;
      // The server answers ROLLBACK when it ends a failed transaction; only this word means that the batch is durable.
      if (command.what == What::commit && answer->command() == "COMMIT") out.end = End::committed;
      if (command.what == What::move) FOLDLINE_FAULT_POINT("postgres.checkpoints_answered");
      continue;
    }
    if (answer.error().connection_lost()) return ended(End::unknown, answer.error(), describe(command));
    if (answer.error().sqlstate == kSkipped || failed) continue;
    failed = true;
    out.failure = answer.error();
    out.doing = describe(command);
    out.rows_at_fault = command.what == What::rows || command.what == What::commit;  // COMMIT: deferred constraints and triggers
    if (command.what == What::exact_ids && out.failure.sqlstate == kCompareFailed) out.end = End::known_ids;
    if (command.what == What::compare) {
      if (out.failure.sqlstate == kCompareFailed) out.end = End::compare_failed;
      out.lock_timeout_on_checkpoints = out.failure.sqlstate == kLockNotAvailable;
    }
  }
  const bool left = session_.connection.leave_pipeline().has_value();
  FOLDLINE_FAULT_POINT("postgres.committed");
  if (out.end == End::committed) return out;  // also when the connection is lost just now: we have read the word
  if (!failed) out.failure.message = "COMMIT was answered with ROLLBACK";
  return left ? roll_back(std::move(out)) : out;
}

// The transaction has failed on the server; this ends it. Should the connection be lost here, the server does the same.
Attempt Transaction::roll_back(Attempt attempt) {
  static_cast<void>(session_.connection.exec("ROLLBACK"));
  return attempt;
}

std::string Transaction::describe(const Command& command) const {
  const std::string view = command.layout == nullptr ? "" : command.layout->schema.name;
  switch (command.what) {
    case What::begin: return "beginning a transaction";
    case What::prepare: return view.empty() ? "preparing a statement of the checkpoints" : fmt::format("preparing to write view {}", view);
    case What::deallocate: return "dropping an unused statement";
    case What::compare: return "comparing the checkpoints";
    case What::rows: return fmt::format("writing view {}", view);
    case What::exact_ids: return "adding exact IDs";
    case What::processed_ids: return "storing processed IDs";
    case What::move: return "moving the checkpoints";
    case What::expire: return fmt::format("expiring rows of view {}", view);
    case What::commit: return "committing";
  }
  return "committing";
}

}  // namespace foldline::postgres
