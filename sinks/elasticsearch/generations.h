// Which generations of a projection there are: one document of the index behind `foldline-checkpoints`, _id "PROJECTION:generations".
//
//   auto document = *read_generations(cluster, "orders");
//   if (const GenerationRecord* live = document.live()) ...
//
// It is changed under its seq_no only, so whoever changes it has seen what it changes. A generation goes
// building → switching → live → retired → dropped. `switching` is the point of no return: from then on it is the live one for everybody
// who starts, and the first of them finishes the switch (switch.h). The document names every index that a generation has, so that a drop
// finds also those of views that the file no longer has.
//
// Projections from before this document: generation 1 is live, if it has checkpoints; take_over() finds its indices.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/elasticsearch/cluster.h"
#include "sinks/elasticsearch/layout.h"
#include "sinks/sink.h"

namespace foldline::elasticsearch {

inline constexpr int kStateAttempts = 20;  // of a change, while others change the document too

enum class Phase : std::uint8_t {
  building,
  switching,  // decided, and not everywhere carried out: Store::generations() calls it building
  live,
  retired,
  dropped,
};

// Where a view of a generation stands.
struct ViewPlace {
  std::string alias;  // "orders": what people read, once it is live
  std::string index;  // "orders-g2"
  friend bool operator==(const ViewPlace&, const ViewPlace&) = default;
};

struct GenerationRecord {
  std::int64_t number = 0;
  Phase phase = Phase::building;
  bool dropping = false;  // a drop has begun: nothing but the drop may go on with it
  std::vector<ViewPlace> views;
};

struct GenerationsDocument {
  bool exists = false;
  std::vector<GenerationRecord> generations;  // by number
  std::int64_t seq_no = -1;
  std::int64_t primary_term = 0;

  GenerationRecord* find(std::int64_t number);
  // Whom a worker serves: the one that is switching, else the live one; null: none yet.
  [[nodiscard]] const GenerationRecord* live() const;
};

// Empty where nothing was prepared yet.
Result<GenerationsDocument> read_generations(Cluster& cluster, const std::string& projection);

// Reads, lets `change` change it, writes if that says true; again when somebody else was faster. Answers what stands there then. An answer
// that is lost is an error to be tried again: `change` has to find its own work done.
using GenerationsChange = std::function<Result<bool>(GenerationsDocument&)>;
Result<GenerationsDocument> change_generations(Cluster& cluster, const std::string& projection, const GenerationsChange& change);

// Makes the record of generation 1 as an older Foldline left it, if `document` does not exist and there is one. `layouts` are the views
// of today's file: their indices count where they are there.
Result<void> take_over(Cluster& cluster, const std::string& projection, std::span<const ViewLayout> layouts, GenerationsDocument& document);

// An error of code superseded unless the generation is what this store was opened for: building (or switching), or live.
Result<void> check_state(Cluster& cluster, const ProjectionId& id, bool building);

// 2 of "orders" and "orders-g2"; nothing where the index is no generation of that view's.
std::optional<std::int64_t> generation_of(std::string_view alias, std::string_view index);

}  // namespace foldline::elasticsearch
