#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detection/multivariate_detector.hpp"
#include "detection/pca_batch.hpp"

namespace millwright::detection {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kSensors{"a", "b", "c", "d"};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Four sensors that two causes move. The figures below are numpy's for these rows.
Matrix training() {
  Matrix rows;
  for (int i = 0; i < 60; ++i) {
    const double t = i;
    rows.append(std::vector{10 + std::sin(t) + 0.1 * std::cos(7.3 * t), 5 + 2 * std::sin(t) + 0.2 * std::cos(3.1 * t),
                            -3 + 0.5 * std::cos(2.2 * t) + 0.3 * std::sin(5.7 * t),
                            100 + 3 * std::cos(2.2 * t) + 0.4 * std::sin(t * 0.37 * t)});
  }
  return rows;
}
const std::vector<double> kRow{10.5, 5.2, -3.4, 103};

DetectorOptions of(ModelOptions model) {
  DetectorOptions options;
  options.models.push_back(std::move(model));
  return options;
}

MultivariateDetector fitted(const DetectorOptions& options, const Matrix& rows = training()) {
  auto detector = MultivariateDetector::fit(options, kSensors, rows);
  EXPECT_TRUE(detector) << detector.error().message;
  return std::move(*detector);
}

std::string refusal(const DetectorOptions& options, const Matrix& rows) {
  const auto detector = MultivariateDetector::fit(options, kSensors, rows);
  return detector ? "" : detector.error().message;
}

TEST(Pca, T2AndSpeAreNumpys) {
  auto detector = fitted(of({.components = 2}));
  const Verdict& verdict = detector.score(kRow);
  EXPECT_NEAR(verdict.statistics[0], 0.2107536888, 1e-9);
  EXPECT_NEAR(verdict.statistics[1], 2.8255922914, 1e-9);
  EXPECT_EQ(detector.statistics()[0].name, "t2");
  EXPECT_EQ(detector.statistics()[1].name, "spe");
}

TEST(Pca, ContributionsAreWhatReconstructionTakesAway) {
  auto detector = fitted(of({.components = 2, .statistics = {Statistic::kSpe}}));
  detector.score(kRow);
  const std::vector<double> found = detector.contributions();
  const std::vector<double> numpy{0.1764536430, 0.1775516431, 2.6476002064, 2.6495773282};
  for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(found[j], numpy[j], 1e-8) << j;
}

// A plain contribution may blame another sensor for a fault in one; this never does.
TEST(Pca, AFaultInOneSensorIsItsOwn) {
  for (std::size_t sensor = 0; sensor < 4; ++sensor) {
    for (const std::size_t lags : {0U, 2U}) {
      auto detector = fitted(of({.lags = lags, .components = 2 * (lags + 1), .statistics = {Statistic::kSpe}}));
      std::vector<double> row{10.03191549, 5.06762124, -3.01681955, 100.04141158};  // the means
      row[sensor] += 3;
      detector.score(row);
      const auto found = detector.contributions();
      EXPECT_EQ(std::max_element(found.begin(), found.end()) - found.begin(), static_cast<std::ptrdiff_t>(sensor))
          << lags << " lags";
    }
  }
}

TEST(Pca, ComponentsByVarianceAndByCrossValidation) {
  EXPECT_EQ(fitted(of({.explained = 0.9})).components()[0], 2);  // eigenvalues 1.99, 1.85, 0.15, 0.01
  EXPECT_EQ(fitted(of({.explained = 0.97})).components()[0], 3);
  EXPECT_EQ(fitted(of({.explained = 0})).components()[0], 2);  // there are two causes
}

TEST(Covariance, DistanceIsNumpysAlsoSmoothed) {
  auto plain = fitted(of({.kind = ModelKind::kCovariance}));
  EXPECT_NEAR(plain.score(kRow).statistics[0], 40.4085826226, 1e-7);
  auto mewma = fitted(of({.kind = ModelKind::kCovariance, .smoothing = 0.2}));
  EXPECT_NEAR(mewma.score(kRow).statistics[0], 37.1204477395, 1e-6);
}

TEST(Cva, StatesAndResidualsAreNumpys) {
  const Matrix rows = training();
  auto detector = fitted(of({.kind = ModelKind::kCva, .lags = 1, .components = 2}), rows);
  detector.score(rows.row(rows.rows() - 1));
  const Verdict& verdict = detector.score(kRow);
  EXPECT_NEAR(verdict.statistics[0], 0.6923329907, 1e-4);
  EXPECT_NEAR(verdict.statistics[1], 127.8400679850, 1e-3);
}

TEST(Largest, IsTheGreatestDeviation) {
  auto detector = fitted(of({.kind = ModelKind::kLargest}));
  EXPECT_NEAR(detector.score(kRow).statistics[0], 1.9367929269, 1e-9);
  const auto found = detector.contributions();
  EXPECT_NEAR(*std::max_element(found.begin(), found.end()), 1.9367929269, 1e-9);
}

TEST(Largest, AWanderingSensorIsJudgedAgainstItsRecentPast) {
  ModelOptions model{.kind = ModelKind::kLargest};
  model.drift = {.columns = {"a"}, .memory = 20};
  auto detector = fitted(of(model));
  std::vector<double> row = kRow;
  row[0] = 40;
  const double at_once = detector.score(row).statistics[0];
  for (int i = 0; i < 200; ++i) detector.score(row);
  EXPECT_GT(at_once, 100);
  EXPECT_LT(detector.score(row).statistics[0], 10);
}

TEST(Detector, AlarmsAfterSoManyOfSoManyRowsAndHolds) {
  DetectorOptions options = of({.kind = ModelKind::kLargest});
  options.alarm = {.raise = 2, .of = 3, .hold = 1};
  auto detector = fitted(options);
  std::vector<double> far = kRow;
  far[1] = 500;
  std::string said;
  for (const bool bad : {true, false, true, false, false, false, true, false, false, true}) {
    said += detector.score(bad ? far : kRow).alarm ? '1' : '0';
  }
  EXPECT_EQ(said, "0011000000");  // by rows 1 and 3, then held for a row
  detector.start();
  EXPECT_FALSE(detector.score(far).alarm);
}

TEST(Detector, CalibratedItAlarmsAsOftenAsAsked) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  const auto make = [&](std::size_t count) {
    Matrix rows;
    for (std::size_t i = 0; i < count; ++i) {
      const double cause = normal(random);
      rows.append(std::vector{cause + 0.2 * normal(random), cause + normal(random), normal(random), normal(random)});
    }
    return rows;
  };
  DetectorOptions options = of({.components = 1, .statistic_smoothing = 0.3});
  options.models.push_back({.kind = ModelKind::kCovariance});
  options.alarm = {.raise = 2, .of = 3};
  auto detector = fitted(options, make(500));
  const Matrix other = make(2000);
  ASSERT_TRUE(detector.calibrate(other, 0.02));
  int alarms = 0;
  for (std::size_t i = 0; i < other.rows(); ++i) alarms += detector.score(other.row(i)).alarm ? 1 : 0;
  EXPECT_EQ(alarms, 40);
  EXPECT_THAT(detector.calibrate(make(20), 0.01).error().message, HasSubstr("it takes 100 or more"));
}

