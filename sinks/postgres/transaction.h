// One attempt to commit one batch: the exactly-once transaction itself.
//
//   Transaction transaction(store, session, batch, staged);
//   Attempt attempt = transaction.run();
//
// What it sends, and nothing else (G17). Each row goes one of three ways (staging.h, docs/decisions/0052):
//
//   BEGIN                                       | only for many rows or new ones: one simple query, so one round trip before the data and
//   COPY staging FROM STDIN                     | one after it. Staging takes no locks but on our own temporary tables.
//   compare the checkpoints, under lock         | Only when rows go straight, and then before them: whoever holds a row's lock holds the
//   check that the table is plain, COPY into it | checkpoints' too, so that a new owner finds it, and ends it (G18).
//   UPDATE of staged rows that are there        | Where it finds all of a shape, these rows are done; else they are upserted as well.
//
//   BEGIN, compare, unless that was done        | one round trip: all of this is sent at once, in pipeline mode.
//   add the exact IDs, all or fail (G16)        | The first command that fails makes the server skip all that
//   INSERT ... SELECT FROM staging or arrays    | follow it, the COMMIT too.
//     ... ON CONFLICT DO UPDATE                 |
//   trim and append processed IDs               |
//   move the checkpoints                        |
//   COMMIT                                      |
//
// A crash before the server has carried out COMMIT leaves nothing behind; after it, everything. There is no other state (G1). What rows
// copied straight meet (a key that is there, a constraint) fails the transaction and decides nothing: the same batch is upserted
// (commit.cpp).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sinks/postgres/session.h"
#include "sinks/postgres/staging.h"
#include "sinks/sink.h"

namespace foldline::postgres {

// How an attempt ended.
enum class End {
  committed,
  compare_failed,  // some checkpoint is not what the batch expects; rolled back
  known_ids,       // the store holds some of the batch's exact IDs; rolled back (G16)
  refused,         // a statement failed; rolled back
  lost_before,     // the connection was lost before anything was sent that could commit
  unknown,         // ... or after that: the COMMIT may have been carried out (G5)
};

struct Attempt {
  End end = End::refused;
  Failure failure;                           // why; meaningless when committed
  std::string doing;                         // what was being done: for messages
  bool rows_at_fault = false;                // a statement of the batch's own rows failed: only these can be poison (G19)
  bool lock_timeout_on_checkpoints = false;  // G18
  bool more_to_expire = false;
  bool went_straight = false;                // it tried to, by COPY or UPDATE: so a refusal says nothing about the rows
  std::vector<const StagedShape*> updated;   // whose UPDATE found all rows
  const ViewLayout* refused_view = nullptr;  // the view and the shape's signature whose COPY or UPDATE failed; null: something else
  std::string refused_signature;
  std::optional<StraightPolicy::Way> refused_way;  // which of the two; nothing: nobody knows
};

// Pinned, whatever default_transaction_isolation says: compare relies on seeing what a transaction that it waited for has left (G17).
inline constexpr std::string_view kBeginSql = "BEGIN ISOLATION LEVEL READ COMMITTED";
inline constexpr std::string_view kLockNotAvailable = "55P03";
// The compare's name among the session's statements.
inline constexpr const char* kCompareKey = "compare";

Attempt ended(End end, Failure failure, std::string doing);

class Transaction {
 public:
  Transaction(const ProjectionId& id, std::span<const ViewLayout> layouts, Session& session, const CommitBatch& batch,
              std::span<const StagedView> staged, std::uint64_t batch_number, bool expire);
  Attempt run();

 private:
  enum class What {
    begin,
    prepare,
    deallocate,
    compare,
    exact_ids,
    rows,
    processed_ids,
    move,
    expire,
    commit
  };
  struct Command {
    What what;
    const ViewLayout* layout = nullptr;
    Statement* statement = nullptr;
  };

  // One statement of the simple query that goes before the pipeline.
  struct Step {
    enum class What {
      plain,
      compare,
      copy,
      update
    };
    What what = What::plain;
    const std::string* copy_data = nullptr;
    const ViewLayout* straight_view = nullptr;  // of what goes straight into a view's table
    const StagedShape* shape = nullptr;
    std::string sql{};
  };

  // transaction_copy.cpp
  [[nodiscard]] bool goes_straight() const;
  Answer<void> make_ready();
  std::vector<Step> plan_copies() const;
  std::optional<Attempt> begin_and_copy();
  void plan_straight(const StagedView& view, const std::function<Step&(Step::What, std::string)>& add) const;
  Answer<void> carry_out(const Step& step);
  Answer<void> carry_out_copy(const Step& step);
  Attempt copy_failed(const Step& step, Failure failure);

  Answer<void> send_pipeline();
  Answer<void> send_fixed(What what, const char* key, const std::string& sql, const Params& params);
  Answer<void> send(What what, Statement& statement, const Params& params, const ViewLayout* layout);
  Answer<void> send_rows(const StagedView& view);
  Answer<void> send_ids();
  Answer<void> send_expire();
  Attempt receive();
  Attempt roll_back(Attempt attempt);
  [[nodiscard]] std::string describe(const Command& command) const;

  const ProjectionId& id_;
  std::span<const ViewLayout> layouts_;
  Session& session_;
  const CommitBatch& batch_;
  std::span<const StagedView> staged_;
  std::uint64_t batch_number_;
  bool expire_;
  bool begun_ = false;     // BEGIN was sent before the pipeline
  bool compared_ = false;  // and the checkpoints were compared
  std::vector<const StagedShape*> updated_;
  std::vector<Command> commands_;  // what the pipeline holds, in order
};

}  // namespace foldline::postgres
