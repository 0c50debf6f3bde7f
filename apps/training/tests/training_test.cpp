#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "training/gathered.hpp"
#include "training/report.hpp"
#include "training/train.hpp"

namespace millwright::training {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / (std::string("millwright-training-") + test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Ten rows a second of three sensors on one load; state 2 has another level; rows from `fault` on are labelled.
  std::string csv(const std::string& name, int rows, int other_state_from = 1 << 30, int fault = 1 << 30) {
    std::string text = "time,motor/current,pump/flow,pump/pressure,state,fault\n";
    for (int i = 0; i < rows; ++i) {
      const double load = noise_(random_);
      const bool other = i >= other_state_from;
      text += fmt::format("2026-03-01T10:{:02}:{:02}.{}Z,{},{},{},{},{:d}\n", i / 600, i / 10 % 60, i % 10,
                          (other ? 90 : 40) + load + 0.3 * noise_(random_), 20 + 2 * load + 0.3 * noise_(random_),
                          5 + load + 0.3 * noise_(random_) + (i >= fault ? 6 : 0), other ? 2 : 1, i >= fault);
    }
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  static TrainOptions options(detection::ModelKind kind = detection::ModelKind::kPca) {
    return {.name = "pump-model",
            .version = "1.0",
            .machine_type = "pump",
            .states = {1},
            .regimes = false,
            .detector = default_detector(kind)};
  }

  std::filesystem::path folder_;
  std::mt19937_64 random_{3};
  std::normal_distribution<double> noise_;
  Choice choice_{.ignore = {"fault"}, .state = "state", .states = {1}};
};

TEST_F(TrainingTest, FilesAddUpAndTheBundlePassesItsTest) {
  const auto data = read_csv({csv("a.csv", 900), csv("b.csv", 600)}, choice_);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->rows.rows(), 1500U);
  EXPECT_EQ(data->grid.period, 100 * core::kMillisecond);
  EXPECT_THAT(data->sensors, ElementsAre("motor/current", "pump/flow", "pump/pressure"));
  for (const auto kind : {detection::ModelKind::kPca, detection::ModelKind::kCovariance, detection::ModelKind::kCva,
                          detection::ModelKind::kLargest}) {
    const auto bundle = train(*data, options(kind));
    ASSERT_TRUE(bundle) << bundle.error().message;
    EXPECT_LT(bundle->training.false_alarms, 0.01);
    EXPECT_GT(*std::max_element(bundle->test.scores.begin(), bundle->test.scores.end()), 0.1);
    const auto again = models::parse_payload(models::to_payload(*bundle));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(models::score_test_rows(*again, **models::make_detector(*again)), bundle->test.scores);
    EXPECT_THAT(html_report(*bundle, *data), HasSubstr("</html>"));
  }
}

TEST_F(TrainingTest, WhatSitesGatherAddsUpToAllOfTheirRows) {
  choice_.states = {};
  choice_.state = "";
  choice_.ignore = {"fault", "state"};
  const std::string one = csv("a.csv", 900);
  const std::string other = csv("b.csv", 600);
  const auto first = gather(*read_csv({one}, choice_), {}, 2);
  auto sum = gather(*read_csv({other}, choice_), {}, 2);
  ASSERT_TRUE(first && sum);
  EXPECT_EQ(first->moments.count(), 898U);
  const auto read = parse_gathered(to_text(*first));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_text(*read), to_text(*first));
  ASSERT_TRUE(sum->merge(*read));

  // The same model as of the rows themselves, in one file whose second half begins anew: two rows are not gathered.
  auto wanted = options();
  wanted.states = {};
  wanted.detector.limit.source = detection::LimitSource::kTheory;
  wanted.detector.models.front().components = 1;
  wanted.detector.models.front().lags = 2;
  const auto all = train(*read_csv({one, other}, choice_), wanted);
  const auto bundle = train(*sum, wanted);
  ASSERT_TRUE(all && bundle) << (bundle ? all.error().message : bundle.error().message);
  EXPECT_EQ(bundle->training.rows, 1496U);
  const auto& mine = bundle->learnt.models.front();
  const auto& theirs = all->learnt.models.front();
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(mine.deviations.centre[j], theirs.deviations.centre[j], 0.01);
    EXPECT_NEAR(mine.deviations.spread[j], theirs.deviations.spread[j], 0.01);
  }
  ASSERT_EQ(mine.statistics.size(), theirs.statistics.size());
  for (std::size_t s = 0; s < mine.statistics.size(); ++s) {
    EXPECT_NEAR(mine.statistics[s].limit / theirs.statistics[s].limit, 1, 0.02);
  }
  const auto again = models::parse_payload(models::to_payload(*bundle));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(models::score_test_rows(*again, **models::make_detector(*again)), bundle->test.scores);
  EXPECT_LT(bundle->test.scores.front(), 1);  // rows as the moments say they are
}

