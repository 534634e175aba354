#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/big_endian.h"
#include "common/codec/decoder.h"
#include "common/same_text.h"
#include "projectors/declarative/compiled.h"
#include "projectors/declarative/plan.h"

namespace foldline::declarative {
namespace {

// Types that only patterns match are looked up once; a stream that makes up types must not fill the memory.
constexpr std::size_t kMaxCachedTypes = 4096;

// Of the types that came last; a power of two.
constexpr std::size_t kRecentTypes = 16;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct Run {
  const Event& event;
  Arena& arena;
  Arena& assignments;
  ChangeList& out;
  Error error;

  bool stop(Error why) {
    error = std::move(why);
    return false;
  }
};

bool convert_slot(Run& run, const ValuePlan& plan, Value& out) {
  Result<Value> converted = convert(run.event.slots[plan.slot], plan.type, run.arena);
  if (!converted) {
    return run.stop({converted.error().code, plan.text + ": " + converted.error().message, converted.error().hint, false});
  }
  out = *converted;
  return true;
}

// The value, converted to its type; absent: nothing there. False: run.error says why, without the place.
inline bool evaluate(Run& run, const ValuePlan& plan, Value& out) {
  switch (plan.from) {
    case ValuePlan::From::constant: out = plan.constant; return true;
    case ValuePlan::From::slot: {
      const Value& value = run.event.slots[plan.slot];
      if (!fits(value, plan.type.kind) && !value.is_absent()) return convert_slot(run, plan, out);
      out = value;
      return true;
    }
    case ValuePlan::From::program: break;
  }
  return plan.program.eval({run.event.slots, &run.arena}, out, run.error);
}

bool is_true(Run& run, const expr::Program& program, bool& out) {
  Value value;
  if (!program.eval({run.event.slots, &run.arena}, value, run.error)) return false;
  out = value.is(Kind::boolean) && value.as_bool();
  return true;
}

const Value* make_key(Run& run, const std::vector<KeyPartPlan>& parts) {
  auto* const key = run.arena.array<Value>(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!evaluate(run, parts[i].value, key[i])) {
      run.error.message = "key part " + parts[i].name + ": " + run.error.message;
      return nullptr;
    }
    if (key[i].is_absent() || key[i].is_null()) {
      run.stop({ErrorCode::expression,
                "key part " + parts[i].name + " is " + (key[i].is_null() ? "null" : "missing") + " (" + parts[i].value.text + ")",
                "every row needs its whole key; `when` can leave such events out", false});
      return nullptr;
    }
  }
  return key;
}

// The version as a number that memcmp orders (G10).
bool read_version(Run& run, const expr::Program& program, std::int64_t& out) {
  Value value;
  if (!program.eval({run.event.slots, &run.arena}, value, run.error)) return false;
  switch (value.kind()) {
    case Kind::integer:
    case Kind::timestamp: out = value.as_int(); return true;
    case Kind::decimal:
      if (const auto whole = value.as_decimal().to_int64()) {
        out = *whole;
        return true;
      }
      break;
    case Kind::text: {
      const std::string_view text = value.as_text();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
      if (error == std::errc{} && end == text.data() + text.size()) return true;
      if (const auto time = read_timestamp_us(text)) {
        out = *time;
        return true;
      }
      break;
    }
    default: break;
  }
  const std::string what = value.is_absent() ? "there is none" : describe(value) + " is neither a time nor a whole number";
  return run.stop({ErrorCode::expression, program.text() + ": " + what, "without a version nobody can tell which event is newer", false});
}

// Ties between events without an ID go by position, so that every reader of the log decides alike: topic/partition/offset, the offset
// with leading zeros, for of one partition the later record is the newer.
std::string_view tie_breaker(const Event& event, Arena& arena) {
  if (!event.id.empty()) return event.id;
  constexpr std::ptrdiff_t kOffsetDigits = 19;
  constexpr std::size_t kNumbers = 2 * 21;
  const TopicPartition& place = *event.record->topic_partition;
  char* const start = arena.array<char>(place.topic.size() + kNumbers);
  char* const end = start + place.topic.size() + kNumbers;
  char* at = std::copy(place.topic.begin(), place.topic.end(), start);
  *at++ = '/';
  at = std::to_chars(at, end, place.partition).ptr;
  *at++ = '/';
  std::array<char, kOffsetDigits + 1> digits{};
  const char* const last = std::to_chars(digits.data(), digits.data() + digits.size(), event.record->offset).ptr;
  at = std::fill_n(at, std::max<std::ptrdiff_t>(0, kOffsetDigits - (last - digits.data())), '0');
  at = std::copy(static_cast<const char*>(digits.data()), last, at);
  return {start, static_cast<std::size_t>(at - start)};
}

bool make_stamp(Run& run, const expr::Program& newest_by, GuardStamp& out) {
  std::int64_t version = 0;
  if (!read_version(run, newest_by, version)) return false;
  const std::string_view tie = tie_breaker(run.event, run.arena);
  constexpr std::size_t kVersionBytes = 8;
  char* const stamp = run.arena.array<char>(kVersionBytes + tie.size());
  const std::uint64_t ordered = static_cast<std::uint64_t>(version) ^ (std::uint64_t{1} << 63);
  store_big_endian(stamp, ordered);
  std::memcpy(stamp + kVersionBytes, tie.data(), tie.size());
  out = {stamp, kVersionBytes + tie.size()};
  return true;
}

// One view's part of an event: what several clauses share is made once.
class ViewRun {
 public:
  ViewRun(Run& run, const ViewPlan& view, std::uint32_t index) : run_(run), view_(view), index_(index) {}

