// Calculated history against values worked out by hand and against a slow reference.
#include "historian/processed.hpp"

#include <algorithm>
#include <cmath>

#include "historian/chart.hpp"
#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kSecond;
using core::TimeNs;

constexpr core::SensorId kState{2};
constexpr TimeNs kT0 = kStart - kStart % core::kHour;

struct Point {
  double second;
  double value;
  core::Quality quality = core::kGood;
};

class ProcessedTest : public HistorianTest {
 protected:
  void SetUp() override { open(); }

  void record_points(core::SensorId sensor, const std::vector<Point>& points) {
    core::BlockBatch one = batch(++sequence_);
    for (const Point& point : points) {
      const TimeNs time = kT0 + static_cast<TimeNs>(point.second * 1e9);
      core::Block& block = one.add(sensor, model_.sensor(sensor).type, 1, time, 0, time);
      switch (block.type) {
        case core::ValueType::kFloat32:
          block.as<float>()[0] = static_cast<float>(point.value);
          break;
        case core::ValueType::kInt64:
          block.as<std::int64_t>()[0] = static_cast<std::int64_t>(point.value);
          break;
        default:
          block.as<std::int32_t>()[0] = static_cast<std::int32_t>(point.value);
      }
      one.mark(block, point.quality, [](std::uint32_t) { return true; });
    }
    send(0, std::move(one));
    tick_and_commit();
  }

  std::vector<Processed> ask(core::SensorId sensor, const std::string& what, double from, double to, double width,
                             double now = 1e9) {
    const auto calculation = parse_calculation(what);
    EXPECT_TRUE(calculation) << what;
    ProcessedRequest request{.sensor = sensor,
                             .range = {kT0 + static_cast<TimeNs>(from * 1e9), kT0 + static_cast<TimeNs>(to * 1e9)},
                             .width = static_cast<core::DurationNs>(width * 1e9),
                             .calculation = *calculation,
                             .now = kT0 + static_cast<TimeNs>(now * 1e9)};
    std::optional<TimeNs> next;
    auto rows = processed(*history_, model_, request, &next);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? *rows : std::vector<Processed>{};
  }
  void expect(core::SensorId sensor, const std::string& what, double from, double to, double width,
              const std::vector<std::pair<double, core::Quality>>& wanted, double now = 1e9) {
    const auto rows = ask(sensor, what, from, to, width, now);
    ASSERT_EQ(rows.size(), wanted.size()) << what;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].start, kT0 + static_cast<TimeNs>((from + static_cast<double>(i) * width) * 1e9)) << what;
      EXPECT_EQ(core::quality_name(rows[i].quality), core::quality_name(wanted[i].second)) << what << " row " << i;
      if (std::isnan(wanted[i].first)) {
        EXPECT_TRUE(std::isnan(rows[i].value)) << what << " row " << i;
      } else {
        EXPECT_NEAR(rows[i].value, wanted[i].first, 1e-9) << what << " row " << i;
      }
    }
  }

  std::uint64_t sequence_ = 0;
};

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr auto kPart = core::kUncertainDataSubNormal;

// 10 at 2 s, 20 at 8 s, 40 at 12 s, bad at 16 s, 50 at 22 s, nothing after.
const std::vector<Point>& sloped() {
  static const std::vector<Point> points = {{2, 10}, {8, 20}, {12, 40}, {16, 7, core::kBadSensorFailure}, {22, 50}};
  return points;
}

TEST_F(ProcessedTest, OfTheReadingsInAnInterval) {
  record_points(temperature(0), sloped());
  const auto sensor = temperature(0);
  expect(sensor, "Average", 0, 40, 10, {{15, core::kGood}, {40, kPart}, {50, core::kGood}, {kNone, core::kBadNoData}});
  expect(sensor, "Minimum", 0, 30, 10, {{10, core::kGood}, {40, kPart}, {50, core::kGood}});
  expect(sensor, "Maximum", 0, 30, 10, {{20, core::kGood}, {40, kPart}, {50, core::kGood}});
  expect(sensor, "Count", 0, 40, 10, {{2, core::kGood}, {1, kPart}, {1, core::kGood}, {0, core::kGood}});
  expect(sensor, "Start", 0, 20, 10, {{10, core::kGood}, {40, kPart}});
  expect(sensor, "End", 0, 20, 20, {{40, kPart}});
  expect(sensor, "Delta", 0, 20, 20, {{30, kPart}});
  expect(sensor, "Sum", 0, 20, 20, {{70, kPart}});
  expect(sensor, "StandardDeviation", 0, 10, 10, {{std::sqrt(50.0), core::kGood}});
}

