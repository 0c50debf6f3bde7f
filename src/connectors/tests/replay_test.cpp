#include "connectors/replay.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/tests/test_plant.hpp"
#include "io/random.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::ValueType;
using test::eventually;
using test::Reading;
using ::testing::HasSubstr;

constexpr core::TimeNs kNow = 1'763'712'000'000'000'000;
constexpr core::TimeNs kFile = 1'000 * kSecond;

class ReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("replay-" + std::to_string(io::entropy()));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  ReplayOptions file(const std::string& text) {
    std::ofstream(path_) << text;
    ReplayOptions options;
    options.file = path_;
    options.speed = 0;
    return options;
  }
  // Plays to the end and gives the state it was in then.
  ConnectorStatus play(const ReplayOptions& options) {
    auto replay = make_replay("line", options, node_.context());
    const auto started = replay->start();
    EXPECT_TRUE(started);
    EXPECT_TRUE(eventually([&] { return replay->status().state == ConnectorState::kFinished; }));
    const auto status = replay->status();
    EXPECT_TRUE(eventually([&] { return disk_.total() == status.readings; }));
    return status;
  }

  std::string path_;
  asset::Model model_ = test::make_model({{"temp"},
                                          {"count", ValueType::kInt64},
                                          {"on", ValueType::kBool},
                                          {"mode", ValueType::kState},
                                          {"wide", ValueType::kFloat64}});
  io::SimClock clock_{kNow};
  io::SimNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
};

TEST_F(ReplayTest, PlaysEveryTypeAndFinishes) {
  const auto status =
      play(file("time,temp,count,on,mode,wide\n"
                "1000,1.5,9007199254740993,true,-3,0.1\n"
                "1000.1,,5.0,0,4,\n"
                "1000.2,inf,,,,1e300\n"));
  EXPECT_EQ(status.readings, 3U * 3 + 1);
  EXPECT_EQ(status.refused, 0U);
  EXPECT_EQ(status.kind, "replay");
  EXPECT_THAT(status.detail, HasSubstr(": 3 rows"));
  EXPECT_EQ(disk_.of(0), (std::vector<Reading>{{kFile, 1.5, core::kGood},
                                               {kFile + 200 * kMillisecond, std::numeric_limits<double>::infinity(),
                                                core::kBadSensorFailure}}));
  EXPECT_EQ(disk_.of(1)[1], (Reading{kFile + 100 * kMillisecond, 5, core::kGood}));
  EXPECT_EQ(disk_.of(2)[0].value, 1);
  EXPECT_EQ(disk_.of(3)[0].value, -3);
  EXPECT_EQ(disk_.of(4)[0].value, 0.1);
}

TEST_F(ReplayTest, SkipsAndCountsWhatIsBadOrUnknown) {
  const auto status =
      play(file("time,temp,tmep,mode\n"
                "1000,1,7,1\n"
                "1001,x,7,1\n"
                "1002,1,7\n"
                "1003,2,,1.5\n"
                "1004,3,7,99999999999\n"));
  EXPECT_EQ(disk_.of(0).size(), 3U);
  EXPECT_EQ(disk_.of(3).size(), 1U);
  EXPECT_EQ(status.refused, 2U + 2 + 2);  // bad rows, cells of the unknown column, cells of the wrong type
  EXPECT_THAT(status.detail, HasSubstr("3 rows, 4 bad"));
}

TEST_F(ReplayTest, PlaysLongFilesInBlocks) {
  std::string text = "time;temp\n";
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{}.{:03};{},5\n", 1000 + i / 1000, i % 1000, i % 100);
  const auto status = play(file(text));
  EXPECT_EQ(status.readings, 50'000U);
  const auto got = disk_.of(0);
  ASSERT_EQ(got.size(), 50'000U);
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].time, kFile + static_cast<core::TimeNs>(i) * kMillisecond);
    ASSERT_EQ(got[i].value, static_cast<double>(i % 100) + 0.5);
  }
}

