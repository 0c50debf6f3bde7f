#include <cmath>
#include <random>

#include <gmock/gmock.h>

#include "prognostics/life_features.hpp"
#include "prognostics/life_interval.hpp"
#include "prognostics/regimes.hpp"
#include "prognostics/rul_model.hpp"

namespace millwright::prognostics {
namespace {

using detection::Matrix;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Units that wear out: two sensors show it, more and more, one is noise and one holds still; operated at three points
// that move every reading by far more than wear does.
class Fleet {
 public:
  explicit Fleet(std::uint64_t seed) : random_(seed) {}

  Run unit(std::size_t index, std::size_t life, std::size_t cut) {
    Run run{.unit = std::to_string(index), .cycles = {}, .settings = {}, .sensors = {}};
    for (std::size_t i = 0; i < cut; ++i) {
      const double point = static_cast<double>(random_() % 3);
      const double wear = std::exp(static_cast<double>(i + 60) / 20 - static_cast<double>(life) / 20 - 3) * 20;
      run.cycles.push_back(static_cast<double>(i + 1));
      run.settings.append(std::vector{10 * point + 0.01 * noise(), 7.0});
      run.sensors.append(
          std::vector{100 * point + wear + 0.5 * noise(), 50 - 30 * point - 0.5 * wear + 0.5 * noise(), noise(), 3.0});
    }
    return run;
  }
  std::size_t life() { return 120 + random_() % 120; }

 private:
  // Not std::normal_distribution, whose numbers are each library's own.
  double noise() {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random_() >> 11) * 0x1p-53;
    return sum - 6;
  }
  std::mt19937_64 random_;
};

std::vector<Run> failed_units(std::size_t count, std::uint64_t seed) {
  Fleet fleet(seed);
  std::vector<Run> out;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t life = fleet.life();
    out.push_back(fleet.unit(i, life, life));
  }
  return out;
}

TEST(Regimes, AreToldFromTheSettings) {
  const auto runs = failed_units(10, 1);
  const auto regimes = Regimes::learn(runs);
  ASSERT_TRUE(regimes) << regimes.error().message;
  EXPECT_EQ(regimes->learnt().centres.size(), 3U);
  EXPECT_THAT(regimes->learnt().kept, ElementsAre(0, 1, 2));
  // What operation adds is gone.
  const Matrix x = regimes->deviations(runs[0]);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_LT(std::abs(x(i, 0)), 3) << i;
  EXPECT_GT(x(x.rows() - 1, 0), 2);
}

TEST(Regimes, SettingsWithoutClustersMakeOne) {
  auto runs = failed_units(10, 1);
  std::mt19937_64 random(5);
  for (auto& run : runs) {
    for (std::size_t i = 0; i < run.settings.rows(); ++i) {
      run.settings(i, 0) = static_cast<double>(random() % 1000);
      run.settings(i, 1) = static_cast<double>(random() % 1000);
    }
  }
  const auto regimes = Regimes::learn(runs);
  ASSERT_TRUE(regimes);
  EXPECT_EQ(regimes->learnt().centres.size(), 1U);
}

TEST(Regimes, AMissingReadingIsTheOneBefore) {
  auto runs = failed_units(10, 1);
  const auto regimes = Regimes::learn(runs);
  ASSERT_TRUE(regimes);
  const Matrix whole = regimes->deviations(runs[0]);
  runs[0].sensors(0, 1) = runs[0].sensors(7, 0) = NAN;
  const Matrix x = regimes->deviations(runs[0]);
  EXPECT_EQ(x(7, 0), whole(6, 0));
  EXPECT_EQ(x(0, 1), 0);
  EXPECT_EQ(x(8, 0), whole(8, 0));
}

TEST(Regimes, RefuseSensorsThatTellNothing) {
  auto runs = failed_units(10, 1);
  for (auto& run : runs) {
    for (std::size_t i = 0; i < run.sensors.rows(); ++i) std::fill_n(run.sensors.row(i).begin(), 4, 1.0);
  }
  const auto regimes = Regimes::learn(runs);
  ASSERT_FALSE(regimes);
  EXPECT_THAT(regimes.error().message, HasSubstr("no sensor varies"));
}

