#include "tests/unit/engine/simulation.h"

#include <algorithm>

namespace foldline::testing {

namespace {

constexpr std::uint64_t kLookOneIn = 20;  // actions behind which the invariant is checked

std::string difference(const std::string& what, const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  if (got == expected) return "";
  std::string out = what + " differ:\n";
  for (const std::string& line : got) {
    if (std::find(expected.begin(), expected.end(), line) == expected.end()) out += "  the store has  " + line + "\n";
  }
  for (const std::string& line : expected) {
    if (std::find(got.begin(), got.end(), line) == got.end()) out += "  the log says   " + line + "\n";
  }
  return out;
}

}  // namespace

Simulation::Simulation(std::uint64_t seed) : seed_(seed), random_(seed), next_seed_(seed * 1'000'003 + 1) {
  options_.id_window = static_cast<std::int64_t>(below(3) == 0 ? 1 + below(5) : 10 + below(60));
  options_.max_batch_records = 1 + below(one_in(2) ? 5 : 60);
  options_.max_poll_records = 1 + below(20);
  if (one_in(2)) options_.fill_within = {};
  options_.stop_above = 1;
  memory::MemoryOptions store_options;
  store_options.domains = one_in(3) ? 2 + static_cast<std::uint32_t>(below(3)) : 1;
  store_options.row_watermarks = store_options.domains == 1 && one_in(2);
  options_.exact_ids = store_options.domains == 1 && !store_options.row_watermarks && one_in(2);
  store_ = std::make_unique<memory::MemoryStore>(views_, store_options);
  store_->set_reject_hook(is_poison);
  set_faults();
  const auto count = static_cast<std::int32_t>(1 + below(3));
  for (std::int32_t p = 0; p < count; ++p) partitions_.push_back({"t", p});
  next_id_.resize(partitions_.size());
  fault_one_in_ = one_in(3) ? 0 : 5 + below(60);
}

// The store fails now and then at any step, and for a while altogether.
void Simulation::set_faults() {
  store_->set_fault_hook([this](memory::Step, std::uint32_t) {
    if (store_away_) return memory::Fault::unavailable;
    return fault_one_in_ > 0 && one_in(fault_one_in_) ? memory::Fault::unavailable : memory::Fault::none;
  });
  letters_.failing = [this] { return fault_one_in_ > 0 && one_in(fault_one_in_); };
}

void Simulation::produce() {
  const std::size_t p = below(partitions_.size());
  const TopicPartition& partition = partitions_[p];
  if (one_in(15)) {
    broker_.control_records(partition, static_cast<std::int64_t>(1 + below(4)));
    return;
  }
  // Keys stay in their partition, as the order of their events needs; the total adds over all.
  const std::string key = "p" + std::to_string(p) + "k" + std::to_string(below(4));
  std::string id;
  if (!one_in(6)) {
    const std::size_t reach = options_.exact_ids ? 200 : static_cast<std::size_t>(options_.id_window) + 8;
    const int back = one_in(4) ? 1 + static_cast<int>(below(reach)) : 0;
    // An exact ID is one event, whichever partition it comes through.
    id = (options_.exact_ids ? "p" + std::to_string(p) + "e" : "e") +
         std::to_string(back > 0 && next_id_[p] > back ? next_id_[p] - back : next_id_[p]++);
  }
  static constexpr const char* kTypes[] = {"set", "add", "add", "add", "del", "max", "addm", "setm", "nop", "skip"};
  static constexpr const char* kBad[] = {"bad", "reject", "poison", "mix"};
  const std::string type = one_in(12) ? kBad[below(4)] : kTypes[below(10)];
  broker_.append(partition, (one_in(40) ? "!" : "") + id + "|" + type + "|" + key + "|" + std::to_string(1 + below(9)));
}

std::unique_ptr<LaneHarness> Simulation::make_worker(const std::vector<TopicPartition>& partitions) {
  std::vector<AssignedPartition> assigned;
  for (const TopicPartition& partition : partitions) assigned.push_back({partition, 0, false});
  options_.seed = ++next_seed_;
  options_.max_batch_records = 1 + below(one_in(2) ? 5 : 60);  // each worker cuts elsewhere
  auto h = std::make_unique<LaneHarness>(broker_, *store_, letters_, views_, assigned, options_);
  h->log.max_per_slot = 1 + below(10);
  h->lane->assign(h->partitions, now_);
  return h;
}

void Simulation::collect(const Worker& worker) {
  const LaneStats& stats = worker.h->stats;
  tally.events += stats.events;
  tally.duplicates += stats.duplicates;
  tally.store_letters += stats.letters_store;
  tally.fenced += stats.fenced;
  tally.rewinds += stats.rewinds;
  tally.retries += stats.retries;
  tally.halvings += stats.halvings;
  tally.refolds += stats.refolds;
  tally.cuts += stats.batch_cuts;
}

void Simulation::step(Worker& worker) {
  worker.h->lane->step(now_);
  if (worker.zombie || worker.h->lane->state() != LaneState::fenced || !one_in(3)) return;
  // Fenced: it leaves the group and joins again, a new assignment follows.
  worker.h->lane->revoke(now_);
  worker.h->lane->assign(worker.h->partitions, now_);
}

void Simulation::run_job(Worker& worker) {
  if (worker.h->executor.run_one() && worker.zombie) ++tally.late_jobs;
}

// Killed at any instruction: what it had sent may still arrive.
void Simulation::crash(std::size_t index) {
  ++tally.crashes;
  Worker dead = std::move(workers_[index]);
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
  dead.zombie = true;
  graveyard_.push_back(std::move(dead));
}

// Partitions are dealt anew: some workers hear of it, some become zombies, some die.
void Simulation::rebalance() {
  ++tally.rebalances;
  for (Worker& worker : workers_) {
    if (worker.zombie) continue;
    if (one_in(3)) {
      ++tally.zombies;
      worker.zombie = true;
      continue;
    }
    if (one_in(2)) {
      worker.h->lane->drain(now_);
      for (std::size_t i = below(10); i > 0; --i) {
        worker.h->lane->step(now_);
        if (one_in(2)) run_job(worker);
      }
    }
    worker.h->lane->revoke(now_);
    worker.zombie = true;  // its harness stays for its last job; the partitions are new workers'
  }
  while (workers_.size() > 6) crash(below(workers_.size()));
  std::vector<std::vector<TopicPartition>> dealt(1 + below(partitions_.size()));
  for (const TopicPartition& partition : partitions_) dealt[below(dealt.size())].push_back(partition);
  for (const auto& share : dealt) {
    if (!share.empty()) workers_.push_back({make_worker(share), false});
  }
}

// To a replica that is a little behind: whatever was committed since is gone, with its checkpoints. Not with row watermarks: there a
// zombie's late rows would leap over what went, so such a store stops the projection when its history changed (G26).
void Simulation::failover() {
  if (snapshots_.empty() || store_->traits().row_watermarks) return;
  ++tally.failovers;
  store_->restore(snapshots_[below(snapshots_.size())]);
  snapshots_.clear();
}

void Simulation::act(std::uint32_t what) {
  if (what < 300) {
    produce();
  } else if (what < 640) {
    if (!workers_.empty()) step(workers_[below(workers_.size())]);
  } else if (what < 900) {
    if (!workers_.empty()) run_job(workers_[below(workers_.size())]);
  } else if (what < 930) {
    now_ += std::chrono::milliseconds(below(3000));
  } else if (what < 945) {
    if (!graveyard_.empty()) run_job(graveyard_[below(graveyard_.size())]);
  } else if (what < 955) {
    if (snapshots_.size() < 3) snapshots_.push_back(store_->snapshot());
  } else if (what < 957) {
    failover();
  } else if (what < 965) {
    store_away_ = !store_away_ && one_in(2);
  } else if (what < 972) {
    if (!workers_.empty()) crash(below(workers_.size()));
  } else if (what < 985) {
    rebalance();
  } else if (what < 989) {
    if (!workers_.empty()) workers_[below(workers_.size())].h->lane->distrust_log();
  }
}

std::string_view name_of(const SimulationAction& action) {
  static constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {300, "produce"},
      {640, "step"},
      {900, "run a job"},
      {930, "time passes"},
      {945, "a dead worker's job"},
      {955, "a snapshot"},
      {957, "failover"},
      {965, "the store goes or comes"},
      {972, "crash"},
      {985, "rebalance"},
  };
  for (const auto& [below, name] : kNames) {
    if (action.what < below) return name;
  }
  return "nothing";
}

