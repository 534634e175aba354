#include "engine/lane_runner.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace foldline {

namespace {

// Even with nothing to wait for, look now and then: a lost wake-up must cost a moment, never the projection.
constexpr std::chrono::milliseconds kLongestSleep{500};
// A thread that turns so late was frozen, and the client with it (SIGSTOP, a suspended machine, a starved one).
constexpr std::chrono::seconds kFrozen{3};

}  // namespace

LaneRunner::LaneRunner(const std::string& name, const LaneOptions& options, LaneParts parts)
    : log_(std::move(parts.log)), sink_(std::move(parts.sink)), letters_(std::move(parts.letters)), name_(name) {
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  log_->queue().wake_through(wake_fd_);
  executor_ = std::make_unique<ThreadExecutor>([this] { wake(); }, name + "-commit");
  LaneDependencies dependencies{.log = *log_,
                                .sink = *sink_,
                                .traits = parts.traits,
                                .executor = *executor_,
                                .letters = *letters_,
                                .decoders = std::move(parts.decoders),
                                .projector = std::move(parts.projector),
                                .views = *parts.views,
                                .stats = stats_};
  lane_ = std::make_unique<Lane>(options, std::move(dependencies));
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

LaneRunner::~LaneRunner() {
  post({Command::Kind::quit, {}});
  thread_.join();
  executor_.reset();
  lane_.reset();
  close(wake_fd_);
}

std::string LaneRunner::stuck(Instant now, Duration limit) const {
  const auto seconds = [](Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); };
  if (const Duration age = beat_.age(now); age > limit) return fmt::format("{}: its thread has not moved for {} s", name_, seconds(age));
  if (const Duration age = executor_->running_for(now); age > limit) {
    return fmt::format("{}: a call to the store or to Kafka has not come back for {} s", name_, seconds(age));
  }
  return {};
}

void LaneRunner::wake() {
  const std::uint64_t one = 1;
  // A full counter means that a wake-up is already waiting.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void LaneRunner::post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake();
}

void LaneRunner::assign(std::vector<AssignedPartition> partitions) { post({Command::Kind::assign, std::move(partitions)}); }

void LaneRunner::revoke() { post({Command::Kind::revoke, {}}); }

void LaneRunner::distrust_log() { post({Command::Kind::distrust_log, {}}); }

bool LaneRunner::drain(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++drains_wanted_;
  commands_.push_back({Command::Kind::drain, {}});
  lock.unlock();
  wake();
  lock.lock();
  settled_.wait_for(lock, timeout, [&] { return drains_done_ >= ticket; });
  return drains_done_ >= ticket && drained_;
}

// True while there is nothing left that a drain could wait for.
static bool settled(LaneState state) {
  return state == LaneState::drained || state == LaneState::idle || state == LaneState::fenced || state == LaneState::stopped;
}

void LaneRunner::loop() {
  Instant turned = std::chrono::steady_clock::now();
  while (obey()) {
    const Instant last = std::exchange(turned, std::chrono::steady_clock::now());
    if (turned - last >= kFrozen) lane_->distrust_log();
    beat_.touch(turned);
    const StepResult result = lane_->step(std::chrono::steady_clock::now());
    if (settled(result.state)) {
      const std::lock_guard lock(mutex_);
      const bool waits_behind =
          std::any_of(commands_.begin(), commands_.end(), [](const Command& c) { return c.kind == Command::Kind::drain; });
      if (!waits_behind && drains_done_ != drains_wanted_) {
        drains_done_ = drains_wanted_;
        drained_ = result.state == LaneState::drained || result.state == LaneState::idle;
        settled_.notify_all();
      }
    }
    if (!result.progressed) sleep_until(result.wake_at);
  }
}

bool LaneRunner::obey() {
  while (true) {
    Command command;
    {
      const std::lock_guard lock(mutex_);
      if (commands_.empty()) return true;
      command = std::move(commands_.front());
      commands_.pop_front();
    }
    const Instant now = std::chrono::steady_clock::now();
    switch (command.kind) {
      case Command::Kind::assign: {
        std::vector<TopicPartition> names;
        names.reserve(command.partitions.size());
        for (const AssignedPartition& partition : command.partitions) names.push_back(partition.topic_partition);
        lane_->revoke(now);
        log_->reset(std::move(names));
        lane_->assign(std::move(command.partitions), now);
        break;
      }
      case Command::Kind::drain: lane_->drain(now); break;
      case Command::Kind::revoke:
        lane_->revoke(now);
        log_->reset({});
        break;
      case Command::Kind::distrust_log: lane_->distrust_log(); break;
      case Command::Kind::quit: return false;
    }
  }
}

void LaneRunner::sleep_until(Instant deadline) {
  const auto longest = std::chrono::steady_clock::now() + kLongestSleep;
  const auto wait = std::min(deadline, longest) - std::chrono::steady_clock::now();
  const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  pollfd descriptor{wake_fd_, POLLIN, 0};
  ::poll(&descriptor, 1, static_cast<int>(std::max<std::int64_t>(0, wait_ms)));
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = read(wake_fd_, &count, sizeof count);
}

}  // namespace foldline
