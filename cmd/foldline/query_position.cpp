#include "cmd/foldline/query_position.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cmd/foldline/positions.h"
#include "cmd/foldline/project.h"
#include "cmd/foldline/query_table.h"
#include "common/time.h"

namespace foldline {

namespace {

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{500};
constexpr std::size_t kMaxNamedPartitions = 8;

// The first mark that the checkpoints have not passed, and where they stand; empty: none.
std::string still_behind(const std::vector<StoredCheckpoint>& checkpoints, const AppliedMarks& marks) {
  for (const auto& [partition, offset] : marks) {
    const auto found = std::find_if(checkpoints.begin(), checkpoints.end(),
                                    [&at = partition](const StoredCheckpoint& stored) { return stored.topic_partition == at; });
    if (found == checkpoints.end()) return fmt::format("{} has no checkpoint yet", partition.to_string());
    if (found->checkpoint.next_offset <= offset) {
      return fmt::format("{} stands at {} and offset {} is waited for", partition.to_string(), found->checkpoint.next_offset, offset);
    }
  }
  return {};
}

}  // namespace

Result<AppliedMarks> parse_wait_for(const std::string& text, const config::ProjectionFile& file) {
  const auto positions = parse_positions(text);
  if (!positions) {
    return fail(ErrorCode::config, fmt::format("--wait-for: \"{}\" is no position", visible(positions.error().item)),
                "write TOPIC:PARTITION:OFFSET, as the producer was told them: orders.events:0:41");
  }
  AppliedMarks out;
  for (const auto& [partition, offset] : *positions) {
    if (source_of_topic(file, partition.topic) < 0) {
      return fail(ErrorCode::config, fmt::format("--wait-for: the projection does not read the topic {}", visible(partition.topic)),
                  "`foldline status FILE` lists what it reads");
    }
    auto& mark = out.try_emplace(partition, offset).first->second;
    mark = std::max(mark, offset);
  }
  return out;
}

Result<std::vector<StoredCheckpoint>> wait_for(Store& store, const AppliedMarks& marks, std::chrono::steady_clock::time_point deadline) {
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto checkpoints = store.checkpoints();
    if (!checkpoints && !checkpoints.error().retryable) return checkpoints;
    const std::string behind = checkpoints ? still_behind(*checkpoints, marks) : checkpoints.error().message;
    if (behind.empty()) return checkpoints;
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      return fail(ErrorCode::limit, fmt::format("--wait-for: not reached in time: {}", behind),
                  "is a worker running? `foldline status FILE` shows the lag; --timeout waits longer", true);
    }
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(pause, deadline - now));
  }
}

std::string described(const std::vector<StoredCheckpoint>& checkpoints) {
  if (checkpoints.empty()) return "no event is applied yet";
  std::int64_t newest = INT64_MIN;
  std::int64_t sum = 0;
  std::string places;
  std::string topic;
  for (const StoredCheckpoint& stored : checkpoints) {
    newest = std::max(newest, stored.checkpoint.max_event_time_us);
    sum += stored.checkpoint.next_offset;
    if (stored.topic_partition.topic != topic) {
      topic = stored.topic_partition.topic;
      places += (places.empty() ? "" : ", ") + visible(topic);
    }
    places += fmt::format(" {}:{}", stored.topic_partition.partition, stored.checkpoint.next_offset);
  }
  if (checkpoints.size() > kMaxNamedPartitions) places = fmt::format("{} partitions' checkpoints, {} in sum", checkpoints.size(), sum);
  std::string out = "holds the events below " + places;
  if (newest != INT64_MIN) out += "; the newest is of " + format_timestamp(newest);
  return out;
}

}  // namespace foldline
