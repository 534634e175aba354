// Names with `*` (any characters, also none): topics and types of events.
//
//   matches("order.*", "order.placed")   // true
//   overlap("order.*", "*.placed")       // true: order.placed fits both
#pragma once

#include <cstddef>
#include <string_view>

namespace foldline::config {

bool is_pattern(std::string_view name);
bool matches(std::string_view pattern, std::string_view name);
// Is there a name that both fit?
bool overlap(std::string_view a, std::string_view b);
// Characters that are no `*`: of two patterns the one with more takes the event.
std::size_t literal_characters(std::string_view pattern);

}  // namespace foldline::config
