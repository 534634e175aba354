#include "projectors/declarative/order_effects.h"

#include <fmt/format.h>

#include <algorithm>

namespace foldline::declarative {
namespace {

using config::ClauseSpec;
using config::ViewSpec;

bool is_named(const ClauseSpec& clause, const std::string& field) {
  const auto named = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& n) { return n.name == field; });
  };
  return named(clause.copy) || named(clause.patch) || named(clause.set) || named(clause.add) || named(clause.min) || named(clause.max);
}

void collect(const ViewSpec& view, const ClauseSpec& clause, TypeEffects& out) {
  for (const auto& n : clause.copy) out.fields[n.name].insert("set");
  for (const auto& n : clause.patch) out.fields[n.name].insert("set");
  for (const auto& n : clause.set) out.fields[n.name].insert("set");
  for (const auto& n : clause.add) out.fields[n.name].insert("add");
  for (const auto& n : clause.min) out.fields[n.name].insert("min");
  for (const auto& n : clause.max) out.fields[n.name].insert("max");
  if (clause.patch_all) {
    for (const auto& field : view.fields) {
      const bool filled_by_delete = view.soft_delete && view.soft_delete->name == field.name;
      if (!is_named(clause, field.name) && !filled_by_delete) out.fields[field.name].insert("set");
    }
  }
  out.erases = out.erases || clause.erase;
  out.makes_row = out.makes_row || !clause.erase;
}

}  // namespace

bool clash(const TypeEffects& a, const TypeEffects& b) {
  if ((a.erases && (b.makes_row || b.erases)) || (b.erases && a.makes_row)) return true;
  for (const auto& [field, operations] : a.fields) {
    const auto other = b.fields.find(field);
    if (other == b.fields.end()) continue;
    std::set<std::string> together = operations;
    together.insert(other->second.begin(), other->second.end());
    if (together.size() > 1 || *together.begin() == "set") return true;
  }
  return false;
}

ViewEffects effects_of(const ViewSpec& view) {
  ViewEffects out;
  for (std::size_t entry = 0; entry < view.on_event.size(); ++entry) {
    for (const config::Named& type : view.on_event[entry].types) {
      TypeEffects effects;
      effects.type = type.name;
      effects.entry = entry;
      effects.at = type.at;
      for (const ClauseSpec& clause : view.on_event[entry].clauses) collect(view, clause, effects);
      out.erases = out.erases || effects.erases;
      out.types.push_back(std::move(effects));
    }
  }
  for (std::size_t i = 0; i < out.types.size(); ++i) {
    const TypeEffects& mine = out.types[i];
    const bool sensitive = std::any_of(out.types.begin(), out.types.end(), [&](const TypeEffects& other) { return clash(mine, other); });
    if (!sensitive) continue;
    out.sensitive.push_back(i);
    for (const auto& [field, operations] : mine.fields) {
      for (const std::string& operation : operations) {
        // Guards govern set, copy, patch and delete. A sum clashes where something else touches its field, or rows are deleted.
        if (operation == "set") continue;
        const bool shared = std::any_of(out.types.begin(), out.types.end(), [&, name = field](const TypeEffects& other) {
          const auto there = other.fields.find(name);
          return there != other.fields.end() && (there->second.size() > 1 || *there->second.begin() != operation);
        });
        if (shared || out.erases) out.unguarded.insert(fmt::format("{} {}", operation, field));
      }
    }
  }
  return out;
}

bool is_sensitive(const ViewSpec& view, const ClauseSpec& clause, const ViewEffects& effects) {
  TypeEffects alone;
  collect(view, clause, alone);
  return std::any_of(effects.types.begin(), effects.types.end(), [&](const TypeEffects& other) { return clash(alone, other); });
}

std::string describe(const TypeEffects& effects) {
  std::map<std::string, std::string> by_operation;
  for (const auto& [field, operations] : effects.fields) {
    for (const std::string& operation : operations) {
      std::string& listed = by_operation[operation];
      listed += (listed.empty() ? "" : ", ") + field;
    }
  }
  std::string out;
  for (const char* operation : {"set", "add", "min", "max"}) {
    const auto found = by_operation.find(operation);
    if (found != by_operation.end()) out += (out.empty() ? "" : "; ") + std::string(operation) + " " + found->second;
  }
  if (effects.erases) out += out.empty() ? "delete" : "; delete";
  return out.empty() ? "makes the row" : out;
}

}  // namespace foldline::declarative