  bool clause(const ClausePlan& plan) {
    if (plan.when) {
      bool holds = false;
      if (!is_true(run_, plan.when, holds)) return place("when");
      if (!holds) return true;
    }
    Change& change = run_.out.emplace_back();  // in its place; when the clause fails the caller takes it out again
    change.view = index_;
    if (!key(plan, change)) return place({});
    for (const RejectPlan& reject : plan.reject) {
      bool refused = false;
      if (!is_true(run_, reject.when, refused)) return place("reject '" + reject.reason + "'");
      if (refused) return run_.stop({ErrorCode::rejected, reject.reason, "refused by a clause of the view " + view_.name, false});
    }
    if (view_.newest_by) {
      if (stamp_.empty() && !make_stamp(run_, view_.newest_by, stamp_)) return place("newest_by");
      change.guard = stamp_;
    }
    if (plan.erase) {
      change.op = RowOp::erase;
      if (view_.soft_delete) change.deleted_at_us = run_.event.time_us;
    } else if (!assign(plan, change)) {
      return false;
    }
    return true;
  }

 private:
  bool key(const ClausePlan& plan, Change& change) {
    if (!plan.key.empty()) {
      change.key = make_key(run_, plan.key);
      if (change.key == nullptr) return false;
      change.key_hash = hash_key({change.key, plan.key.size()});
      return true;
    }
    if (key_ == nullptr) {
      key_ = make_key(run_, view_.key);
      if (key_ == nullptr) return false;
      key_hash_ = hash_key({key_, view_.key.size()});
    }
    change.key = key_;
    change.key_hash = key_hash_;
    return true;
  }

  bool assign(const ClausePlan& plan, Change& change) {
    auto* const assignments = run_.assignments.array<Assignment>(plan.operations.size());
    std::size_t count = 0;
    for (const OperationPlan& operation : plan.operations) {
      // In its place: copying a pair that has just been written in parts would wait until the parts have left the processor's store buffer.
      Assignment& assignment = *std::construct_at(assignments + count);
      Value& value = assignment.value;
      if (!evaluate(run_, operation.value, value)) return place(operation.label);
      if (value.is_absent()) {
        if (operation.may_be_left) continue;
        run_.stop({ErrorCode::expression, operation.value.text + " is missing",
                   "`patch`, or `.?` in an expression, takes what may be missing", false});
        return place(operation.label);
      }
      if (value.is_null() && !operation.takes_null) {
        const char* why = operation.op == Op::set ? " is null, and the field has a default or is added to, so it is never null"
                                                  : " is null, and only `set` takes that";
        run_.stop({ErrorCode::value, operation.value.text + why, "coalesce(x, 0) gives another value", false});
        return place(operation.label);
      }
      assignment.field = operation.field;
      assignment.op = operation.op;
      ++count;
    }
    change.assignments = {assignments, count};
    return true;
  }

