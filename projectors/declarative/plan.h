// What the compiler makes of one source: how its records become events, and what each view does with an event from it. The same clause
// is compiled once for each source, because the paths of `data` differ between sources.
//
// Immutable after compile(): lanes share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/change.h"
#include "common/codec/source_plan.h"
#include "common/expr/expr.h"
#include "common/type.h"
#include "projectors/declarative/compiled.h"
#include "projectors/declarative/type_dispatch.h"

namespace foldline::declarative {

// Where a value comes from. Three forms, the cheap ones first: nearly every field is a path copied as it stands. What every event needs
// stands in front.
struct ValuePlan {
  enum class From : std::uint8_t {
    constant,
    slot,
    program
  };
  From from = From::program;
  std::uint32_t slot = 0;
  Value constant;         // converted, in the view's literals
  expr::Program program;  // answers a value that is already converted
  Type type;              // the target's; its kind, the first of it, is still in the operation's cache line
  std::string text;       // for messages: "data.total_cents"
};

// One cache line an operation, and then what only messages and conversions need.
struct alignas(64) OperationPlan {
  std::uint16_t field = 0;
  Op op = Op::set;
  // Nothing there leaves the field as it is: `patch`, and an expression that answers none. Else it is an error: `copy`, and a path
  // (language.md rule 5).
  bool may_be_left = false;
  bool takes_null = false;  // `set`, of a field without a default
  ValuePlan value;
  std::string label;  // for messages: "copy total_cents"
};

struct KeyPartPlan {
  std::string name;
  ValuePlan value;
};

struct RejectPlan {
  std::string reason;
  expr::Program when;
};

struct ClausePlan {
  expr::Program when;            // empty: always
  std::vector<KeyPartPlan> key;  // empty: the view's
  std::vector<RejectPlan> reject;
  std::vector<OperationPlan> operations;
  bool erase = false;
};

struct ViewPlan {
  std::string name;
  std::vector<KeyPartPlan> key;
  expr::Program newest_by;  // empty: not guarded
  bool soft_delete = false;
  std::vector<std::vector<ClausePlan>> handlers;  // as the view's on_event
};

struct SourceScopes;  // scopes.h

struct CompiledSource {
  std::shared_ptr<const codec::SourcePlan> decode;
  std::shared_ptr<const TypeDispatch> dispatch;  // the same for every source
  std::shared_ptr<const SourceScopes> scopes;    // for the order proof
  std::vector<ViewPlan> views;                   // as CompiledProjection::views
};

}  // namespace foldline::declarative
