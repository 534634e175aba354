// "Did you mean": the candidate nearest to a name by edit distance (insert, delete, replace, swap of neighbours), when it is near
// enough to be a slip of the hand.
//
//   nearest("feilds", {"fields", "key"})   // "fields"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foldline::config {

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace foldline::config