// Intervals are counted from the start of the range, wherever that is.
TEST_F(ProcessedTest, IntervalsBeginWhereTheRangeDoes) {
  record_points(temperature(0), sloped());
  expect(temperature(0), "Sum", 1.5, 31.5, 7,
         {{30, core::kGood}, {40, core::kGood}, {50, kPart}, {kNone, core::kBadNoData}, {kNone, core::kBadNoData}});
}

TEST_F(ProcessedTest, InterpolativeIsALineBetweenReadings) {
  record_points(temperature(0), sloped());
  // 0 s: before all. 5 s: between. 8 s: a reading. 14 s, 18 s: a bad one lies between 40 and 50. 30 s: after all.
  expect(temperature(0), "Interpolative", 0, 1, 1, {{kNone, core::kBadNoData}});
  expect(temperature(0), "Interpolative", 5, 11, 3, {{15, core::kGood}, {20, core::kGood}});
  expect(temperature(0), "Interpolative", 14, 22, 4, {{42, kPart}, {46, kPart}});
  expect(temperature(0), "Interpolative", 30, 50, 10, {{50, kPart}, {kNone, core::kBadNoData}}, 35);
}

TEST_F(ProcessedTest, TimeAverageIsTheAreaBelowTheCurve) {
  record_points(temperature(0), sloped());
  // 2-8: 15 on average, 6 s; 8-10: 25, 2 s. The first two seconds are unknown.
  expect(temperature(0), "TimeAverage", 0, 10, 10, {{(15 * 6 + 25 * 2) / 8.0, kPart}});
  // All known: 4-8 from 13.33 to 20; 8-10.
  expect(temperature(0), "TimeAverage", 4, 10, 6, {{((40.0 / 3 + 20) / 2 * 4 + 25 * 2) / 6.0, core::kGood}});
  // 12-16 holds 40, until the bad reading; 16-22 nobody knows.
  expect(temperature(0), "TimeAverage", 12, 22, 10, {{40, kPart}});
  // After the last reading it holds, which is a guess; until now.
  expect(temperature(0), "TimeAverage", 22, 42, 10, {{50, kPart}, {kNone, core::kBadNoData}}, 30);
  expect(temperature(0), "TimeAverage", 17, 21, 2, {{kNone, core::kBadNoData}, {kNone, core::kBadNoData}});
}

TEST_F(ProcessedTest, StatesHoldUntilTheNextOne) {
  record_points(kState, {{-50, 1}, {4, 2}, {9, 1}, {15, 2}, {18, 2, core::kBadNoCommunication}, {25, 2}});
  expect(kState, "DurationInState(2)", 0, 40, 10, {{5, core::kGood}, {3, kPart}, {5, kPart}, {10, core::kGood}});
  expect(kState, "DurationInState(1)", 0, 20, 10, {{5, core::kGood}, {5, kPart}});
  // The interval that is now is known up to now.
  expect(kState, "DurationInState(2)", 30, 50, 10, {{6, core::kGood}, {kNone, core::kBadNoData}}, 36);
  expect(kState, "Interpolative", 3, 20, 8, {{1, core::kGood}, {1, core::kGood}, {2, kPart}});
  expect(kState, "TimeAverage", 0, 10, 10, {{1.5, core::kGood}});
}

TEST_F(ProcessedTest, CountersThatResetGoOn) {
  record_points(count(0), {{-5, 90}, {1, 100}, {9, 130}, {12, 4}, {19, 20}, {31, 25}, {33, 1, core::kBadNotConnected}});
  expect(count(0), "Increase", 0, 40, 10, {{40, core::kGood}, {20, core::kGood}, {0, core::kGood}, {5, kPart}});
  expect(count(0), "Increase", -10, 0, 10, {{0, kPart}});
  expect(count(0), "Increase", -20, -10, 10, {{kNone, core::kBadNoData}});
}

