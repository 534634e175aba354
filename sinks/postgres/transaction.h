// One attempt to commit one batch: the exactly-once transaction itself.
//
//   Transaction transaction(store, session, batch, staged);
//   Attempt attempt = transaction.run();
//
// What it sends, and nothing else (G17):
//
//   BEGIN                                       | one round trip a view; no locks but on our own temporary tables
//   COPY staging FROM STDIN                     |
//
//   compare the checkpoints, under lock         | one round trip: all of this is sent at once, in pipeline mode.
//   add the exact IDs, all or fail (G16)        |
//   INSERT ... SELECT ... ON CONFLICT DO UPDATE | The first command that fails makes the server skip all that
//   trim and append processed IDs               | follow it, the COMMIT too.
//   move the checkpoints                        |
//   COMMIT                                      |
//
// A crash before the server has carried out COMMIT leaves nothing behind; after it, everything. There is no other state (G1).
#pragma once

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
};

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

  Answer<void> begin_and_copy();
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
  std::vector<Command> commands_;  // what the pipeline holds, in order
};

}  // namespace foldline::postgres
