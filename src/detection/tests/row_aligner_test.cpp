#include "detection/row_aligner.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::detection {
namespace {

using core::kSecond;
using core::TimeNs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::NanSensitiveDoubleEq;
using ::testing::Pair;

using Rows = std::vector<std::pair<TimeNs, std::vector<double>>>;

// Rows of two sensors at 1 s, times in seconds.
class RowAlignerTest : public ::testing::Test {
 protected:
  RowAligner make(Resample resample = Resample::kLast) {
    return {2, {.period = kSecond, .resample = resample}, [this](TimeNs first, std::size_t rows, auto columns) {
              for (std::size_t i = 0; i < rows; ++i) {
                rows_.emplace_back(first / kSecond + static_cast<TimeNs>(i), std::vector{columns[0][i], columns[1][i]});
              }
            }};
  }
  static TimeNs at(double seconds) { return static_cast<TimeNs>(seconds * 1e9); }
  Rows taken() { return std::exchange(rows_, {}); }

  Rows rows_;
};

TEST_F(RowAlignerTest, ARowIsCompleteOnceEachSensorHasComeToItsTime) {
  RowAligner aligner = make();
  aligner.add(0, at(9.4), 1);
  aligner.add(0, at(10), 2);
  aligner.flush();
  EXPECT_THAT(rows_, IsEmpty());
  aligner.add(1, at(9.9), 7);
  aligner.flush();
  EXPECT_THAT(rows_, IsEmpty());  // its value at 10 may be on its way
  aligner.add(1, at(10.5), 8);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(10, ElementsAre(2, 7))));
  EXPECT_TRUE(aligner.waiting());
  aligner.add(0, at(11), 3);
  aligner.add(1, at(11), 9);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(11, ElementsAre(3, 9))));
}

TEST_F(RowAlignerTest, AMeanIsOfThePeriodThatEndsAtTheRow) {
  RowAligner aligner = make(Resample::kMean);
  for (const double value : {1.0, 2.0, 6.0}) aligner.add(0, at(9 + value / 6), value);
  for (const double time : {9.5, 10.0, 10.5, 11.0}) aligner.add(1, at(time), time);
  aligner.add(0, at(11), 5);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(10, ElementsAre(3, 9.75)), Pair(11, ElementsAre(5, 10.75))));
}

TEST_F(RowAlignerTest, WithoutAValueASensorKeepsItsLast) {
  RowAligner aligner = make();
  aligner.add(0, at(1), 1);
  aligner.add(0, at(2), 2);
  aligner.add(0, at(3), 3);
  aligner.add(1, at(2), 5);
  aligner.add(1, at(3), NAN);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(1, ElementsAre(1, NanSensitiveDoubleEq(NAN))), Pair(2, ElementsAre(2, 5)),
                                   Pair(3, ElementsAre(3, 5))));
}

TEST_F(RowAlignerTest, ExpiredRowsAreEmittedAndWhatComesThenIsLate) {
  RowAligner aligner = make();
  aligner.add(1, at(1), 5);
  aligner.add(0, at(1), 1);
  aligner.add(0, at(2), 2);
  aligner.add(0, at(5), 3);
  aligner.expire(aligner.newest() - 2 * kSecond);
  EXPECT_THAT(taken(), ElementsAre(Pair(1, ElementsAre(1, 5)), Pair(2, ElementsAre(2, 5))));
  aligner.add(1, at(2), 6);
  EXPECT_EQ(aligner.late(), 1U);
  aligner.add(1, at(5), 7);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(5, ElementsAre(3, 7))));  // 3 and 4 hold nothing
}

TEST_F(RowAlignerTest, BlocksGiveTheSameAsReadings) {
  RowAligner aligner = make();
  const std::vector<double> first{1, 2, 3, 4, NAN, 6};
  const std::vector<float> second{10, 20, 30, 40, 50, 60};
  aligner.add_run(0, at(100.25), kSecond, std::span(first));
  aligner.add_run(1, at(100.5), kSecond, std::span(second));
  aligner.flush();
  const Rows blocks = taken();
  RowAligner one_by_one = make();
  for (std::size_t i = 0; i < 6; ++i) one_by_one.add(0, at(100.25 + static_cast<double>(i)), first[i]);
  for (std::size_t i = 0; i < 6; ++i)
    one_by_one.add(1, at(100.5 + static_cast<double>(i)), static_cast<double>(second[i]));
  one_by_one.flush();
  EXPECT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks, taken());
}

TEST_F(RowAlignerTest, LongBlocksAndGapsStayWithinTheRoom) {
  RowAligner aligner = make();
  const std::vector<double> many(20'000, 1.0);
  aligner.add_run(0, at(1), kSecond, std::span(many));
  EXPECT_EQ(rows_.size(), 20'000 - RowAligner::kRowsMax);  // those that could wait no longer
  taken();
  aligner.add_run(1, at(1), kSecond, std::span(many));
  aligner.flush();
  EXPECT_EQ(taken().size(), RowAligner::kRowsMax);
  EXPECT_EQ(aligner.late(), 20'000 - RowAligner::kRowsMax);
  aligner.add(0, at(9e8), 2);
  aligner.add(1, at(9e8), 3);
  aligner.flush();
  EXPECT_THAT(taken(), ElementsAre(Pair(900'000'000, ElementsAre(2, 3))));
}

}  // namespace
}  // namespace millwright::detection
