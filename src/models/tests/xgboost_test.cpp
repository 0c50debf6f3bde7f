#include <cmath>

#include <gmock/gmock.h>

#include "models/tests/test_bundle.hpp"
#include "models/xgboost_detector.hpp"

namespace millwright::models {
namespace {

using ::testing::HasSubstr;

TEST(XgboostDetector, LearnsLabelledFaultsAndNamesTheSensor) {
  const auto rows = testing::make_rows(600, 1, 300);
  std::vector<double> labels(600);
  std::fill(labels.begin() + 300, labels.end(), 1.0);
  const auto trees = train_xgboost(rows, labels, {.rounds = 30});
  if (!trees && trees.error().code == core::ErrorCode::kUnsupported) GTEST_SKIP() << trees.error().message;
  ASSERT_TRUE(trees) << trees.error().message;
  const std::vector<std::string> sensors{"a", "b", "c", "d"};
  const auto made = make_xgboost_detector(sensors, *trees, 0.5);
  ASSERT_TRUE(made) << made.error().message;
  const auto copy = (*made)->copy();
  const auto fresh = testing::make_rows(200, 2, 100);
  int right = 0;
  int named = 0;
  for (std::size_t i = 0; i < fresh.rows(); ++i) {
    const auto& verdict = (*made)->score(fresh.row(i));
    EXPECT_EQ(copy->score(fresh.row(i)).score, verdict.score);
    right += verdict.alarm == (i >= 100) ? 1 : 0;
    const auto parts = (*made)->contributions();
    named += i >= 100 && std::max_element(parts.begin(), parts.end()) - parts.begin() == 3 ? 1 : 0;
  }
  EXPECT_GT(right, 185);
  EXPECT_GT(named, 90);
  EXPECT_FALSE(make_xgboost_detector({"a", "b"}, *trees, 0.5));
  EXPECT_FALSE(make_xgboost_detector(sensors, "{}", 0.5));
  EXPECT_FALSE(make_xgboost_detector(sensors, "not JSON", 0.5));
}

TEST(XgboostDetector, NeedsRowsOfBothLabels) {
  const auto rows = testing::make_rows(100, 1);
  const auto trees = train_xgboost(rows, std::vector<double>(100), {});
  ASSERT_FALSE(trees);
  if (trees.error().code == core::ErrorCode::kUnsupported) GTEST_SKIP() << trees.error().message;
  EXPECT_THAT(trees.error().message, HasSubstr("10 or more"));
}

}  // namespace
}  // namespace millwright::models
