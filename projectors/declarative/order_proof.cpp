#include "projectors/declarative/order_proof.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/record.h"
#include "config/pattern.h"
#include "projectors/declarative/order_effects.h"

namespace foldline::declarative {
namespace {

using config::ProjectionFile;
using config::ViewSpec;

constexpr std::size_t kListedTopics = 3;  // in a message

std::string without_blanks(std::string_view text) {
  std::string out;
  char quote = '\0';
  for (const char c : text) {
    if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    }
    if (quote != '\0' || (c != ' ' && c != '\t' && c != '\n')) out += c;
  }
  return out;
}

bool is_attribute(const KeyOrigin& origin, AttributeSlot slot) {
  return origin.path && origin.path->root == expr::Root::attribute && origin.path->attribute == slot;
}

bool is_record_key(const KeyOrigin& origin) {
  if (is_attribute(origin, kSlotRecordKey)) return true;
  return origin.path && origin.path->root == expr::Root::key && origin.path->keys.empty();
}

// A topic of the file; a pattern stands for many.
struct Topic {
  std::size_t source = 0;
  std::string name;
  auto operator<=>(const Topic&) const = default;
};

std::set<Topic> topics_of(const ProjectionFile& file, std::size_t source) {
  std::set<Topic> out;
  for (const config::Named& topic : file.sources[source].topics) out.insert({source, topic.name});
  return out;
}

// Where a type may stand: in the topic of that name, or in those whose source lists it under `events`; else in any.
std::set<Topic> topics_of_type(const ProjectionFile& file, const std::string& type) {
  std::set<Topic> named;
  std::set<Topic> listed;
  std::set<Topic> all;
  for (std::size_t s = 0; s < file.sources.size(); ++s) {
    const std::set<Topic> here = topics_of(file, s);
    all.insert(here.begin(), here.end());
    if (here.count({s, type}) > 0 && !config::is_pattern(type)) named.insert({s, type});
    const auto& types = file.sources[s].event_types;
    const bool lists = std::any_of(types.begin(), types.end(), [&](const config::Named& t) { return t.name == type; });
    if (lists) listed.insert(here.begin(), here.end());
  }
  if (!named.empty()) return named;
  return listed.empty() ? all : listed;
}

bool is_one(const std::set<Topic>& topics) { return topics.size() == 1 && !config::is_pattern(topics.begin()->name); }

std::string listed(const std::set<Topic>& topics) {
  std::string out;
  std::size_t count = 0;
  for (const Topic& topic : topics) {
    if (count++ == kListedTopics) return out + " and others";
    out += (out.empty() ? "" : ", ") + topic.name;
  }
  return out;
}

struct Attempt {
  bool proven = false;
  std::string text;  // why, or why not
};

class ViewProof {
 public:
  ViewProof(const ProjectionFile& file, const OrderFacts& facts, std::size_t view)
      : file_(file), facts_(facts), view_(file.views[view]), view_facts_(facts.views[view]), effects_(effects_of(view_)) {
    for (const TypeEffects& type : effects_.types) topics_.push_back(topics_of_type(file, type.type));
  }

  std::string run(config::Diagnostics& diagnostics) {
    std::string head = view_.name + ": ";
    if (effects_.sensitive.empty()) return head + "proven: every operation gives the same result in any order\n" + effects(false);
    head += "its rows depend on the order of their events\n" + effects(true);
    if (view_.cross_partition == config::CrossPartition::never) {
      return head + "  proven by (d) cross_partition: never: the owner vouches that all events of a row come through one partition\n";
    }
    if (view_.cross_partition == config::CrossPartition::arrival_order) {
      return head +
             "  accepted by (d) cross_partition: arrival_order: where a row's events come through several partitions, the last to arrive "
             "wins\n";
    }
    std::string proofs;
    std::string tried;
    for (const Attempt& attempt : {one_partition(), one_event_a_row(), newest()}) {
      if (attempt.proven) proofs += (proofs.empty() ? "  proven by " : "  and by ") + attempt.text + "\n";
      if (!attempt.proven) tried += "  not by " + attempt.text + "\n";
    }
    if (!proofs.empty()) return head + proofs;
    report(tried, diagnostics);
    return head + "  not proven\n" + tried;
  }