TEST_F(ProcessedTest, PercentilesLieBetweenReadings) {
  record_points(temperature(0), {{1, 4}, {2, 1}, {3, 3}, {4, 2}, {5, 9, core::kBadSensorFailure}, {11, 8}});
  expect(temperature(0), "Percentile(50)", 0, 30, 10, {{2.5, kPart}, {8, core::kGood}, {kNone, core::kBadNoData}});
  expect(temperature(0), "percentile(0)", 0, 10, 10, {{1, kPart}});
  expect(temperature(0), "Percentile(100)", 0, 10, 10, {{4, kPart}});
  expect(temperature(0), "Percentile(90)", 0, 10, 10, {{3.7, kPart}});
}

TEST_F(ProcessedTest, PagesJoinToTheWhole) {
  record(1, 5000, kT0, 10 * core::kMillisecond);
  tick_and_commit();
  for (const char* what : {"Average", "TimeAverage", "Percentile(10)", "Interpolative"}) {
    ProcessedRequest request{.sensor = temperature(0),
                             .range = {kT0 + 1234, kT0 + 50 * kSecond},
                             .width = 333'333'333,
                             .calculation = *parse_calculation(what)};
    std::optional<TimeNs> next;
    const auto whole = processed(*history_, model_, request, &next);
    ASSERT_TRUE(whole);
    EXPECT_FALSE(next);
    EXPECT_EQ(whole->size(), 150u);
    std::vector<Processed> joined;
    request.limit = 7;
    for (next = request.range.from; next;) {
      request.range.from = *next;
      const auto page = processed(*history_, model_, request, &next);
      ASSERT_TRUE(page);
      joined.insert(joined.end(), page->begin(), page->end());
    }
    ASSERT_EQ(joined.size(), whole->size()) << what;
    for (std::size_t i = 0; i < joined.size(); ++i) {
      EXPECT_EQ(joined[i].start, (*whole)[i].start);
      EXPECT_NEAR(joined[i].value, (*whole)[i].value, 1e-6) << what << i;
    }
  }
}

// The far ends of time are further apart than a number holds.
TEST_F(ProcessedTest, AnyRangeIsAnswered) {
  record_points(temperature(0), sloped());
  std::optional<TimeNs> next;
  const ProcessedRequest request{.sensor = temperature(0), .range = {INT64_MIN, INT64_MAX}, .width = 1, .limit = 5};
  const auto rows = processed(*history_, model_, request, &next);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->size(), 5u);
  EXPECT_EQ(next, INT64_MIN + 5);
  const ProcessedRequest wide{.sensor = temperature(0), .range = {INT64_MIN, INT64_MAX}, .width = INT64_MAX};
  EXPECT_EQ(processed(*history_, model_, wide, &next).error().code, core::ErrorCode::kInvalid);
}

TEST_F(ProcessedTest, ACheckEndsIt) {
  record(1, 100, kT0);
  tick_and_commit();
  ProcessedRequest request{.sensor = temperature(0),
                           .range = {kT0, kT0 + kSecond},
                           .width = kSecond,
                           .calculation = {Function::kPercentile, 50}};
  request.check = [] { return core::Status(core::unexpected(core::ErrorCode::kTimeout, "too long")); };
  std::optional<TimeNs> next;
  EXPECT_EQ(processed(*history_, model_, request, &next).error().code, core::ErrorCode::kTimeout);
}

TEST(Calculations, AreReadAsTheyAreWritten) {
  for (const std::string& name : calculation_names()) {
    const auto calculation = parse_calculation(name);
    ASSERT_TRUE(calculation) << name;
    EXPECT_EQ(to_string(*calculation), name);
  }
  for (const char* wrong : {"", "Averag", "Average(1)", "Percentile", "Percentile(101)", "Percentile(x)",
                            "DurationInState()", "Percentile(nan)"}) {
    EXPECT_FALSE(parse_calculation(wrong)) << wrong;
  }
  EXPECT_THAT(parse_calculation("avrage").error().message, ::testing::HasSubstr("Average"));
}

