#include "connectors/intake.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "connectors/tests/test_plant.hpp"
#include "io/clock.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using core::Block;
using core::Quality;
using core::QualityRun;
using core::ValueType;

constexpr core::TimeNs kNow = 1'763'712'000'000'000'000;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

class IntakeTest : public ::testing::Test {
 protected:
  template <typename T>
  Block& block(ValueType type, const std::vector<T>& values) {
    Block& added = batch_.add(core::SensorId(0), type, static_cast<std::uint32_t>(values.size()), kNow, 1, kNow);
    std::copy(values.begin(), values.end(), added.as<T>().begin());
    return added;
  }
  static std::vector<std::uint32_t> codes(const Block& block) {
    std::vector<std::uint32_t> all;
    for (const QualityRun& run : block.qualities()) all.insert(all.end(), run.count, run.quality.code);
    EXPECT_EQ(all.size(), block.count);
    return all;
  }
  double marked(const std::string& reason) {
    return node_.metrics()
        .counter("millwright_connector_marked_bad_total",
                 "Readings kept with a bad quality because their value or time cannot be right",
                 {{"connector", "line"}, {"reason", reason}})
        .Value();
  }

  asset::Model model_ = test::make_model({{"a"}});
  io::SimClock clock_{kNow};
  io::SimNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
  core::BlockBatch batch_;
  Intake intake_{node_.context(), "line"};
};

constexpr std::uint32_t kFailed = core::kBadSensorFailure.code;
constexpr std::uint32_t kFuture = core::kBadInvalidTimestamp.code;

TEST_F(IntakeTest, LeavesWhatIsRightAlone) {
  std::vector<float> values(1001, -0.0F);
  values[7] = std::numeric_limits<float>::max();
  values[8] = std::numeric_limits<float>::denorm_min();
  Block& good = block(ValueType::kFloat32, values);
  const QualityRun* before = good.quality;
  intake_.inspect(batch_, good);
  EXPECT_EQ(good.quality, before);
  EXPECT_TRUE(good.all_good());
  EXPECT_EQ(intake_.readings(), 1001U);
}

// Every place in a block is looked at, in the vectors and in the rest behind them.
TEST_F(IntakeTest, FindsTheOneBadFloatWhereverItIs) {
  for (std::size_t n = 1; n <= 9; ++n) {
    for (std::size_t at = 0; at < n; ++at) {
      for (const float bad : {kNan, -kNan, kInf, -kInf}) {
        std::vector<float> f32(n, 1.0F);
        std::vector<double> f64(n, 1.0);
        f32[at] = bad;
        f64[at] = static_cast<double>(bad);
        std::vector<std::uint32_t> expected(n, 0);
        expected[at] = kFailed;
        Block& narrow = block(ValueType::kFloat32, f32);
        intake_.inspect(batch_, narrow);
        EXPECT_EQ(codes(narrow), expected);
        Block& wide = block(ValueType::kFloat64, f64);
        intake_.inspect(batch_, wide);
        EXPECT_EQ(codes(wide), expected);
        batch_.clear();
      }
    }
  }
}

TEST_F(IntakeTest, SplitsRunsAndKeepsWhatTheSourceSaid) {
  Block& mixed = block<float>(ValueType::kFloat32, {1, kNan, 3, kNan, kNan, 6});
  mixed.quality = batch_.allocate_array<QualityRun>(3);
  mixed.quality[0] = {3, core::kGood};
  mixed.quality[1] = {1, core::kBadNotConnected};
  mixed.quality[2] = {2, core::kUncertain};
  mixed.quality_runs = 3;
  intake_.inspect(batch_, mixed);
  EXPECT_EQ(codes(mixed),
            (std::vector<std::uint32_t>{0, kFailed, 0, core::kBadNotConnected.code, kFailed, core::kUncertain.code}));
  EXPECT_EQ(marked("not_finite"), 3);
}

TEST_F(IntakeTest, MarksTimesAheadOfTheClock) {
  Block& periodic = block<std::int64_t>(ValueType::kInt64, {1, 2, 3});
  periodic.start = kNow;
  periodic.period = 45 * core::kSecond;
  intake_.inspect(batch_, periodic);
  EXPECT_EQ(codes(periodic), (std::vector<std::uint32_t>{0, 0, kFuture}));

  Block& listed = block<float>(ValueType::kFloat32, {1, 2, 3});
  auto* times = batch_.allocate_array<core::TimeNs>(3);
  times[0] = kNow + core::kMinute + 1;
  times[1] = kNow + core::kMinute;
  times[2] = std::numeric_limits<core::TimeNs>::max();
  listed.times = times;
  intake_.inspect(batch_, listed);
  EXPECT_EQ(codes(listed), (std::vector<std::uint32_t>{kFuture, 0, kFuture}));
  EXPECT_EQ(marked("future_time"), 3);
}

TEST_F(IntakeTest, LivesWithALimitBeyondAllTime) {
  Intake forever(node_.context(), "line", std::numeric_limits<core::DurationNs>::max());
  Block& far = block<float>(ValueType::kFloat32, {1});
  far.start = std::numeric_limits<core::TimeNs>::max();
  forever.inspect(batch_, far);
  EXPECT_TRUE(far.all_good());
}

TEST_F(IntakeTest, CountsWhatItRefuses) {
  intake_.refuse(Refusal::kUnknownAddress, 10);
  intake_.refuse(Refusal::kMalformed);
  EXPECT_EQ(intake_.refused(), 11U);
  EXPECT_NE(node_.metrics().text().find(
                "millwright_connector_refused_total{connector=\"line\",reason=\"unknown_address\"} 10"),
            std::string::npos);
}

}  // namespace
}  // namespace millwright::connectors