void Simulation::run() {
  std::mt19937_64 random(seed_ * 7'919 + 3);
  SimulationHistory actions(100 + random() % 1500);
  for (SimulationAction& action : actions) action = {static_cast<std::uint32_t>(random() % 1000), random()};
  run(actions);
}

void Simulation::run(const SimulationHistory& actions) {
  history_ = actions;
  rebalance();
  for (std::size_t i = 0; i < actions.size() && broken_.empty(); ++i) {
    random_.seed(actions[i].seed);
    act(actions[i].what);
    if (actions[i].seed % kLookOneIn != 0) continue;
    broken_ = invariant();
    if (!broken_.empty()) broken_ = "after action " + std::to_string(i) + ": " + broken_;
  }
  random_.seed(seed_);
  if (broken_.empty()) finish();
}

// At any moment, whatever is under way: a store whose batches are atomic holds the fold of the log up to its checkpoints, and every
// letter of what lies before them is written (G1, G28).
std::string Simulation::invariant() const {
  const SinkTraits traits = store_->traits();
  if (traits.domains > 1 || traits.row_watermarks) return "";
  std::map<TopicPartition, std::int64_t> ends;
  for (const auto& [partition, stored] : store_->snapshot().partitions) ends[partition] = stored.checkpoints[0].next_offset;
  const ExpectedState expected = ExpectedState::of(broker_, partitions_, window(), &ends);
  std::string out = difference("rows", sorted(store_->dump(0)), sorted(expected.dump_rows()));
  out += difference("totals", store_->dump(1), expected.dump_totals());
  const std::set<std::string> written = letters_.ids();
  for (const std::string& letter : expected.letters) {
    if (!written.contains(letter)) out += "the letter " + letter + " is missing\n";
  }
  return out;
}

SimulationHistory shortest_failure(std::uint64_t seed, SimulationHistory failing) {
  const auto fails = [seed](const SimulationHistory& actions) {
    Simulation simulation(seed);
    simulation.run(actions);
    return !simulation.verdict().empty();
  };
  for (std::size_t size = failing.size() / 2; size > 0; size /= 2) {
    for (std::size_t from = 0; from < failing.size();) {
      SimulationHistory without = failing;
      const auto begin = without.begin() + static_cast<std::ptrdiff_t>(from);
      without.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, failing.size() - from)));
      if (fails(without)) {
        failing = std::move(without);
      } else {
        from += size;
      }
    }
  }
  return failing;
}

