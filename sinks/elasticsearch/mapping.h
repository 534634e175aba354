// Which mapping a field gets, from its type (docs/search.md has the table).
//
//   Mapping m = *mapping_of(field.type, field.mapping);   // {"type":"scaled_float","scaling_factor":100}
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/type.h"

namespace foldline::elasticsearch {

struct Mapping {
  std::string type;  // "long"
  std::string json;  // the whole object
};

// `extra`: a JSON object from the field's `options`, empty: none; one of the name of ours takes its place. An error (code config): `extra`
// is no JSON, or it names what the sink's own promises rest on.
Result<Mapping> mapping_of(const Type& type, std::string_view extra);

// The members of a JSON object, raw: {"a":1,"b":{"c":2}} → (a, 1), (b, {"c":2}).
using RawMembers = std::vector<std::pair<std::string, std::string>>;
Result<RawMembers> raw_members(std::string_view json);
std::string to_object(const RawMembers& members);

}  // namespace foldline::elasticsearch
