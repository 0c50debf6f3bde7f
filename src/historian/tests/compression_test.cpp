// The swinging door on the whole way: what a rule asks for is thinned once sealed, within its bound; roll-ups know all.
#include <cmath>

#include "historian/inspect.hpp"
#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kSecond;

constexpr double kBound = 0.25;
constexpr int kReadings = 40'000;

class CompressionTest : public HistorianTest {
 protected:
  static float value(int i) {
    return static_cast<float>(std::round((20 + 5 * std::sin(i * 0.002) + (i % 7) * 0.01) * 100) / 100);
  }
  static core::TimeNs time(int i) { return kStart + i * 10 * core::kMillisecond; }

  void record_all(core::SensorId sensor) {
    for (int from = 0; from < kReadings; from += 1000) {
      core::BlockBatch one = batch(++sequence_);
      core::Block& block =
          one.add(sensor, core::ValueType::kFloat32, 1000, time(from), 10 * core::kMillisecond, time(from + 999));
      for (int i = 0; i < 1000; ++i) block.as<float>()[i] = value(from + i);
      send(0, std::move(one));
      tick_and_commit();
    }
  }
  std::uint64_t sequence_ = 0;
};

TEST_F(CompressionTest, KeepsWithinItsBoundAndRollUpsKnowAll) {
  options_.rules = {{.match = "**/pump-0/temperature", .keep = {}, .compression_deviation = kBound}};
  options_.journal.segment_bytes = 16 << 10;
  open();
  record_all(temperature(0));
  record_all(temperature(1));
  // So that their segments close.
  for (int i = 0; i < 20; ++i)
    record(++sequence_, 8000, time(kReadings) + i * 8 * kSecond, core::kMillisecond, temperature(2));
  tick_and_commit();
  ASSERT_TRUE(history_->tidy());

  const auto kept = raw(temperature(0));
  EXPECT_LT(kept.size(), std::size_t{kReadings / 10});
  EXPECT_EQ(raw(temperature(1)).size(), std::size_t{kReadings});
  // Every reading lies within the bound of the line between its kept neighbours.
  std::size_t next = 1;
  double worst = 0;
  ASSERT_EQ(kept.front().time, time(0));
  for (int i = 0; i < kReadings; ++i) {
    while (next + 1 < kept.size() && kept[next].time < time(i)) ++next;
    const Reading& a = kept[next - 1];
    const Reading& b = kept[next];
    const double va = core::as_double(core::ValueType::kFloat32, a.bits);
    const double vb = core::as_double(core::ValueType::kFloat32, b.bits);
    const double line = va + (vb - va) * static_cast<double>(time(i) - a.time) / static_cast<double>(b.time - a.time);
    worst = std::max(worst, std::abs(line - static_cast<double>(value(i))));
  }
  EXPECT_LE(worst, kBound * (1 + 1e-9));
  EXPECT_GT(worst, kBound / 10);

  const Range all{time(0), time(kReadings)};
  const auto thinned = history_->aggregates(temperature(0), all, core::kMinute, 100, nullptr);
  const auto whole = history_->aggregates(temperature(1), all, core::kMinute, 100, nullptr);
  ASSERT_TRUE(thinned && whole);
  ASSERT_EQ(thinned->size(), whole->size());
  for (std::size_t i = 0; i + 1 < whole->size(); ++i) {
    EXPECT_EQ((*thinned)[i].count, (*whole)[i].count) << i;
    EXPECT_EQ((*thinned)[i].max, (*whole)[i].max);
    EXPECT_NEAR((*thinned)[i].sum, (*whole)[i].sum, 1e-6);
  }
  const auto report = inspect(disk_, "data/history", {});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->findings.empty()) << report->findings.front().where << ": " << report->findings.front().what;
}

}  // namespace
}  // namespace millwright::historian