TEST(LifeFeatures, AreAgeLevelsAndSlopes) {
  Matrix line(100, 1);
  std::vector<double> cycles(100);
  for (std::size_t i = 0; i < 100; ++i) {
    line(i, 0) = 5 + 0.25 * static_cast<double>(i);
    cycles[i] = static_cast<double>(i + 1);
  }
  const Matrix features = life_features(cycles, line);
  ASSERT_EQ(features.columns(), 7U);
  EXPECT_EQ(features(99, 0), 100);
  for (std::size_t k = 1; k <= 3; ++k) EXPECT_NEAR(features(0, k), 5, 1e-12);  // the first reading counts in full
  EXPECT_NEAR(features(99, 1), line(99, 0) - 0.25 * 0.7 / 0.3, 1e-9);          // as far behind as the mean's age
  for (std::size_t k = 4; k <= 6; ++k) {
    EXPECT_EQ(features(1, k), 0);
    EXPECT_NEAR(features(2, k), 0.25, 1e-12);
    EXPECT_NEAR(features(99, k), 0.25, 1e-12);
  }
}

TEST(LifeFeatures, LookAtNoLaterCycle) {
  const auto runs = failed_units(10, 3);
  const auto regimes = Regimes::learn(runs);
  ASSERT_TRUE(regimes);
  const Matrix whole = regimes->deviations(runs[0]);
  const Matrix all = life_features(runs[0].cycles, whole);
  const Matrix early = life_features(std::span(runs[0].cycles).first(40), whole.slice(0, 40));
  for (std::size_t i = 0; i < 40; ++i) {
    for (std::size_t j = 0; j < all.columns(); ++j) EXPECT_EQ(early(i, j), all(i, j));
  }
}

TEST(LifeInterval, HoldsItsShareAtEverySize) {
  std::mt19937_64 random(9);
  std::vector<double> predicted;
  std::vector<double> truth;
  for (int i = 0; i < 20'000; ++i) {
    predicted.push_back(static_cast<double>(random() % 1000) / 10);
    truth.push_back(predicted.back() + (static_cast<double>(random() % 2001) / 1000 - 1) * (1 + predicted.back() / 5));
  }
  const auto interval = LifeInterval::learn(std::span(predicted).first(10'000), std::span(truth).first(10'000), 0.9);
  for (const double from : {0.0, 30.0, 60.0}) {
    double within = 0;
    double all = 0;
    for (std::size_t i = 10'000; i < predicted.size(); ++i) {
      if (predicted[i] < from || predicted[i] > from + 30) continue;
      const auto bounds = interval.around(predicted[i]);
      ++all;
      within += truth[i] >= bounds.low && truth[i] <= bounds.high ? 1 : 0;
    }
    EXPECT_NEAR(within / all, 0.9, 0.02) << from;
  }
  EXPECT_GE(interval.around(0).low, 0);
}

TEST(RulModel, PredictsLivesOfUnitsThatItHasNotSeen) {
  const auto runs = failed_units(60, 1);
  const RunColumns columns{"unit", "cycle", {"point", "still"}, {"a", "b", "c", "d"}};
  const auto model = RulModel::train(runs, columns, {.rounds = 150, .threads = 2});
  if (!model && model.error().code == core::ErrorCode::kUnsupported) GTEST_SKIP() << model.error().message;
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->regimes(), 3U);
  EXPECT_EQ(model->sensors_kept(), 3U);
  const auto text = model->text();
  ASSERT_TRUE(text);
  const auto again = RulModel::read(*text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(again->columns().sensors, ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(again->training.units, 60U);

  Fleet fleet(77);
  double squares = 0;
  int within = 0;
  constexpr int kUnits = 200;
  for (int i = 0; i < kUnits; ++i) {
    const std::size_t life = fleet.life();
    const std::size_t left = 5 + static_cast<std::size_t>(i) % 60;
    const auto run = fleet.unit(0, life, life - left);
    const auto lives = model->predict(run);
    ASSERT_TRUE(lives);
    ASSERT_EQ(lives->size(), run.cycles.size());
    const Rul& now = lives->back();
    EXPECT_EQ(again->predict(run)->back().cycles, now.cycles);
    EXPECT_LE(now.low, now.cycles);
    EXPECT_GE(now.high, now.cycles);
    squares += std::pow(now.cycles - static_cast<double>(left), 2);
    within += static_cast<double>(left) >= now.low && static_cast<double>(left) <= now.high ? 1 : 0;
  }
  EXPECT_LT(std::sqrt(squares / kUnits), 10);  // a guess of the mean would be 17 off
  EXPECT_GT(within, kUnits * 8 / 10);
}

TEST(RulModel, RefusesWhatItCannotLearnFromOrRead) {
  const RunColumns columns{"unit", "cycle", {}, {"a"}};
  const auto few = RulModel::train(failed_units(4, 1), columns, {});
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("units that ran to failure: 4"));
  for (const char* text : {"", "{}", "[1]", R"({"format":"millwright-rul","version":2})"}) {
    EXPECT_FALSE(RulModel::read(text)) << text;
  }
}

}  // namespace
}  // namespace millwright::prognostics
