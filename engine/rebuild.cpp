#include "engine/rebuild.h"

#include <algorithm>

namespace foldline {

namespace {

constexpr std::chrono::milliseconds kPoll{100};
constexpr std::chrono::milliseconds kDrainTimeout{20'000};

}  // namespace

Rebuild::Rebuild(RebuildOptions options, WorkerParts parts, Store& store)
    : options_(std::move(options)), parts_(std::move(parts)), store_(store), started_at_(options_.partitions.size(), -1) {
  options_.lane.commit_group_offsets = false;  // the group's offsets are the live generation's
}

Rebuild::~Rebuild() {
  consumer_ = nullptr;
  lane_ = nullptr;
}

std::vector<kafka::PartitionQueue*> Rebuild::on_assign(const std::vector<TopicPartition>& partitions) {
  return std::vector<kafka::PartitionQueue*>(partitions.size(), &lane_->log().queue());
}

Result<void> Rebuild::start() {
  auto consumer = kafka::Consumer::create(options_.consumer, *this);
  if (!consumer) return fail(consumer.error());
  consumer_ = std::move(*consumer);
  auto lane = new_lane("rebuild", options_.lane, parts_, store_, *consumer_);
  if (!lane) return fail(lane.error());
  lane_ = std::move(*lane);
  std::vector<TopicPartition> names;
  for (const AssignedPartition& partition : options_.partitions) names.push_back(partition.topic_partition);
  lane_->assign(options_.partitions);
  return consumer_->assign(names);
}

Result<bool> Rebuild::look(RebuildProgress& progress) {
  const LaneStatus status = lane_->status();
  if (status.state == LaneState::fenced) {
    return fail(ErrorCode::fenced, "another rebuild of this projection has taken over", "let it finish, or stop it and use --resume");
  }
  if (!status.stopped_partitions.empty()) return fail(status.stopped_partitions.front().error);
  if (status.state == LaneState::stopped) return fail(status.error);
  const std::vector<PartitionStats> partitions = lane_->stats().partitions();
  const LaneStats& stats = lane_->stats();
  progress = {};
  progress.letters = stats.letters_decode + stats.letters_project + stats.letters_store;
  bool filled = partitions.size() == options_.partitions.size();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const std::int64_t at = partitions[i].committed_offset;
    const std::int64_t end = options_.end_offsets[i];
    filled = filled && at >= end;
    if (at < 0) continue;
    if (started_at_[i] < 0) started_at_[i] = at;
    progress.total += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - started_at_[i]));
    progress.done += static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::min(at, end) - started_at_[i]));
  }
  return filled;
}

Result<bool> Rebuild::run(const std::atomic<bool>& stop, const std::function<void(const RebuildProgress&)>& progress) {
  if (options_.partitions.empty()) return true;
  if (auto started = start(); !started) return fail(started.error());
  RebuildProgress now;
  while (!stop) {
    consumer_->poll(kPoll);
    auto filled = look(now);
    if (!filled) return fail(filled.error());
    progress(now);
    if (!*filled) continue;
    lane_->drain(kDrainTimeout);  // nothing may be on its way when the generation goes live
    return true;
  }
  lane_->drain(kDrainTimeout);
  return false;
}

}  // namespace foldline
