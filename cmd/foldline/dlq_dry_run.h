// `foldline dlq replay --dry-run`: which letters' events would pass now, with which changes, and which would fail again.
//
//   DryRun dry_run(projection);
//   Verdict verdict = dry_run.judge(index, original);
//
// Goes the worker's own way as far as there is no store: the replay decoder, the source's decoder, the projector, the sink's check of each
// change. What only the store can tell (a constraint, a sum out of range) it does not. Writes nothing; shows no value of a source that
// hides some.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/foldline/dlq_originals.h"

namespace foldline {

struct Verdict {
  enum class Outcome {
    passes,
    skipped,  // the source's `when` leaves it out: nothing changes
    fails,
    missing,  // the event can't be had
  };
  Outcome outcome = Outcome::passes;
  std::string stage;                 // where it fails
  std::string why;                   // of fails, missing
  std::string reason;                // of fails: what is counted
  std::vector<std::string> changes;  // for people: "fact_orders {order_id: \"o-1\"}: set customer_id = \"c\"; add orders = 1"
  std::string changes_json;          // [{"view":…,"key":{…},"operation":"upsert","fields":{…}}]
};

class DryRun {
 public:
  // `notes`: why the store's own checks are left out, if they are.
  DryRun(const Projection& projection, std::ostream& notes);

  Verdict judge(const LetterIndex& index, const Original& original);

 private:
  Result<void> project(const Record& record, Verdict& verdict, std::string& stage, bool hidden);
  void describe(const Change& change, Verdict& verdict, bool hidden) const;

  Projection projection_;
  std::vector<std::unique_ptr<Decoder>> decoders_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Sink> sink_;  // null: no checks
  Arena arena_;
};

std::string to_json(const std::string& letter_id, const Verdict& verdict);
void print(const std::string& letter_id, const Verdict& verdict, std::ostream& out);

}  // namespace foldline
