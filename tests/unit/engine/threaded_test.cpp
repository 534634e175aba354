// The lane with its real executor: a producer, a lane's loop and a committing thread at once, with faults. For the thread sanitizer.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "engine/thread_executor.h"
#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {
namespace {

using std::chrono::steady_clock;

TEST(ThreadExecutorTest, RunsJobsInOrderOneAtATimeWakesAfterEachAndEndsWithAllDone) {
  std::vector<int> done;
  std::atomic<int> woken{0};
  {
    ThreadExecutor executor([&] { ++woken; });
    for (int i = 0; i < 1000; ++i) executor.submit([&done, i] { done.push_back(i); });
  }
  ASSERT_EQ(done.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(woken.load(), 1000);
}

// As the worker runs it, less Kafka.
class LaneThread {
 public:
  LaneThread(FakeBroker& broker, memory::MemoryStore& store, LetterSink& letters, const std::vector<ViewSchema>& views,
             const std::vector<AssignedPartition>& partitions, LaneOptions options)
      : log_(broker, LaneHarness::names(partitions)), sink_(*store.new_sink()) {
    executor_ = std::make_unique<ThreadExecutor>([this] { wake(); });
    LaneDependencies dependencies{.log = log_,
                                  .sink = *sink_,
                                  .traits = store.traits(),
                                  .executor = *executor_,
                                  .letters = letters,
                                  .decoders = {},
                                  .projector = std::make_unique<FakeProjector>(),
                                  .views = views,
                                  .stats = stats};
    dependencies.decoders.push_back(std::make_unique<FakeDecoder>());
    lane_ = std::make_unique<Lane>(std::move(options), std::move(dependencies));
    lane_->assign(partitions, steady_clock::now());
    thread_ = std::thread([this] { loop(); });
  }
  ~LaneThread() {
    stop_ = true;
    wake();
    thread_.join();
    executor_.reset();
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  [[nodiscard]] LaneStatus status() const { return lane_->status(); }

  LaneStats stats;

 private:
  void loop() {
    while (!stop_) {
      const StepResult result = lane_->step(steady_clock::now());
      if (result.progressed) continue;
      std::unique_lock lock(mutex_);
      const auto until = std::min(result.wake_at, steady_clock::now() + std::chrono::milliseconds(20));
      changed_.wait_until(lock, until, [this] { return woken_; });
      woken_ = false;
    }
  }
  FakeLog log_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<ThreadExecutor> executor_;
  std::unique_ptr<Lane> lane_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(LaneThreads, AProducerTwoTakeoversAndAFailingStoreEndAsTheLogSays) {
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);
  const std::vector<ViewSchema> views = projection_views();
  const std::vector<AssignedPartition> partitions{{{"t", 0}, 0, false}, {{"t", 1}, 0, false}};
  FakeBroker broker;
  memory::MemoryStore store(views);
  FakeLetters letters;
  std::atomic<std::uint32_t> calls{0};
  store.set_reject_hook(is_poison);
  store.set_fault_hook([&](memory::Step, std::uint32_t) { return ++calls % 23 == 0 ? memory::Fault::unavailable : memory::Fault::none; });
  LaneOptions options;
  options.max_batch_records = 100;
  options.id_window = 500;
  options.retry_backoff_min = std::chrono::milliseconds(1);
  options.retry_backoff_max = std::chrono::milliseconds(2);
  options.recheck_interval = std::chrono::milliseconds(5);
  options.idle_commit_interval = std::chrono::milliseconds(1);

  constexpr std::uint64_t kSeed = 11;
  std::thread producer([&] {
    std::mt19937_64 random(kSeed);
    for (int i = 0; i < 6'000; ++i) {
      const auto p = static_cast<std::int32_t>(random() % 2);
      static constexpr const char* kTypes[] = {"add", "set", "del", "max"};
      const char* type = random() % 2000 == 0 ? "poison" : random() % 500 == 0 ? "bad" : kTypes[random() % 4];
      const std::string id = "e" + std::to_string(random() % 8 == 0 ? std::max(0, i - 100) : i);
      broker.append({"t", p},
                    id + "|" + type + "|p" + std::to_string(p) + "k" + std::to_string(random() % 50) + "|" + std::to_string(i % 100));
    }
  });
  auto first = std::make_unique<LaneThread>(broker, store, letters, views, partitions, options);
  const auto wait_for_batches = [&](const LaneThread& lane, std::uint64_t batches) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(60);
    while (lane.stats.batches.load() < batches && steady_clock::now() < deadline && lane.status().state != LaneState::fenced) {
      std::this_thread::yield();
    }
  };
  wait_for_batches(*first, 10);
  auto second = std::make_unique<LaneThread>(broker, store, letters, views, partitions, options);  // takes over; the first is fenced
  wait_for_batches(*second, 10);
  auto third = std::make_unique<LaneThread>(broker, store, letters, views, partitions, options);
  second.reset();  // dies with its commit in flight
  producer.join();
  const std::vector<TopicPartition> names = LaneHarness::names(partitions);
  const auto at_end = [&] {
    std::size_t done = 0;
    const auto checkpoints = store.checkpoints();
    for (const StoredCheckpoint& stored : *checkpoints) {
      done += stored.checkpoint.next_offset == broker.high(stored.topic_partition) ? 1U : 0U;
    }
    return done == names.size();
  };
  const auto deadline = steady_clock::now() + std::chrono::seconds(60);
  while (!at_end() && steady_clock::now() < deadline) std::this_thread::yield();
  third.reset();
  first.reset();
  spdlog::set_level(level);
  const ExpectedState expected = ExpectedState::of(broker, names, options.id_window);
  EXPECT_EQ(sorted(store.dump(0)), sorted(expected.dump_rows())) << "seed " << kSeed;
  EXPECT_EQ(store.dump(1), expected.dump_totals());
  EXPECT_EQ(letters.ids(), expected.letters);
}

}  // namespace
}  // namespace foldline::testing
