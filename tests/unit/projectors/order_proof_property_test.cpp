// What the order proof accepts must be true: random views over random topics, and a fold of a few lines that knows nothing of the proof.
// The events of each partition keep their order, the partitions are interleaved at random, and every interleaving must end in the same
// rows. The seed is printed; ORDER_PROOF_SEED repeats a run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "config/projection_file.h"
#include "projectors/declarative/order_proof.h"

namespace foldline::declarative {
namespace {

constexpr int kFields = 3;
constexpr int kTypes = 3;
constexpr int kViews = 2'000;
constexpr int kHistories = 12;  // of each view
constexpr int kEvents = 7;      // of each history
constexpr int kInterleavings = 4;

using Random = std::mt19937;
int pick(Random& random, int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); }
bool chance(Random& random, int percent) { return pick(random, 100) < percent; }

struct Operation {
  std::string word;  // set add min max
  int field = 0;
};

struct Clause {
  std::vector<Operation> operations;
  bool erase = false;
  bool other_key = false;  // keyed by data.j instead of data.k
};

struct View {
  std::vector<std::vector<Clause>> types;  // by type
  bool newest = false;
  bool has_delete = false;
  int topics = 1;
  bool keyed[2] = {true, true};           // does the topic's record key hold data.k?
  std::vector<std::vector<bool>> stands;  // [type][topic], as `events` says
  bool lists_events = false;
};

struct Event {
  int type = 0, topic = 0, partition = 0;
  int k = 0, j = 0, value = 0, version = 0, id = 0;
};

// ---- making

Clause make_clause(Random& random, const View& view) {
  Clause clause;
  clause.other_key = chance(random, 10);
  if (chance(random, 12)) {
    clause.erase = true;
    return clause;
  }
  const char* const words[] = {"set", "add", "min", "max"};
  for (int field = 0; field < kFields; ++field) {
    if (!chance(random, 40)) continue;
    // A field of a guarded view changes in one way only: the loader refuses the rest.
    const std::string word = view.newest ? (field == 0 ? "add" : "set") : words[chance(random, 50) ? field : pick(random, 4)];
    clause.operations.push_back({word, field});
  }
  return clause;
}

View make_view(Random& random) {
  View view;
  view.newest = chance(random, 25);
  view.topics = 1 + pick(random, 2);
  view.lists_events = view.topics == 2 && chance(random, 60);
  for (bool& keyed : view.keyed) keyed = chance(random, 80);
  for (int type = 0; type < kTypes; ++type) {
    std::vector<Clause> clauses;
    for (int i = 0, n = chance(random, 20) ? 2 : 1; i < n; ++i) clauses.push_back(make_clause(random, view));
    for (const Clause& clause : clauses) view.has_delete = view.has_delete || clause.erase;
    view.types.push_back(clauses);
    std::vector<bool> stands(2, !view.lists_events);
    if (view.lists_events) stands[static_cast<std::size_t>(pick(random, 2))] = true;
    if (view.topics == 1) stands = {true, false};
    view.stands.push_back(stands);
  }
  return view;
}

std::string yaml_of(const View& view) {
  std::ostringstream out;
  out << "projection: p\nstore: {memory: {}}\nkafka: {brokers: b}\nsource:\n";
  for (int topic = 0; topic < view.topics; ++topic) {
    out << "  - {topics: topic" << topic << ", envelope: flat" << (view.keyed[topic] ? ", partition_key: data.k" : "");
    if (view.lists_events) {
      out << ", events: {x" << topic << ": {}";
      for (int type = 0; type < kTypes; ++type) {
        if (view.stands[static_cast<std::size_t>(type)][static_cast<std::size_t>(topic)]) out << ", t" << type << ": {}";
      }
      out << "}";
    }
    out << "}\n";
  }
  out << "views:\n  v:\n    key: {k: int}\n    fields: {f0: int, f1: int, f2: int}\n";
  if (view.newest) out << "    newest_by: data.version\n    soft_delete: gone\n";
  out << "    on_event:\n";
  for (int type = 0; type < kTypes; ++type) {
    out << "      t" << type << ":\n";
    for (const Clause& clause : view.types[static_cast<std::size_t>(type)]) {
      out << "        - {" << (clause.other_key ? "key: {k: data.j}, " : "");
      if (clause.erase) {
        out << "delete: true}\n";
        continue;
      }
      std::map<std::string, std::string> by_word;
      by_word["set"];  // `set: {}` makes the row
      for (const Operation& o : clause.operations) {
        std::string& fields = by_word[o.word];
        fields += (fields.empty() ? "f" : ", f") + std::to_string(o.field) + ": data.value";
      }
      std::string body;
      for (const auto& [word, fields] : by_word) body += (body.empty() ? "" : ", ") + word + ": {" + fields + "}";
      out << body << "}\n";
    }
  }
  return out.str();
}

std::vector<Event> make_history(Random& random, const View& view) {
  std::vector<Event> out;
  for (int i = 0; i < kEvents; ++i) {
    Event e;
    e.type = pick(random, kTypes);
    do e.topic = pick(random, view.topics);
    while (!view.stands[static_cast<std::size_t>(e.type)][static_cast<std::size_t>(e.topic)]);
    e.k = pick(random, 2);
    e.j = pick(random, 2);
    e.partition = view.keyed[e.topic] ? e.k : pick(random, 2);
    e.value = pick(random, 4);
    e.version = pick(random, 4);
    e.id = i;
    out.push_back(e);
  }
  return out;
}

// Every partition in its own order, one of them chosen at each step.
std::vector<Event> interleave(Random& random, const std::vector<Event>& history) {
  std::map<std::pair<int, int>, std::vector<Event>> partitions;
  for (const Event& e : history) partitions[{e.topic, e.partition}].push_back(e);
  std::vector<std::vector<Event>> queues;
  for (auto& [where, events] : partitions) queues.push_back(events);
  std::vector<Event> out;
  while (out.size() < history.size()) {
    auto& queue = queues[static_cast<std::size_t>(pick(random, static_cast<int>(queues.size())))];
    if (queue.empty()) continue;
    out.push_back(queue.front());
    queue.erase(queue.begin());
  }
  return out;
}

// ---- folding, as the language says it, one event by one

using Stamp = std::pair<int, int>;  // version, id
constexpr Stamp kNever = {-1, -1};

struct Row {
  std::optional<int> fields[kFields];
  Stamp guards[kFields] = {kNever, kNever, kNever};
  Stamp alive = kNever, deleted = kNever;  // guarded views: the newest event that was no delete, the newest delete
};

void apply(Row& row, const Operation& operation, int value, bool guarded, const Stamp& stamp) {
  std::optional<int>& field = row.fields[operation.field];
  if (operation.word == "add") {
    field = field.value_or(0) + value;
  } else if (operation.word == "min") {
    field = std::min(field.value_or(value), value);
  } else if (operation.word == "max") {
    field = std::max(field.value_or(value), value);
  } else if (!guarded || stamp > row.guards[operation.field]) {
    field = value;
    row.guards[operation.field] = stamp;
  }
}

std::string fold(const View& view, const std::vector<Event>& events) {
  std::map<int, Row> rows;
  for (const Event& e : events) {
    for (const Clause& clause : view.types[static_cast<std::size_t>(e.type)]) {
      const int key = clause.other_key ? e.j : e.k;
      const Stamp stamp = {e.version, e.id};
      if (clause.erase && !view.newest) {
        rows.erase(key);
      } else if (clause.erase) {
        Row& row = rows[key];
        row.deleted = std::max(row.deleted, stamp);
        for (int f = 0; f < kFields; ++f) {
          if (row.deleted > row.alive && row.guards[f] == kNever) row.fields[f].reset();  // sums start anew
        }
      } else {
        Row& row = rows[key];
        row.alive = std::max(row.alive, stamp);
        for (const Operation& operation : clause.operations) apply(row, operation, e.value, view.newest, stamp);
      }
    }
  }
  std::ostringstream out;
  for (const auto& [key, row] : rows) {
    if (view.newest && row.alive < row.deleted) continue;
    out << key << ":";
    for (int f = 0; f < kFields; ++f) {
      // What was set before the newest delete is gone (G11).
      const bool gone = view.newest && row.guards[f] != kNever && row.guards[f] < row.deleted;
      out << " " << (row.fields[f] && !gone ? std::to_string(*row.fields[f]) : "-");
    }
    out << "\n";
  }
  return out.str();
}

KeyOrigin origin_of(const std::string& text) {
  if (text.rfind("data.", 0) == 0) return {expr::Path{expr::Root::value, {text.substr(5)}, 0}, text};
  return {std::nullopt, text};
}

TEST(OrderProofProperty, WhatIsProvenHoldsInEveryInterleaving) {
  const char* given = std::getenv("ORDER_PROOF_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::cout << "ORDER_PROOF_SEED=" << seed << "\n";
  Random random(seed);
  int proven_views = 0;
  int refused_views = 0;
  int refused_rightly = 0;  // a counter-example was found
  for (int v = 0; v < kViews; ++v) {
    const View view = make_view(random);
    const std::string yaml = yaml_of(view);
    config::Diagnostics diagnostics;
    const auto file = config::load_projection_text(yaml, "p.yaml", {"", [](const std::string&) { return std::nullopt; }}, diagnostics);
    ASSERT_TRUE(file) << diagnostics.to_string();
    const auto facts = order_facts(*file, [](std::size_t, const config::ExprText& e) { return origin_of(e.text); });
    const auto proofs = prove_order(*file, facts, diagnostics);
    const bool proven = !diagnostics.has_errors();
    bool differs = false;
    for (int h = 0; h < kHistories; ++h) {
      const std::vector<Event> history = make_history(random, view);
      const std::string expected = fold(view, interleave(random, history));
      for (int i = 1; i < kInterleavings; ++i) {
        const std::string other = fold(view, interleave(random, history));
        differs = differs || other != expected;
        if (proven) {
          ASSERT_EQ(other, expected) << yaml << proofs[0];
        }
      }
    }
    ++(proven ? proven_views : refused_views);
    if (!proven && differs) ++refused_rightly;
  }
  std::cout << proven_views << " proven, " << refused_views << " refused, of these " << refused_rightly << " with a counter-example\n";
  EXPECT_GT(proven_views, kViews / 20);
  EXPECT_GT(refused_rightly, refused_views / 2);
}

}  // namespace
}  // namespace foldline::declarative
