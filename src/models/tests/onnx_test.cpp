#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "models/onnx_detector.hpp"
#include "models/onnx_library.hpp"

namespace millwright::models {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kSensors{"a", "b", "c", "d"};

// tests/golden: score.onnx gives 1 / (1 + exp(4 - d)) of a row a, b, c, d; classes.onnx the class and, by softmax of
// (4, d), the probabilities of both. Made with onnx 1.23 for opset 13.
std::string golden(const std::string& name) {
  std::ifstream in(std::filesystem::path(MILLWRIGHT_SOURCE_DIR) / "src/models/tests/golden" / name, std::ios::binary);
  return onnx_text(std::string{std::istreambuf_iterator<char>(in), {}});
}

class OnnxDetectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto library = OnnxLibrary::get(); !library) GTEST_SKIP() << library.error().message;
  }
};

TEST_F(OnnxDetectorTest, GivesWhatTheNetworkGives) {
  for (const char* file : {"score.onnx", "classes.onnx"}) {
    const auto made = make_onnx_detector(kSensors, golden(file), 0.5);
    ASSERT_TRUE(made) << file << ": " << made.error().message;
    for (const double d : {-3.0, 0.0, 3.9, 4.1, 9.0}) {
      const std::array row{1.0, 2.0, 3.0, d};
      const auto& verdict = (*made)->score(row);
      EXPECT_NEAR(verdict.statistics[0], 1 / (1 + std::exp(4 - d)), 1e-6) << file;
      EXPECT_NEAR(verdict.score, 2 * verdict.statistics[0], 1e-9);
      EXPECT_EQ(verdict.alarm, d > 4);
    }
  }
}

TEST_F(OnnxDetectorTest, NamesTheSensorByWhatIsUsual) {
  const auto made = make_onnx_detector(kSensors, golden("score.onnx"), 0.5);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->contributions(), std::vector<double>(4));  // nothing is usual yet
  for (int i = 0; i < 50; ++i) (*made)->score(std::array{1.0, 2.0, 3.0, 0.1 * (i % 3)});
  (*made)->score(std::array{7.0, -2.0, 30.0, 8.0});
  const auto parts = (*made)->contributions();
  EXPECT_GT(parts[3], 0.9);
  for (const std::size_t j : {0U, 1U, 2U}) EXPECT_NEAR(parts[j], 0, 1e-6);
  const auto copy = (*made)->copy();
  EXPECT_EQ(copy->score(std::array{1.0, 2.0, 3.0, 8.0}).score, (*made)->score(std::array{1.0, 2.0, 3.0, 8.0}).score);
}

TEST_F(OnnxDetectorTest, RefusesWhatDoesNotFit) {
  const auto wrong_width = make_onnx_detector({"a", "b"}, golden("score.onnx"), 0.5);
  ASSERT_FALSE(wrong_width);
  EXPECT_THAT(wrong_width.error().message, HasSubstr("row of 2 sensors"));
  for (const std::string& text : {std::string("!"), std::string(), onnx_text("not a network"), onnx_text("")}) {
    const auto made = make_onnx_detector(kSensors, text, 0.5);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, core::ErrorCode::kInvalid);
  }
}

TEST(OnnxText, IsBase64) {
  EXPECT_EQ(onnx_text("M"), "TQ==");
  EXPECT_EQ(onnx_text("Ma"), "TWE=");
  EXPECT_EQ(onnx_text("Man"), "TWFu");
}

}  // namespace
}  // namespace millwright::models