TEST(Detector, TheoryHoldsForNormalRows) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  const auto next = [&] {
    const double cause = normal(random);
    return std::vector{cause + 0.5 * normal(random), cause + 0.5 * normal(random), normal(random), normal(random)};
  };
  Matrix rows;
  for (int i = 0; i < 1000; ++i) rows.append(next());
  for (const ModelKind kind : {ModelKind::kPca, ModelKind::kCovariance, ModelKind::kLargest}) {
    DetectorOptions options = of({.kind = kind, .components = kind == ModelKind::kPca ? 2U : 0U});
    options.limit.source = LimitSource::kTheory;
    auto detector = fitted(options, rows);
    std::vector<int> above(detector.statistics().size());
    for (int i = 0; i < 20'000; ++i) {
      const Verdict& verdict = detector.score(next());
      for (std::size_t s = 0; s < above.size(); ++s) {
        above[s] += verdict.statistics[s] > detector.statistics()[s].limit ? 1 : 0;
      }
    }
    for (const int count : above) EXPECT_NEAR(count / 20'000.0, 0.01, 0.005) << static_cast<int>(kind);
  }
}

TEST(Detector, AMissingValueIsTheLastOne) {
  auto detector = fitted(of({.components = 2}));
  detector.score(kRow);
  const auto before = detector.score(kRow).statistics;
  const Verdict& verdict = detector.score(std::vector{10.5, kNan, std::numeric_limits<double>::infinity(), 103.0});
  EXPECT_EQ(verdict.statistics, before);
  detector.start();
  EXPECT_NEAR(detector.score(std::vector<double>(4, kNan)).statistics[0], 0, 1e-12);
}