TEST_F(ReplayTest, KeepsTheDistancesOfTimes) {
  auto options = file("time,temp\n1000,0\n1001,1\n1003,2\n");
  options.speed = 2;
  auto replay = make_replay("line", options, node_.context());
  ASSERT_TRUE(replay->start());
  ASSERT_TRUE(eventually([&] { return disk_.of(0).size() == 1; }));
  clock_.advance(499 * kMillisecond);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(disk_.of(0).size(), 1U);
  clock_.advance(kMillisecond);
  ASSERT_TRUE(eventually([&] { return disk_.of(0).size() == 2; }));
  EXPECT_EQ(replay->status().state, ConnectorState::kConnected);
  clock_.advance(kSecond);
  ASSERT_TRUE(eventually([&] { return replay->status().state == ConnectorState::kFinished; }));
  ASSERT_TRUE(eventually([&] { return disk_.of(0).size() == 3; }));
  EXPECT_EQ(disk_.of(0)[2].time, kFile + 3 * kSecond);
}

TEST_F(ReplayTest, ShiftsToNow) {
  auto options = file("time,temp\n1000,0\n1001,1\n1003,2\n");
  options.times = ReplayTimes::kShiftToNow;
  play(options);
  EXPECT_EQ(disk_.of(0)[0].time, kNow - 3 * kSecond);
  EXPECT_EQ(disk_.of(0)[2], (Reading{kNow, 2, core::kGood}));
}

TEST_F(ReplayTest, ShiftsToNowAtTheSpeedItPlays) {
  auto options = file("time,temp\n1000,0\n1001,1\n");
  options.times = ReplayTimes::kShiftToNow;
  options.speed = 10;
  auto replay = make_replay("line", options, node_.context());
  ASSERT_TRUE(replay->start());
  ASSERT_TRUE(eventually([&] { return disk_.of(0).size() == 1; }));
  clock_.advance(100 * kMillisecond);
  ASSERT_TRUE(eventually([&] { return disk_.of(0).size() == 2; }));
  EXPECT_EQ(disk_.of(0)[0].time, kNow);
  EXPECT_EQ(disk_.of(0)[1].time, kNow + 100 * kMillisecond);
}

TEST_F(ReplayTest, LoopsWithTimesThatGoOn) {
  auto options = file("time,temp\n1000,0\n1001,1\n");
  options.speed = 1;
  options.loop = true;
  auto replay = make_replay("line", options, node_.context());
  ASSERT_TRUE(replay->start());
  ASSERT_TRUE(eventually([&] {
    clock_.advance(500 * kMillisecond);
    return disk_.of(0).size() >= 7;
  }));
  replay->stop();
  EXPECT_EQ(replay->status().state, ConnectorState::kStopped);
  const auto got = disk_.of(0);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(got[i].time, kFile + static_cast<core::TimeNs>(i) * kSecond);
    EXPECT_EQ(got[i].value, static_cast<double>(i % 2));
  }
}

TEST_F(ReplayTest, StopsWhileItWaits) {
  auto options = file("time,temp\n1000,0\n9000,1\n");
  options.speed = 1;
  auto replay = make_replay("line", options, node_.context());
  ASSERT_TRUE(replay->start());
  replay->stop();
  EXPECT_EQ(replay->status().state, ConnectorState::kStopped);
}

TEST_F(ReplayTest, SaysWhatIsWrongWithTheFile) {
  ReplayOptions none;
  none.file = path_;
  const auto missing = make_replay("line", none, node_.context())->start();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, core::ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("connector line: "));
  EXPECT_THAT(missing.error().message, HasSubstr(path_));
  const auto headless = make_replay("line", file("1,2\n"), node_.context())->start();
  ASSERT_FALSE(headless);
  EXPECT_THAT(headless.error().message, HasSubstr("must name the columns"));
}

}  // namespace
}  // namespace millwright::connectors
