#include "backtest/backtest.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backtest/detector_file.hpp"

namespace millwright::backtest {
namespace {

using ::testing::HasSubstr;

class BacktestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / (std::string("millwright-backtest-") + test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_ = {.data = write("data.csv", data(';')),
                .detector = write("detector.yaml", kDetector),
                .train_rows = 100,
                .ignore_columns = {"changepoint"},
                .labels = "anomaly",
                .out = path("scores.csv")};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  static std::string read(const std::string& file) {
    std::stringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  // 150 seconds; the flow is wrong in rows 121 to 140.
  static std::string data(char separator, int rows = 150) {
    std::string text = "datetime;flow;speed;anomaly;changepoint\n";
    for (int i = 1; i <= rows; ++i) {
      const bool bad = i > 120 && i <= 140;
      text += fmt::format("2026-03-01 10:{:02}:{:02};{:.4f};{:.4f};{:d};0\n", i / 60, i % 60,
                          30 + std::sin(i) + (bad ? 9 : 0), 1500 + 20 * std::cos(1.3 * i), bad);
    }
    std::replace(text.begin(), text.end(), ';', separator);
    return text;
  }

  static constexpr const char* kDetector = "models:\n  - kind: largest\nlimit: {factor: 2}\n";
  std::filesystem::path folder_;
  BacktestOptions options_;
};

TEST_F(BacktestTest, WritesARowForEachAndScoresAgainstLabels) {
  const auto result = run_backtest(options_);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows, 150);
  EXPECT_EQ(result->sensors, 2);
  EXPECT_EQ(result->alarms, 20);
  ASSERT_TRUE(result->evaluation);
  EXPECT_DOUBLE_EQ(result->evaluation->f1(), 1);
  EXPECT_EQ(result->evaluation->hits(), 20);
  EXPECT_EQ(result->evaluation->quiet(), 30);
  EXPECT_EQ(result->evaluation->detected(), 1);
  EXPECT_DOUBLE_EQ(result->evaluation->delay_seconds(), 0);
  const std::string out = read(options_.out);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 151);
  EXPECT_THAT(out, ::testing::StartsWith("time,alarm,score,largest,top_contributor\n2026-03-01 10:00:01,0,"));
  EXPECT_THAT(out, HasSubstr("\n2026-03-01 10:02:01,1,"));
}

// The first 130 rows of a longer file get the scores that they get alone, to the byte.
TEST_F(BacktestTest, NeverReadsALaterRow) {
  ASSERT_TRUE(run_backtest(options_));
  const std::string whole = read(options_.out);
  options_.data = write("short.csv", data(';', 130));
  ASSERT_TRUE(run_backtest(options_));
  const std::string part = read(options_.out);
  EXPECT_EQ(part, whole.substr(0, part.size()));
}

TEST_F(BacktestTest, TrainsAndCalibratesOnOtherFilesAndKeepsTimesAsWritten) {
  std::string rows = "row,flow,speed\n";
  for (int i = 1; i <= 300; ++i) {
    rows += fmt::format("{},{:.4f},{:.4f}\n", i, 30 + std::sin(i), 1500 + 20 * std::cos(1.3 * i));
  }
  options_.train = write("train.csv", rows);
  options_.train_rows = 0;
  options_.calibrate = options_.train;
  options_.data = options_.train;
  options_.labels.clear();
  options_.ignore_columns.clear();
  const auto result = run_backtest(options_);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->alarms, 3);  // 1 %
  EXPECT_FALSE(result->evaluation);
  EXPECT_THAT(read(options_.out), HasSubstr("\n300,"));
}

TEST_F(BacktestTest, DoesNotLookAtColumnsThatAreNoSensors) {
  std::string text = data(',');
  for (std::size_t at = 0; (at = text.find(",0\n", at)) != std::string::npos; at += 3) text.replace(at, 3, ",fine\n");
  options_.data = write("notes.csv", text);
  const auto result = run_backtest(options_);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->alarms, 20);
}

TEST_F(BacktestTest, SaysWhatIsWrong) {
  const auto message = [&](const BacktestOptions& options) {
    const auto result = run_backtest(options);
    return result ? std::string("it worked") : result.error().message;
  };
  BacktestOptions wrong = options_;
  wrong.train_rows = 0;
  EXPECT_THAT(message(wrong), HasSubstr("say what to learn from"));
  wrong = options_;
  wrong.train_rows = 151;
  EXPECT_THAT(message(wrong), HasSubstr("has 150 rows, and 151 were to train on"));
  wrong = options_;
  wrong.labels = "anomoly";
  EXPECT_THAT(message(wrong), HasSubstr("has no column 'anomoly' (did you mean 'anomaly'?)"));
  wrong = options_;
  wrong.labels = "speed";
  EXPECT_THAT(message(wrong), HasSubstr("is neither 0 nor 1"));
  wrong = options_;
  wrong.ignore_columns = {"flow", "speed", "changepoint"};
  EXPECT_THAT(message(wrong), HasSubstr("no column is left to judge"));
  wrong = options_;
  wrong.data = path("absent.csv");
  EXPECT_THAT(message(wrong), HasSubstr("absent.csv: No such file"));
  wrong = options_;
  wrong.data = write("bad.csv", "time,a\n1,2\n2,x\n");
  EXPECT_THAT(message(wrong), HasSubstr("bad.csv:3:"));
  wrong = options_;
  wrong.out = path("no/such/folder.csv");
  EXPECT_THAT(message(wrong), HasSubstr("no/such/folder.csv: No such file"));
}

