// What the types of a view's events do to its rows, and which of them clash. The order proof stands on this.
//
//   ViewEffects effects = effects_of(view);
//   if (effects.sensitive.empty()) ...   // every operation commutes
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/projection_file.h"

namespace foldline::declarative {

// One type (or pattern) of a view's on_event, with what all its clauses do together.
struct TypeEffects {
  std::string type;
  std::size_t entry = 0;  // of on_event
  config::Location at;
  std::map<std::string, std::set<std::string>> fields;  // field → operations: set (also copy, patch), add, min, max
  bool makes_row = false;                               // any operation but delete
  bool erases = false;
};

struct ViewEffects {
  std::vector<TypeEffects> types;
  std::vector<std::size_t> sensitive;  // indexes of `types` whose effect depends on the order
  std::set<std::string> unguarded;     // order-sensitive operations that newest_by does not govern: "add total"
  bool erases = false;                 // some clause does
};

ViewEffects effects_of(const config::ViewSpec& view);

// Of one clause alone: a type may have one clause that sets and another that only adds elsewhere, under another key.
bool is_sensitive(const config::ViewSpec& view, const config::ClauseSpec& clause, const ViewEffects& effects);

// Can an event of one and an event of the other on the same row end differently in the two orders?
bool clash(const TypeEffects& a, const TypeEffects& b);

// "set status, shipped_at; add total", "delete"
std::string describe(const TypeEffects& effects);

}  // namespace foldline::declarative
