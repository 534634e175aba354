// Lists and maps.
#include <fmt/format.h>
#include <array>

#include "common/expr/functions.h"
#include "common/expr/utf8.h"
#include "common/json.h"

namespace foldline::expr {
namespace {

using Arguments = std::span<const Value>;
using K = ExprKind;

bool size(Arguments a, Runtime& run, Value& out) {
  const Value& v = a[0];
  std::size_t count = 0;
  switch (v.kind()) {
    case Kind::text: count = count_code_points(v.as_text()); break;
    case Kind::bytes: count = v.as_text().size(); break;
    case Kind::list: count = v.as_list().size(); break;
    case Kind::map:
      for (const MapEntry& entry : v.as_map()) count += entry.value.is_absent() ? 0U : 1U;
      break;
    default: {  // raw JSON: counted, not built
      const auto known = v.json_elements();
      const auto counted = known ? known : count_json_elements(v.as_text());
      if (!counted) return run.fail("size(x): not well-formed JSON: " + describe(v));
      count = *counted;
    }
  }
  out = Value::integer(static_cast<std::int64_t>(count));
  return true;
}

constexpr KindSet kSized = set_of(K::text, K::bytes, K::list, K::map);

constexpr std::array kFunctions{
    Function{
        "size", false, 1, {kSized}, K::integer, size, "characters of a text, bytes, elements of a list, entries of a map", false, true},
    Function{"size", true, 1, {kSized}, K::integer, size, "the same, written x.size()", false, true},
};

}  // namespace

std::span<const Function> collection_functions() { return kFunctions; }

}  // namespace foldline::expr
