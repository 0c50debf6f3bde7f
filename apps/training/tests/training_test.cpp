#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