TEST_F(TrainingTest, GatheredRowsHaveNoGapWithin) {
  auto data = read_csv({csv("a.csv", 100)}, choice_);
  ASSERT_TRUE(data);
  for (std::size_t i = 50; i < 100; ++i) data->times[i] += core::kMinute;
  EXPECT_EQ(gather(*data, {1}, 3)->moments.count(), 94U);
}

TEST_F(TrainingTest, SitesThatDifferAreNotAdded) {
  auto first = gather(*read_csv({csv("a.csv", 100)}, choice_), {1}, 0);
  const auto other = gather(*read_csv({csv("b.csv", 100)}, choice_), {1}, 1);
  const auto refused = first->merge(*other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("differ in their lags"));
  EXPECT_THAT(train(*first, options(detection::ModelKind::kCva)).error().message, HasSubstr("only pca and covariance"));
  EXPECT_THAT(parse_gathered("{}").error().message, HasSubstr("is missing"));
  EXPECT_THAT(parse_gathered("[").error().message, HasSubstr("moments:"));
}

TEST_F(TrainingTest, RowsAreMadeOnTheGridAskedFor) {
  choice_.period = core::kSecond;
  choice_.resample = detection::Resample::kMean;
  const auto data = read_csv({csv("a.csv", 900)}, choice_);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->rows.rows(), 90U);
  EXPECT_EQ(data->times[1] - data->times[0], core::kSecond);
}

TEST_F(TrainingTest, EachStateHasAScaleOfItsOwn) {
  choice_.states = {1, 2};
  choice_.settle = core::kSecond;
  const auto data = read_csv({csv("a.csv", 1200, 600)}, choice_);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->rows.rows(), 1190U);  // without what follows the change
  TrainOptions with = options();
  with.states = {1, 2};
  with.regimes = true;
  const auto bundle = train(*data, with);
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_NEAR(bundle->regimes.at(1).centre[0], 40, 1);
  EXPECT_NEAR(bundle->regimes.at(2).centre[0], 90, 1);
  with.states = {1, 3};
  EXPECT_FALSE(train(*data, with));
}

TEST_F(TrainingTest, WhatCannotBeLearntFromIsRefused) {
  const auto refusal = [&](Choice choice, int rows = 900) {
    const auto data = read_csv({csv("a.csv", rows)}, choice);
    if (!data) return data.error().message;
    const auto bundle = train(*data, options());
    return bundle ? std::string("taken") : bundle.error().message;
  };
  EXPECT_EQ(refusal(choice_), "taken");
  Choice with_constant = choice_;
  with_constant.state = "";
  with_constant.states = {};
  EXPECT_THAT(refusal(with_constant), HasSubstr("'state' is 1"));
  Choice missing = choice_;
  missing.sensors = {"motor/current", "motor/speed"};
  EXPECT_THAT(refusal(missing), HasSubstr("motor/speed"));
  EXPECT_THAT(refusal(choice_, 8), HasSubstr("8 training rows"));
}

TEST_F(TrainingTest, LabelledFaultsTeachTrees) {
  Choice choice = choice_;
  choice.ignore = {};
  choice.labels = "fault";
  const auto data = read_csv({csv("a.csv", 900, 1 << 30, 600)}, choice);
  ASSERT_TRUE(data) << data.error().message;
  TrainOptions with = options();
  with.xgboost = true;
  with.trees.rounds = 20;
  const auto bundle = train(*data, with);
  if (!bundle && bundle.error().code == core::ErrorCode::kUnsupported) GTEST_SKIP() << bundle.error().message;
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->kind, "xgboost");
  EXPECT_LT(bundle->training.false_alarms, 0.05);
  const auto again = models::parse_payload(models::to_payload(*bundle));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(models::score_test_rows(*again, **models::make_detector(*again)), bundle->test.scores);
}

}  // namespace
}  // namespace millwright::training