// ---- charts ---------------------------------------------------------------------------------------------------------

TEST(ChartWidth, IsOfWholeTiersAndNeverGivesMorePoints) {
  constexpr TimeNs kDay = 24 * core::kHour;
  EXPECT_EQ(chart_width({0, 7 * kDay}, 1000), 11 * core::kMinute);
  EXPECT_EQ(chart_width({0, 2 * core::kHour}, 1000), 8 * kSecond);
  for (const TimeNs span : {TimeNs{1}, kSecond, 17 * core::kMinute, kDay, 400 * kDay}) {
    for (const std::size_t points : {3u, 10u, 1000u}) {
      const core::DurationNs width = chart_width({kT0 + 5, kT0 + 5 + span}, points);
      const Intervals intervals(width);
      const auto count = (intervals.start_of(kT0 + 5 + span - 1) - intervals.start_of(kT0 + 5)) / width + 1;
      EXPECT_LE(count, static_cast<std::int64_t>(points)) << span << " " << points;
    }
  }
  EXPECT_GT(chart_width({INT64_MIN, INT64_MAX}, 3), 0);
}

// As in the paper: groups of equal counts, which for even times are groups of equal time.
std::vector<std::size_t> reference_triangles(const std::vector<double>& y, std::size_t points) {
  std::vector<std::size_t> chosen = {0};
  const double every = static_cast<double>(y.size() - 2) / static_cast<double>(points - 2);
  std::size_t a = 0;
  for (std::size_t i = 0; i < points - 2; ++i) {
    const auto bound = [&](std::size_t k) { return static_cast<std::size_t>(static_cast<double>(k) * every) + 1; };
    const std::size_t low = bound(i + 1);
    const std::size_t high = std::min(bound(i + 2), y.size());
    double x_mean = 0;
    double y_mean = 0;
    for (std::size_t j = low; j < high; ++j) {
      x_mean += static_cast<double>(j);
      y_mean += y[j];
    }
    x_mean /= static_cast<double>(high - low);
    y_mean /= static_cast<double>(high - low);
    double largest = -1;
    std::size_t best = 0;
    for (std::size_t j = bound(i); j < low; ++j) {
      const double area = std::abs((static_cast<double>(a) - x_mean) * (y[j] - y[a]) -
                                   (static_cast<double>(a) - static_cast<double>(j)) * (y_mean - y[a]));
      if (area > largest) {
        largest = area;
        best = j;
      }
    }
    chosen.push_back(best);
    a = best;
  }
  chosen.push_back(y.size() - 1);
  return chosen;
}

TEST_F(ProcessedTest, LargestTrianglesAsInThePaper) {
  std::vector<Point> points;
  std::vector<double> y;
  io::Random dice(7);
  for (int i = 0; i < 1002; ++i) {
    y.push_back(
        static_cast<double>(static_cast<float>(std::sin(i * 0.03) * 10 + static_cast<double>(dice.below(100)) * 0.05)));
    points.push_back({static_cast<double>(i), y.back()});
  }
  record_points(temperature(0), points);
  const Range all{kT0, kT0 + 5000 * kSecond};
  for (const std::size_t count : {3u, 12u, 52u, 102u}) {
    const auto chosen = largest_triangles(*history_, model_, temperature(0), all, count, {});
    ASSERT_TRUE(chosen);
    std::vector<std::size_t> got;
    for (const Reading& reading : *chosen) got.push_back(static_cast<std::size_t>((reading.time - kT0) / kSecond));
    EXPECT_EQ(got, reference_triangles(y, count)) << count;
  }
  // As many as there are: all of them; bad ones are left out.
  record_points(temperature(0), {{2000, 5, core::kBadSensorFailure}});
  EXPECT_EQ(largest_triangles(*history_, model_, temperature(0), all, 1002, {})->size(), 1002u);
  EXPECT_EQ(largest_triangles(*history_, model_, temperature(0), all, 2, {}).error().code, core::ErrorCode::kInvalid);
}

}  // namespace
}  // namespace millwright::historian
