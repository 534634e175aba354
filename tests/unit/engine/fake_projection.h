// A projection for the engine's tests: records are `ID|TYPE|KEY|ARG|TIME_S`, no YAML, no JSON.
//
//   set     rows[KEY].s = ARG                      add    rows[KEY].n += ARG, totals["all"].n += ARG
//   del     rows[KEY] goes                         max    rows[KEY].m = max(m, ARG)         addm   rows[KEY].m += ARG
//   mix     two operations on m: can't be folded   nop    changes nothing
//   poison  like set, and a row that the store rejects; the sink's check() refuses the key "unstorable"
//   bad     the projector fails                    reject a clause's own reject
//   skip    no event in the record                 !ID    undecodable, but the ID is known
//   setm    rows[KEY].m = ARG: after it addm and max of one batch can be folded into one value
//   at      rows[KEY].at = ARG seconds, in views that have that field (the fourth)
//
// SOURCE~ID names the event's source, too: the same ID of two sources is two events.
// ID may be empty (the position identifies the event), TIME_S too (the record's time).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/codec/decoder.h"
#include "engine/executor.h"
#include "engine/lane.h"
#include "projectors/projector.h"
#include "sinks/dead_letter/letter.h"
#include "sinks/memory/memory_store.h"
#include "tests/unit/engine/fake_log.h"

namespace foldline::testing {

std::vector<ViewSchema> projection_views();

class FakeDecoder final : public Decoder {
 public:
  Result<Decoded> decode(const Record& record, Arena& arena, Event& event) override;
};

class FakeProjector final : public Projector {
 public:
  Result<void> project(const Event& event, Arena& arena, ChangeList& out) override;
};

// The store's verdict on poison.
bool is_poison(const ViewSchema& view, const FoldedRow& row);

class FakeLetters final : public LetterSink {
 public:
  Result<void> publish(std::span<const Letter> letters) override;

  void clear();
  [[nodiscard]] std::set<std::string> ids() const;  // topic/partition:offset stage
  [[nodiscard]] std::vector<Letter> all() const;

  std::function<bool()> failing;  // asked at each publish; true: some letters are written, then it fails

 private:
  mutable std::mutex mutex_;
  std::vector<Letter> letters_;
};

class ManualExecutor final : public Executor {
 public:
  void submit(std::function<void()> job) override { jobs.push_back(std::move(job)); }
  bool run_one() {
    if (jobs.empty()) return false;
    const std::function<void()> job = std::move(jobs.front());
    jobs.pop_front();
    job();
    return true;
  }
  std::deque<std::function<void()>> jobs;
};

// What the log says, one event at a time onto plain maps: the oracle of lane tests and of the simulation.
struct ExpectedState {
  std::map<std::string, std::string> rows;  // printed as MemoryStore::dump() prints
  std::map<std::string, std::string> totals;
  std::set<std::string> letters;  // as FakeLetters::ids()

  // Every partition from its first record on, up to its end or to the offset that `ends` names (nothing of one that it does not name); IDs
  // count as duplicates within `window`.
  static ExpectedState of(const FakeBroker& broker, const std::vector<TopicPartition>& partitions, std::int64_t window,
                          const std::map<TopicPartition, std::int64_t>* ends = nullptr);
  [[nodiscard]] std::vector<std::string> dump_rows() const;
  [[nodiscard]] std::vector<std::string> dump_totals() const;
};

}  // namespace foldline::testing