 private:
  [[nodiscard]] std::string effects(bool sensitive_only) const {
    std::string out;
    for (std::size_t i = 0; i < effects_.types.size(); ++i) {
      const bool sensitive = std::find(effects_.sensitive.begin(), effects_.sensitive.end(), i) != effects_.sensitive.end();
      if (sensitive_only && !sensitive) continue;
      const TypeEffects& type = effects_.types[i];
      out += "  line " + std::to_string(type.at.line) + ": " + type.type + ": " + describe(type) + "\n";
    }
    return out;
  }

  // Types that can clash, directly or through others, so that one partition must hold them all.
  [[nodiscard]] std::vector<std::vector<std::size_t>> groups() const {
    std::vector<std::vector<std::size_t>> out;
    std::set<std::size_t> done;
    for (const std::size_t start : effects_.sensitive) {
      if (!done.insert(start).second) continue;
      std::vector<std::size_t> group = {start};
      for (std::size_t next = 0; next < group.size(); ++next) {
        for (const std::size_t other : effects_.sensitive) {
          if (done.count(other) == 0 && clash(effects_.types[group[next]], effects_.types[other])) {
            done.insert(other);
            group.push_back(other);
          }
        }
      }
      out.push_back(std::move(group));
    }
    return out;
  }

  [[nodiscard]] Attempt one_partition() const {
    std::set<std::string> reasons;
    for (const std::vector<std::size_t>& group : groups()) {
      Attempt attempt = group_in_one_partition(group);
      if (!attempt.proven) return attempt;
      reasons.insert(attempt.text);
    }
    std::string text;
    for (const std::string& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
    return {true, "(a) one partition: " + text};
  }

  [[nodiscard]] Attempt group_in_one_partition(const std::vector<std::size_t>& group) const {
    std::set<Topic> topics;
    std::string names;
    for (const std::size_t type : group) {
      topics.insert(topics_[type].begin(), topics_[type].end());
      names += (names.empty() ? "" : ", ") + effects_.types[type].type;
    }
    if (!is_one(topics)) {
      return {false, "(a) one partition: events of " + names + " that change the same fields may stand in several topics (" +
                         listed(topics) + ")"};
    }
    const Topic& topic = *topics.begin();
    const std::optional<KeyOrigin>& partition_key = facts_.partition_keys[topic.source];
    for (std::size_t part = 0; part < view_.key.size(); ++part) {
      if (partition_key && all_parts(group, topic.source, part, [&](const KeyOrigin& o) { return same_origin(o, *partition_key); })) {
        return {true, "the key part `" + view_.key[part].name + "` is the partition_key `" + partition_key->text + "` of the topic " +
                          topic.name};
      }
      if (all_parts(group, topic.source, part, is_record_key)) {
        return {true, "the key part `" + view_.key[part].name + "` is the record's key in the topic " + topic.name};
      }
    }
    const std::string of = partition_key ? "the partition_key `" + partition_key->text + "` of the topic " + topic.name
                                         : "the record's key (the source of the topic " + topic.name + " states no partition_key)";
    return {false, "(a) one partition: no part of the key is " + of + " in every clause of " + names};
  }

  // Does `accept` hold of the key part in every order-sensitive clause of the types?
  template <class Accept>
  [[nodiscard]] bool all_parts(const std::vector<std::size_t>& types, std::size_t source, std::size_t part, const Accept& accept) const {
    return std::all_of(types.begin(), types.end(), [&](std::size_t type) {
      const std::size_t entry = effects_.types[type].entry;
      const auto& specs = view_.on_event[entry].clauses;
      for (std::size_t c = 0; c < specs.size(); ++c) {
        if (is_sensitive(view_, specs[c], effects_) && !accept(view_facts_.clauses[entry][c].key[source][part])) return false;
      }
      return true;
    });
  }

  // Is there a part that is this attribute in every order-sensitive clause of every source that may hold it?
  [[nodiscard]] bool some_part_is(AttributeSlot slot) const {
    for (std::size_t part = 0; part < view_.key.size(); ++part) {
      const bool everywhere = std::all_of(effects_.sensitive.begin(), effects_.sensitive.end(), [&](std::size_t type) {
        return std::all_of(topics_[type].begin(), topics_[type].end(), [&](const Topic& topic) {
          return all_parts({type}, topic.source, part, [&](const KeyOrigin& o) { return is_attribute(o, slot); });
        });
      });
      if (everywhere) return true;
    }
    return false;
  }

  [[nodiscard]] Attempt one_event_a_row() const {
    if (some_part_is(kSlotId)) return {true, "(b) one event a row: the key holds the event's `id`"};
    if (some_part_is(kSlotRecordTopic) && some_part_is(kSlotRecordPartition) && some_part_is(kSlotRecordOffset)) {
      return {true, "(b) one event a row: the key holds record.topic, record.partition and record.offset"};
    }
    return {false, "(b) one event a row: the key holds neither `id` nor record.topic, record.partition and record.offset"};
  }

  [[nodiscard]] Attempt newest() const {
    if (!view_.newest_by) return {false, "(c) newest_by: the view has none"};
    if (effects_.unguarded.empty()) {
      return {true, "(c) newest_by `" + view_.newest_by->text + "`: each field keeps its newest value, ties go by event ID"};
    }
    std::string operations;
    for (const std::string& operation : effects_.unguarded) operations += (operations.empty() ? "" : ", ") + operation;
    return {false, "(c) newest_by: it does not govern " + operations};
  }

  void report(const std::string& tried, config::Diagnostics& diagnostics) const {
    diagnostics.error(view_.at, "the rows of `" + view_.name + "` depend on the order of their events, and that order is not proven",
                      "what depends on it:\n" + effects(true) + "tried:\n" + tried +
                          "one of these helps:\n"
                          "  (a) state at the source what the producer's record key holds (partition_key: data.order_id), and make it a\n"
                          "      part of the key; where there are several topics, list each one's types under its source's `events`\n"
                          "  (b) make `id` a part of the key: one row for each event\n"
                          "  (c) newest_by: time, at the view: the newest value of each field stays\n"
                          "  (d) cross_partition: never, if you know that all events of a row come through one partition; or\n"
                          "      cross_partition: arrival_order, if the last to arrive may win");
  }

  const ProjectionFile& file_;
  const OrderFacts& facts_;
  const ViewSpec& view_;
  const OrderFacts::View& view_facts_;
  ViewEffects effects_;
  std::vector<std::set<Topic>> topics_;  // as effects_.types
};

}  // namespace

bool same_origin(const KeyOrigin& a, const KeyOrigin& b) {
  if (a.path && b.path) return *a.path == *b.path;
  // A path never equals a longer expression. Two of those are the same when they are written alike: both see the same names.
  return !a.path && !b.path && without_blanks(a.text) == without_blanks(b.text);
}

OrderFacts order_facts(const ProjectionFile& file, const std::function<KeyOrigin(std::size_t source, const config::ExprText&)>& origin_of) {
  OrderFacts out;
  for (std::size_t s = 0; s < file.sources.size(); ++s) {
    const auto& key = file.sources[s].partition_key;
    out.partition_keys.push_back(key ? std::optional(origin_of(s, *key)) : std::nullopt);
  }
  const auto part_of = [&](std::size_t source, const config::ClauseSpec& clause, const config::KeyPartSpec& part) {
    for (const config::NamedExpr& own : clause.key) {
      if (own.name == part.name) return origin_of(source, own.expr);
    }
    return origin_of(source, part.from ? *part.from : config::ExprText{"data." + part.name, false, part.at});
  };
  for (const ViewSpec& view : file.views) {
    OrderFacts::View facts;
    for (const config::OnEventSpec& on : view.on_event) {
      std::vector<OrderFacts::Clause> clauses;
      for (const config::ClauseSpec& clause : on.clauses) {
        OrderFacts::Clause one;
        for (std::size_t s = 0; s < file.sources.size(); ++s) {
          std::vector<KeyOrigin> parts;
          for (const config::KeyPartSpec& part : view.key) parts.push_back(part_of(s, clause, part));
          one.key.push_back(std::move(parts));
        }
        clauses.push_back(std::move(one));
      }
      facts.clauses.push_back(std::move(clauses));
    }
    out.views.push_back(std::move(facts));
  }
  return out;
}

std::vector<std::string> prove_order(const ProjectionFile& file, const OrderFacts& facts, config::Diagnostics& diagnostics) {
  std::vector<std::string> proofs;
  for (std::size_t view = 0; view < file.views.size(); ++view) proofs.push_back(ViewProof(file, facts, view).run(diagnostics));
  return proofs;
}

}  // namespace foldline::declarative
