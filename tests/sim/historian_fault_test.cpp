// The historian on a file system of which every operation fails once in every way: the Nth of its kind, for every N,
// once and for ever. Nothing acknowledged is lost, nothing is invented, all is in order and there once; and when the
// fault is gone, all goes on.
//
//   MILLWRIGHT_SIM_STRIDE=1                           every N; else every eleventh, for the sake of time
//   MILLWRIGHT_SIM_STRIDE=7 MILLWRIGHT_SIM_OFFSET=3   every seventh, after the third
#include <chrono>
#include <cstdio>
#include <limits>

#include "environment.hpp"
#include "history_node.hpp"
#include "io/faulty_file_system.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::kMinute;
using io::Done;
using io::Fault;
using io::Operation;

// Some hundred batches over several segments, sealed ten times, merged, and the oldest deleted; restarts in between.
class Scenario {
 public:
  explicit Scenario(const std::optional<Fault>& fault) : node_(faulty_, clock_, small_history(), 1) {
    if (fault) {
      faulty_.inject(*fault);
      once_ = fault->times == 1;
      if (fault->error == ErrorCode::kFull && !once_) node_.give_up_when_full();
    }
  }

  // `reached`: whether there was such an operation.
  void run(bool* reached = nullptr) {
    restart(Restart::kKill);
    for (int step = 1; step <= kSteps && !testing::Test::HasFailure(); ++step) {
      this->step(step);
    }
    if (reached != nullptr) *reached = faulty_.failures() > 0;
    if (!testing::Test::HasFailure()) finish();
  }

  io::SimDisk& disk() { return disk_; }
  io::FaultyFileSystem& faulty() { return faulty_; }
  HistoryNode& node() { return node_; }

 private:
  static constexpr int kSteps = 220;
  enum class Restart { kKill, kPowerCut, kClean };

  void step(int step) {
    if (!node_.running()) return;  // the fault lasts, and the history does not open
    node_.send();
    if (step % 5 == 0) {
      node_.commit();
      stuck_ = node_.waiting() > 0 ? stuck_ + 1 : 0;
      // As a supervisor would, that sees nothing go on.
      if (stuck_ >= 3) return restart(step % 2 == 0 ? Restart::kPowerCut : Restart::kKill);
    }
    if (step % 20 == 0) {
      clock_.advance(kMinute);
      static_cast<void>(node_.tidy());
    }
    if (step == 150) restart(Restart::kClean);
    if (step == 180) restart(Restart::kPowerCut);
    if (step == 200) clock_.advance(99 * kMinute);
  }

  void restart(Restart how) {
    if (how == Restart::kClean) node_.stop();
    how == Restart::kPowerCut ? disk_.cut_power() : disk_.kill_process();
    node_.stop();
    stuck_ = 0;
    core::Status started = node_.start();
    if (!started && once_) started = node_.start();
    if (once_) {
      ASSERT_TRUE(started) << started.error().message;
    }
    if (!started) return node_.stop();
    node_.send_again();
    if (once_) node_.check(false);
  }

  // The fault is gone.
  void finish() {
    faulty_.heal();
    once_ = true;
    for (const Restart how : {Restart::kKill, Restart::kPowerCut}) {
      restart(how);
      if (testing::Test::HasFatalFailure()) return;
      for (int i = 0; i < 10; ++i) node_.send();
      node_.commit();
      ASSERT_EQ(node_.waiting(), 0U);
      node_.check(true);
      const auto tidied = node_.tidy();
      ASSERT_TRUE(tidied) << tidied.error().message;
      node_.check(true);
      node_.check_rollups(kMinute);
    }
  }

  io::SimDisk disk_{20261121};
  io::FaultyFileSystem faulty_{disk_};
  io::SimClock clock_{kStart};
  HistoryNode node_;
  bool once_ = true;
  int stuck_ = 0;
};

struct Kind {
  Operation operation;
  ErrorCode error;
  Done done;
};
constexpr Kind kKinds[] = {
    {Operation::kOpen, ErrorCode::kIo, Done::kNothing},
    {Operation::kRead, ErrorCode::kIo, Done::kNothing},
    {Operation::kList, ErrorCode::kIo, Done::kNothing},
    {Operation::kCreate, ErrorCode::kIo, Done::kNothing},
    {Operation::kCreate, ErrorCode::kFull, Done::kNothing},
    {Operation::kCreate, ErrorCode::kIo, Done::kAll},
    {Operation::kWrite, ErrorCode::kIo, Done::kNothing},
    {Operation::kWrite, ErrorCode::kIo, Done::kPart},
    {Operation::kWrite, ErrorCode::kFull, Done::kNothing},
    {Operation::kWrite, ErrorCode::kFull, Done::kPart},
    {Operation::kSync, ErrorCode::kIo, Done::kNothing},
    {Operation::kSync, ErrorCode::kIo, Done::kAll},
    {Operation::kSync, ErrorCode::kFull, Done::kNothing},
    {Operation::kRename, ErrorCode::kIo, Done::kNothing},
    {Operation::kRename, ErrorCode::kIo, Done::kAll},
    {Operation::kRename, ErrorCode::kFull, Done::kNothing},
    {Operation::kRemove, ErrorCode::kIo, Done::kNothing},
    {Operation::kRemove, ErrorCode::kIo, Done::kAll},
    {Operation::kSyncDirectory, ErrorCode::kIo, Done::kNothing},
    {Operation::kSyncDirectory, ErrorCode::kIo, Done::kAll},
    {Operation::kTruncate, ErrorCode::kIo, Done::kNothing},
};

std::string name_of(const Kind& kind) {
  constexpr const char* kDone[] = {"not done", "half done", "done"};
  return fmt::format("{} {} ({})", to_string(kind.operation), kind.error == ErrorCode::kFull ? "ENOSPC" : "EIO",
                     kDone[static_cast<std::size_t>(kind.done)]);
}

TEST(HistorianFaults, TheScenarioDoesAllThatAHistorianDoes) {
  Scenario scenario({});
  scenario.run();
  EXPECT_GT(scenario.node().expired(), 0U) << "retention deleted nothing";
}

class EveryFault : public testing::TestWithParam<Kind> {
 protected:
  static void TearDownTestSuite() { std::printf("%llu cases in all\n", static_cast<unsigned long long>(all_cases_)); }
  static inline std::uint64_t all_cases_ = 0;
};

TEST_P(EveryFault, LosesNothingAndInventsNothing) {
  const Kind& kind = GetParam();
  const std::uint64_t stride = sim::from_environment("MILLWRIGHT_SIM_STRIDE", 11);
  const std::uint64_t offset = sim::from_environment("MILLWRIGHT_SIM_OFFSET", 0);
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t cases = 0;
  for (const std::uint64_t times : {std::uint64_t{1}, Fault::kForEver}) {
    // Until N is more than there are.
    for (std::uint64_t nth = 1 + offset;; nth += stride) {
      const Fault fault{
          .operation = kind.operation, .nth = nth, .times = times, .error = kind.error, .done = kind.done};
      Scenario scenario(fault);
      bool reached = false;
      scenario.run(&reached);
      if (HasFailure()) {
        FAIL() << name_of(kind) << ", number " << nth << (times == 1 ? ", once" : ", for ever");
      }
      if (!reached) break;
      ++cases;
    }
  }
  all_cases_ += cases;
  std::printf("%s: %llu cases in %.1f s\n", name_of(kind).c_str(), static_cast<unsigned long long>(cases),
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryFault, testing::ValuesIn(kKinds));

}  // namespace
}  // namespace millwright::historian