TEST(DetectorFile, ReadsEveryKey) {
  const auto file = parse_detector_file(R"(
ignore_columns: [anomaly]
models:
  - {kind: pca, centre: median, spread: steps, smoothing: 0.5, lags: 2, components: 3, shrinkage: 0.1,
     statistics: [spe], statistic_smoothing: 0.2, drift: {columns: [t], ratio: 3, memory: 99, block: 20}}
  - {kind: cva, states: 7}
limit: {source: theory, false_alarms: 0.001, factor: 1.5}
alarm: {raise: 2, of: 4, hold: 9}
)",
                                        "d.yaml");
  ASSERT_TRUE(file) << file.error().message;
  const auto& options = file->options;
  ASSERT_EQ(options.models.size(), 2);
  const auto& pca = options.models[0];
  EXPECT_EQ(pca.kind, detection::ModelKind::kPca);
  EXPECT_EQ(pca.centre, detection::Centre::kMedian);
  EXPECT_EQ(pca.spread, detection::Spread::kSteps);
  EXPECT_DOUBLE_EQ(pca.smoothing, 0.5);
  EXPECT_EQ(pca.lags, 2);
  EXPECT_EQ(pca.components, 3);
  EXPECT_DOUBLE_EQ(pca.shrinkage, 0.1);
  EXPECT_EQ(pca.statistics, std::vector{detection::Statistic::kSpe});
  EXPECT_DOUBLE_EQ(pca.statistic_smoothing, 0.2);
  EXPECT_EQ(pca.drift.columns, std::vector<std::string>{"t"});
  EXPECT_EQ(pca.drift.block, 20);
  EXPECT_EQ(options.models[1].components, 7);
  EXPECT_EQ(options.limit.source, detection::LimitSource::kTheory);
  EXPECT_EQ(options.alarm.hold, 9);
  EXPECT_EQ(file->ignore_columns, std::vector<std::string>{"anomaly"});
}

TEST(DetectorFile, TellsEveryProblem) {
  const auto file = parse_detector_file(
      "models: [{kind: pca, statistics: [state], smooothing: 1}]\nalarm: {raise: 3, of: 2}\n", "d.yaml");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, AllOf(HasSubstr("'state' is no statistic of pca; it has t2, spe"),
                                          HasSubstr("did you mean 'smoothing'?"), HasSubstr("3 of the last 2 rows")));
  EXPECT_THAT(parse_detector_file("models: []\n", "d.yaml").error().message, HasSubstr("needs at least one model"));
}

TEST(DetectorFile, TheShippedOnesRead) {
  for (const char* name : {"skab", "tep", "default"}) {
    const auto file = load_detector_file(fmt::format("{}/examples/detectors/{}.yaml", MILLWRIGHT_SOURCE_DIR, name));
    EXPECT_TRUE(file) << file.error().message;
  }
}

TEST(Evaluation, CountsRowsAndDelays) {
  Evaluation evaluation;
  const std::string labels = "0011100110";
  const std::string alarms = "1000110000";
  for (std::size_t i = 0; i < labels.size(); ++i) {
    evaluation.add(labels[i] == '1', alarms[i] == '1', static_cast<core::TimeNs>(i) * 3 * core::kSecond);
  }
  EXPECT_EQ(evaluation.hits(), 1);
  EXPECT_EQ(evaluation.misses(), 4);
  EXPECT_EQ(evaluation.false_alarms(), 2);
  EXPECT_EQ(evaluation.quiet(), 3);
  EXPECT_EQ(evaluation.events(), 2);
  EXPECT_EQ(evaluation.detected(), 1);
  EXPECT_DOUBLE_EQ(evaluation.delay_rows(), 2);
  EXPECT_DOUBLE_EQ(evaluation.delay_seconds(), 6);
  EXPECT_DOUBLE_EQ(evaluation.f1(), 0.25);
  EXPECT_DOUBLE_EQ(evaluation.false_alarm_rate(), 0.4);
  EXPECT_DOUBLE_EQ(evaluation.missed_alarm_rate(), 0.8);
}

}  // namespace
}  // namespace millwright::backtest