TEST(Detector, RefusesWhatCannotBeLearntFrom) {
  const DetectorOptions pca = of({.components = 2});
  Matrix rows = training();
  rows(7, 2) = kNan;
  EXPECT_THAT(refusal(pca, rows), HasSubstr("training row 8: 'c' has no value there"));

  rows = training();
  for (std::size_t i = 0; i < rows.rows(); ++i) rows(i, 1) = 5;
  EXPECT_THAT(refusal(pca, rows), HasSubstr("'b' is 5 in all 60 training rows"));

  rows = training();
  for (std::size_t i = 0; i < rows.rows(); ++i) rows(i, 3) = 2 * rows(i, 0) - 7;
  EXPECT_THAT(refusal(of({.kind = ModelKind::kCovariance}), rows),
              AllOf(HasSubstr("singular"), HasSubstr("'a'"), HasSubstr("'d'"), Not(HasSubstr("'b'"))));
  EXPECT_EQ(refusal(of({.kind = ModelKind::kCovariance, .shrinkage = 0.1}), rows), "");
  EXPECT_THAT(refusal(of({.components = 4}), rows), HasSubstr("vary in 3 directions only"));
  EXPECT_THAT(refusal(of({.components = 3}), rows), HasSubstr("nothing is left for the SPE"));

  EXPECT_THAT(refusal(pca, training().slice(0, 5)), HasSubstr("5 training rows; this model needs at least 10"));
  EXPECT_THAT(refusal(of({.kind = ModelKind::kCovariance, .lags = 11}), training()),
              HasSubstr("49 training rows are left after the start; 4 sensors at 12 rows each need 50"));
  EXPECT_THAT(refusal(of({.kind = ModelKind::kCva, .lags = 1, .components = 8}), training()),
              HasSubstr("it must be 1 to 7"));

  ModelOptions drifting{.kind = ModelKind::kLargest};
  drifting.drift.columns = {"flow"};
  EXPECT_THAT(refusal(of(drifting), training()), HasSubstr("drift names 'flow', which is no sensor"));

  DetectorOptions theory = of({.components = 2, .statistic_smoothing = 0.1});
  theory.limit.source = LimitSource::kTheory;
  EXPECT_THAT(refusal(theory, training()), HasSubstr("theory knows no limit of a smoothed statistic"));
}

// Every kernel, also where rows do not fill its tiles, gives what the forms give row by row.
TEST(PcaBatch, AgreesWithTheRowsOnEveryKernel) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  for (const std::size_t components : {1U, 2U, 3U, 4U, 5U, 9U}) {
    const std::size_t width = 12;
    Matrix rows(300, width);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const double cause = normal(random);
      for (std::size_t j = 0; j < width; ++j) rows(i, j) = 20 + cause * static_cast<double>(j) + normal(random);
    }
    const std::vector<std::string> names(width, "s");
    const ModelOptions options{.components = components};
    auto model = Model::fit(options, names, rows, 0.01);
    ASSERT_TRUE(model);
    const auto batch = PcaBatch::from(*model);
    ASSERT_TRUE(batch);
    for (const std::size_t n : {1U, 23U, 24U, 61U}) {
      std::vector<std::vector<float>> columns(width, std::vector<float>(n));
      std::vector<const float*> pointers;
      for (std::size_t j = 0; j < width; ++j) {
        for (std::size_t i = 0; i < n; ++i) columns[j][i] = static_cast<float>(rows(i, j));
        pointers.push_back(columns[j].data());
      }
      for (const PcaKernels* kernels : usable_pca_kernels()) {
        std::vector<float> t2(n);
        std::vector<float> spe(n);
        batch->score(pointers, t2, spe, *kernels);
        for (std::size_t i = 0; i < n; ++i) {
          const auto x = model->deviations.take(rows.row(i));
          EXPECT_NEAR(t2[i], model->statistics[0].form.value(x), 1e-3) << kernels->name << " row " << i << " of " << n;
          EXPECT_NEAR(spe[i], model->statistics[1].form.value(x), 1e-3) << kernels->name << " row " << i << " of " << n;
        }
      }
    }
  }
}

TEST(PcaBatch, RefusesModelsThatLookBack) {
  const ModelOptions options{.lags = 1, .components = 2};
  const auto model = Model::fit(options, kSensors, training(), 0.01);
  ASSERT_TRUE(model);
  EXPECT_FALSE(PcaBatch::from(*model));
}

}  // namespace
}  // namespace millwright::detection
