// What lint proves about order (the contract, "The same result"): a view's rows must not depend on how the events of several partitions
// happened to interleave. Commutative operations need no proof; every other view needs one of
//   (a) one partition   the row's events that can clash come through one partition of one topic
//   (b) one event a row the key holds the event's ID or its position
//   (c) newest_by       each field keeps its newest value, whatever arrives last
//   (d) cross_partition the owner vouches (`never`) or accepts that the last to arrive wins (`arrival_order`)
//
//   OrderFacts facts = order_facts(file, [&](std::size_t source, const config::ExprText& e) { return KeyOrigin{path_of(source, e), e.text};
//   }); std::vector<std::string> proofs = prove_order(file, facts, diagnostics);   // one text a view; what is not proven is an error
//
// Stricter than "add, min and max commute" in two places, because they do not there: on a field that another clause sets or changes
// by another operation, and in a view that deletes rows.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/expr/expr.h"
#include "config/diagnostics.h"
#include "config/projection_file.h"

namespace foldline::declarative {

// Where the value of a key part comes from, in one source. Two origins are the same when their paths are, or, where an expression is
// more than a path, when their texts are (blanks aside).
struct KeyOrigin {
  std::optional<expr::Path> path;
  std::string text;
};
bool same_origin(const KeyOrigin& a, const KeyOrigin& b);

// The sort of order_facts()' answer: facts by source, and by clause.
struct OrderFacts {
  struct Clause {
    std::vector<std::vector<KeyOrigin>> key;  // [source][part], parts as the view's
  };
  struct View {
    std::vector<std::vector<Clause>> clauses;  // [entry of on_event][clause]
  };
  std::vector<std::optional<KeyOrigin>> partition_keys;  // [source]
  std::vector<View> views;                               // as the file's
};

// Asks `origin_of` for every key part of every clause, in every source. A part without `from` is `data.NAME`.
OrderFacts order_facts(const config::ProjectionFile& file,
                       const std::function<KeyOrigin(std::size_t source, const config::ExprText&)>& origin_of);

// One text a view, for `lint --explain VIEW`. A view whose order is not proven is an error that says what was tried and what would help.
std::vector<std::string> prove_order(const config::ProjectionFile& file, const OrderFacts& facts, config::Diagnostics& diagnostics);

}  // namespace foldline::declarative