// All heals, one last worker takes everything; zombies go on a little, late jobs still arrive.
void Simulation::finish() {
  store_away_ = false;
  fault_one_in_ = 0;
  for (Worker& worker : workers_) worker.zombie = true;
  workers_.push_back({make_worker(partitions_), false});
  for (int round = 0; round < 4000; ++round) {
    Worker& last = workers_.back();
    step(last);
    run_job(last);
    if (round < 200) {
      Worker& other = workers_[below(workers_.size())];
      step(other);
      run_job(other);
      if (!graveyard_.empty()) run_job(graveyard_[below(graveyard_.size())]);
    }
    now_ += std::chrono::milliseconds(20);
  }
  for (const Worker& worker : workers_) collect(worker);
  for (const Worker& worker : graveyard_) collect(worker);
}

std::string Simulation::verdict() const {
  if (!broken_.empty()) return broken_;
  const ExpectedState expected = ExpectedState::of(broker_, partitions_, window());
  std::string out = difference("rows", sorted(store_->dump(0)), sorted(expected.dump_rows()));
  out += difference("totals", store_->dump(1), expected.dump_totals());
  const auto lines = [](const std::set<std::string>& s) { return std::vector<std::string>(s.begin(), s.end()); };
  out += difference("letters", lines(letters_.ids()), lines(expected.letters));
  const auto checkpoints = store_->checkpoints();
  for (const TopicPartition& partition : partitions_) {
    const auto found =
        std::find_if(checkpoints->begin(), checkpoints->end(), [&](const auto& c) { return c.topic_partition == partition; });
    const std::int64_t at = found == checkpoints->end() ? -1 : found->checkpoint.next_offset;
    const std::int64_t end = broker_.partition(partition).high;
    if (at != end)
      out += partition.to_string() + ": the checkpoint is at " + std::to_string(at) + ", the log's end at " + std::to_string(end) + "\n";
  }
  if (workers_.back().h->lane->state() != LaneState::running)
    out += "the last worker: " + workers_.back().h->lane->status().describe() + "\n";
  return out;
}

}  // namespace foldline::testing
