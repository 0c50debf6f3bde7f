// The historian on a machine that goes down at any operation that changes the disk: while it appends, commits, seals,
// merges, deletes what is old, and while it recovers from the crash before, three deep. What was not synced is dropped,
// reordered and torn at 512 bytes, or, where only the process died, still there. From a seed.
//
//   MILLWRIGHT_SIM_SEED=7 MILLWRIGHT_SIM_SEEDS=1   that one only
#include <chrono>
#include <cstdio>

#include "environment.hpp"
#include "history_node.hpp"
#include "io/faulty_file_system.hpp"

namespace millwright::historian {
namespace {

using core::kMinute;
using io::Done;

class CrashingMachine {
 public:
  explicit CrashingMachine(std::uint64_t seed)
      : random_(seed), disk_(seed), node_(faulty_, clock_, small_history(), 1 + seed % 2) {}

  void run() {
    constexpr int kRounds = 100;
    recover();
    for (int round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
      faulty_.die_at(1 + random_.below(kReach), any_done());
      work();
      go_down();
      recover();
    }
    if (!testing::Test::HasFailure()) finish();
  }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_; }
  [[nodiscard]] std::uint64_t in_recovery() const { return in_recovery_; }
  [[nodiscard]] std::uint64_t third_in_a_row() const { return third_in_a_row_; }
  [[nodiscard]] std::uint64_t in_tidy() const { return in_tidy_; }
  [[nodiscard]] std::uint64_t expired() const { return expired_; }

 private:
  static constexpr std::uint64_t kReach = 60;  // operations until the crash, at most
  static constexpr std::uint64_t kRecoveryReach = 15;

  Done any_done() { return static_cast<Done>(random_.below(3)); }

  // Until it goes down, or nothing does it.
  void work() {
    for (int i = 0; i < 60 && !faulty_.dead(); ++i) {
      const auto dice = random_.below(12);
      if (dice < 8) {
        node_.send();
      } else if (dice < 11) {
        node_.commit();
      } else {
        node_.tick();  // as it does ten times a second: nothing waits for long
        clock_.advance(random_.below(4) == 0 ? 20 * kMinute : kMinute);
        static_cast<void>(node_.tidy());
        if (faulty_.dead()) ++in_tidy_;
      }
    }
  }

  void go_down() {
    ++crashes_;
    random_.below(4) == 0 ? disk_.kill_process() : disk_.cut_power();
    node_.stop();
    faulty_.heal();
  }

  void recover() {
    const auto deep = random_.below(4);
    for (std::uint64_t i = 1; i <= deep; ++i) {
      faulty_.die_at(1 + random_.below(kRecoveryReach), any_done());
      const auto started = node_.start();
      if (started) node_.send_again();
      if (started) node_.commit();
      const bool died = faulty_.dead();
      ASSERT_TRUE(started || died) << started.error().message;
      if (!died) break;
      ++in_recovery_;
      if (i == 3) ++third_in_a_row_;
      go_down();
    }
    if (!node_.running()) {
      const auto started = node_.start();
      ASSERT_TRUE(started) << started.error().message;
      node_.send_again();
    }
    faulty_.heal();
    node_.check(false);
    expired_ = std::max(expired_, node_.expired());
  }

  void finish() {
    node_.commit();
    ASSERT_EQ(node_.waiting(), 0U);
    node_.check(true);
    const auto tidied = node_.tidy();
    ASSERT_TRUE(tidied) << tidied.error().message;
    node_.check(true);
    node_.check_rollups(kMinute);
  }

  io::Random random_;
  io::SimDisk disk_;
  io::FaultyFileSystem faulty_{disk_};
  io::SimClock clock_{kStart};
  HistoryNode node_;
  std::uint64_t crashes_ = 0;
  std::uint64_t in_recovery_ = 0;
  std::uint64_t third_in_a_row_ = 0;
  std::uint64_t in_tidy_ = 0;
  std::uint64_t expired_ = 0;
};

TEST(HistorianCrashes, LoseNothingAcknowledgedWhereverTheyCome) {
  const std::uint64_t first = sim::from_environment("MILLWRIGHT_SIM_SEED", 1);
  const std::uint64_t seeds = sim::from_environment("MILLWRIGHT_SIM_SEEDS", 45);
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t crashes = 0;
  std::uint64_t in_recovery = 0;
  std::uint64_t third = 0;
  std::uint64_t in_tidy = 0;
  std::uint64_t expired = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    CrashingMachine machine(seed);
    machine.run();
    if (HasFailure()) FAIL() << "seed " << seed << ", after " << machine.crashes() << " crashes";
    crashes += machine.crashes();
    in_recovery += machine.in_recovery();
    third += machine.third_in_a_row();
    in_tidy += machine.in_tidy();
    expired += machine.expired();
  }
  const auto print = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf(
      "seeds %llu to %llu: %llu crashes, %llu of them in recovery, %llu the third in a row there, %llu while sealing, "
      "merging or deleting, in %.1f s\n",
      print(first), print(first + seeds - 1), print(crashes), print(in_recovery), print(third), print(in_tidy),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  EXPECT_GT(expired, 0U) << "retention deleted nothing";
}

}  // namespace
}  // namespace millwright::historian
