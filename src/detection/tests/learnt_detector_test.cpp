#include "detection/learnt_detector.hpp"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detection/multivariate_detector.hpp"

namespace millwright::detection {
namespace {

using ::testing::HasSubstr;

// Six sensors on two causes; from `fault` on the fourth goes its own way.
Matrix make_rows(std::size_t count, std::uint64_t seed, std::size_t fault = SIZE_MAX) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Matrix rows(count, 6);
  for (std::size_t i = 0; i < count; ++i) {
    const double a = normal(random);
    const double b = normal(random);
    for (std::size_t j = 0; j < 6; ++j) {
      rows(i, j) = 20 + (j % 2 == 0 ? a : b) * static_cast<double>(j + 1) + 0.2 * normal(random);
    }
    if (i >= fault) rows(i, 3) += 6;
  }
  return rows;
}

MultivariateDetector trained(ModelKind kind) {
  DetectorOptions options;
  options.models = {{.kind = kind}};
  if (kind == ModelKind::kCva) options.models[0] = {.kind = kind, .lags = 2, .components = 3};
  if (kind == ModelKind::kLargest) options.models[0] = {.kind = kind, .smoothing = 0.5, .drift = {.columns = {"b"}}};
  options.models[0].statistic_smoothing = kind == ModelKind::kCovariance ? 0.3 : 1;
  options.limit.false_alarms = 0.005;
  options.alarm = {.raise = 2, .of = 3, .hold = 4};
  auto detector = MultivariateDetector::fit(options, {"a", "b", "c", "d", "e", "f"}, make_rows(800, 1));
  EXPECT_TRUE(detector);
  return std::move(*detector);
}

class LearntDetectorOf : public ::testing::TestWithParam<ModelKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, LearntDetectorOf,
                         ::testing::Values(ModelKind::kPca, ModelKind::kCovariance, ModelKind::kCva,
                                           ModelKind::kLargest));

TEST_P(LearntDetectorOf, JudgesBitForBitAsTheOneItCameFrom) {
  MultivariateDetector first = trained(GetParam());
  auto second = MultivariateDetector::from(first.learnt());
  ASSERT_TRUE(second);
  const Matrix rows = make_rows(300, 2, 200);
  bool any = false;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const Verdict& a = first.score(rows.row(i));
    const Verdict& b = second->score(rows.row(i));
    ASSERT_EQ(a.score, b.score) << i;
    ASSERT_EQ(a.statistics, b.statistics);
    ASSERT_EQ(first.contributions(), second->contributions());
    any = any || a.alarm;
  }
  EXPECT_TRUE(any);
}

// The same alarms as row by row, whether many rows come at once or few, with values missing here and there.
TEST_P(LearntDetectorOf, ColumnsGiveTheAlarmsOfTheRows) {
  const MultivariateDetector origin = trained(GetParam());
  const auto by_row = origin.copy();
  const auto by_column = origin.copy();
  Matrix rows = make_rows(500, 3, 300);
  for (std::size_t i = 0; i < rows.rows(); i += 37) rows(i, i % 6) = NAN;
  std::vector<std::vector<double>> columns(6, std::vector<double>(rows.rows()));
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t j = 0; j < 6; ++j) columns[j][i] = rows(i, j);
  }
  std::size_t seen = 0;
  std::size_t alarms = 0;
  for (std::size_t first = 0; first < rows.rows(); first += 125) {
    std::vector<const double*> part;
    for (const auto& column : columns) part.push_back(column.data() + first);
    by_column->score_columns(part, 125, [&](std::size_t i, const Verdict& verdict) {
      ASSERT_EQ(first + i, seen);
      const Verdict& wanted = by_row->score(rows.row(seen));
      ASSERT_EQ(verdict.alarm, wanted.alarm) << seen;
      ASSERT_NEAR(verdict.score, wanted.score, 1e-3 * std::max(1.0, wanted.score)) << seen;
      if (verdict.alarm) {
        const auto contributions = by_column->contributions();
        const auto wanted_contributions = by_row->contributions();
        for (std::size_t j = 0; j < 6; ++j) ASSERT_NEAR(contributions[j], wanted_contributions[j], 1e-6);
        ++alarms;
      }
      ++seen;
    });
  }
  EXPECT_EQ(seen, rows.rows());
  EXPECT_GT(alarms, 50U);
}

TEST(LearntDetector, WhatDoesNotFitTogetherIsRefused) {
  const LearntDetector good = trained(ModelKind::kPca).learnt();
  const auto refusal = [&](auto change) {
    LearntDetector bad = good;
    change(bad);
    const auto made = MultivariateDetector::from(bad);
    return made ? std::string("taken") : made.error().message;
  };
  EXPECT_EQ(refusal([](LearntDetector&) {}), "taken");
  EXPECT_THAT(refusal([](auto& d) { d.models.clear(); }), HasSubstr("a model"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].deviations.spread[2] = 0; }), HasSubstr("spread"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].deviations.centre[2] = NAN; }), HasSubstr("finite"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].deviations.follow.pop_back(); }), HasSubstr("6 sensors"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].deviations.lags = 1; }), HasSubstr("rows of 12"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].statistics[0].limit = 0; }), HasSubstr("limit of 't2'"));
  EXPECT_THAT(refusal([](auto& d) { d.models[0].statistics[1].form(0, 0) = NAN; }), HasSubstr("form of 'spe'"));
  EXPECT_THAT(refusal([](auto& d) { d.alarm.raise = 9; }), HasSubstr("raise"));
}

}  // namespace
}  // namespace millwright::detection