  // Says where it failed; always false.
  bool place(std::string_view label) {
    std::string where = "view " + view_.name;
    if (!label.empty()) where.append(", ").append(label);
    run_.error.message = where + ": " + run_.error.message;
    return false;
  }

  Run& run_;
  const ViewPlan& view_;
  std::uint32_t index_;
  const Value* key_ = nullptr;
  std::uint64_t key_hash_ = 0;
  GuardStamp stamp_;
};

class DeclarativeProjector final : public Projector {
 public:
  explicit DeclarativeProjector(std::shared_ptr<const CompiledProjection> projection) : projection_(std::move(projection)) {
    for (Arena* const arena : {&assignments_, &assignments_before_}) {  // projecting itself allocates nothing
      static_cast<void>(arena->allocate(1));
      arena->reset();
    }
  }

  Result<void> project(const Event& event, Arena& arena, ChangeList& out) override {
    const CompiledSource& source = *projection_->sources[event.source];
    const std::size_t start = out.size();
    Run run{event, arena, next_assignments(), out, {}};
    for (const TypeDispatch::Handler handler : recent_handlers_of(*source.dispatch, event.type)) {
      const ViewPlan& view = source.views[handler.view];
      ViewRun view_run(run, view, handler.view);
      for (const ClausePlan& clause : view.handlers[handler.index]) {
        if (view_run.clause(clause)) continue;
        out.resize(start);  // all or nothing (language.md rule 6)
        if (source.decode->redaction) source.decode->redaction->scrub(run.error, event.record->value);
        return fail(std::move(run.error));
      }
    }
    return {};
  }

 private:
  // Two in turns, so that an event's assignments stay for as many events as change.h says.
  Arena& next_assignments() {
    if (++turn_ == kDecodedTogether) {
      turn_ = 0;
      std::swap(assignments_, assignments_before_);
      assignments_.reset();
    }
    return assignments_;
  }

  // Streams have few types, and all sources have one dispatch. The place is a guess from length and last letter; the comparison decides.
  std::span<const TypeDispatch::Handler> recent_handlers_of(const TypeDispatch& dispatch, std::string_view type) {
    if (type.empty()) return handlers_of(dispatch, type);
    const std::size_t place = type.size() * 7 + static_cast<unsigned char>(type.back());
    RecentType& recent = recent_[place % kRecentTypes];
    if (!same_text(recent.type, type)) {
      const auto handlers = handlers_of(dispatch, type);  // may forget all recent ones
      recent.type = type;
      recent.handlers = handlers;
    }
    return recent.handlers;
  }

  std::span<const TypeDispatch::Handler> handlers_of(const TypeDispatch& dispatch, std::string_view type) {
    const TypeDispatch::Match exact = dispatch.exact(type);
    if (exact.known || !dispatch.has_patterns()) return exact.handlers;
    if (const auto cached = by_pattern_.find(type); cached != by_pattern_.end()) return cached->second;
    if (by_pattern_.size() >= kMaxCachedTypes) {
      recent_ = {};  // they point into it
      by_pattern_.clear();
    }
    std::vector<TypeDispatch::Handler> handlers;
    dispatch.match(type, handlers);
    return by_pattern_.emplace(std::string(type), std::move(handlers)).first->second;
  }

  struct RecentType {
    std::string type;  // empty: none yet
    std::span<const TypeDispatch::Handler> handlers;
  };

  std::shared_ptr<const CompiledProjection> projection_;
  Arena assignments_;
  Arena assignments_before_;
  std::size_t turn_ = 0;
  std::array<RecentType, kRecentTypes> recent_;
  std::unordered_map<std::string, std::vector<TypeDispatch::Handler>, TextHash, std::equal_to<>> by_pattern_;
};

}  // namespace

std::unique_ptr<Projector> make_projector(const std::shared_ptr<const CompiledProjection>& projection) {
  return std::make_unique<DeclarativeProjector>(projection);
}

}  // namespace foldline::declarative
