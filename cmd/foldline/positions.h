// Positions of a log as they are written on the command line: "TOPIC:PARTITION:OFFSET,…", for `rebuild --from` and `query --wait-for`.
//
//   auto positions = parse_positions("orders.events:0:41,orders.events:1:7");
//   if (!positions) complain(positions.error().item, positions.error().what);
//
// A topic's name holds no colon. The caller says which option is wrong, and what to write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "common/record.h"

namespace foldline {

struct WrittenPosition {
  TopicPartition topic_partition;
  std::int64_t offset = 0;
};

// What can't be read: the whole item, the part of it that is wrong, and what that should be: a position, a partition or an offset.
struct BadPosition {
  std::string item;
  std::string text;
  std::string_view what;
};

tl::expected<std::vector<WrittenPosition>, BadPosition> parse_positions(const std::string& text);

}  // namespace foldline
