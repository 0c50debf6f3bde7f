#include "access/limits.hpp"

#include <gtest/gtest.h>

namespace millwright::access {
namespace {

TEST(LoginGuardTest, WrongPasswordsWaitLongerEachTime) {
  io::SimClock clock(0);
  LoginGuard guard(clock);
  for (int i = 0; i < LoginGuard::kFree; ++i) EXPECT_EQ(guard.begin("anna", "10.0.0.7"), 0);
  core::DurationNs before = 0;
  for (int i = 0; i < 8; ++i) {
    const core::DurationNs wait = guard.begin("anna", "10.0.0.7");
    EXPECT_GT(wait, before);
    before = wait;
    clock.advance(wait);
    EXPECT_EQ(guard.begin("anna", "10.0.0.7"), 0);
  }
  EXPECT_LE(before, LoginGuard::kLongest);
}

TEST(LoginGuardTest, ANameIsHeldUpFromEveryAddressAndOthersAreNot) {
  io::SimClock clock(0);
  LoginGuard guard(clock);
  for (int i = 0; i < LoginGuard::kFree; ++i) EXPECT_EQ(guard.begin("anna", "10.0.0." + std::to_string(i)), 0);
  EXPECT_GT(guard.begin("anna", "10.0.0.99"), 0);
  EXPECT_EQ(guard.begin("bert", "10.0.0.99"), 0);
}

TEST(LoginGuardTest, AnAddressThatTriesManyNamesIsHeldUp) {
  io::SimClock clock(0);
  LoginGuard guard(clock);
  for (int i = 0; i < LoginGuard::kFreeOfAddress; ++i)
    EXPECT_EQ(guard.begin("user" + std::to_string(i), "10.0.0.7"), 0);
  EXPECT_GT(guard.begin("somebody-else", "10.0.0.7"), 0);
  EXPECT_EQ(guard.begin("somebody-else", "10.0.0.8"), 0);
}

TEST(LoginGuardTest, ARightPasswordClearsTheName) {
  io::SimClock clock(0);
  LoginGuard guard(clock);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < LoginGuard::kFree - 1; ++i) {
      ASSERT_EQ(guard.begin("anna", "10.0.0." + std::to_string(round)), 0);
    }
    ASSERT_EQ(guard.begin("anna", "10.0.1.1"), 0);
    guard.passed("anna", "10.0.1.1");
  }
  EXPECT_EQ(guard.begin("anna", "10.0.1.1"), 0);
}

TEST(LoginGuardTest, ForgetsTheOldestWhenThereAreTooMany) {
  io::SimClock clock(0);
  LoginGuard guard(clock);
  for (std::size_t i = 0; i < 2 * LoginGuard::kTriedMax; ++i) {
    EXPECT_EQ(guard.begin("user" + std::to_string(i), "address" + std::to_string(i)), 0);
  }
}

TEST(ReadLimiterTest, ABucketFillsAtItsRate) {
  io::SimClock clock(0);
  ReadLimiter limiter(10, clock);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limiter.take("anna", 1));
  const auto wait = limiter.take("anna", 1);
  ASSERT_TRUE(wait);
  EXPECT_NEAR(static_cast<double>(*wait), 1e8, 1e3);
  EXPECT_FALSE(limiter.take("bert", 1));
  clock.advance(*wait);
  EXPECT_FALSE(limiter.take("anna", 1));
  EXPECT_TRUE(limiter.take("anna", 1));
}

TEST(ReadLimiterTest, ADearReadTakesTheWholeBucketAtMost) {
  io::SimClock clock(0);
  ReadLimiter limiter(10, clock);
  EXPECT_FALSE(limiter.take("anna", 100));
  EXPECT_TRUE(limiter.take("anna", 1));
  clock.advance(core::kSecond);
  EXPECT_FALSE(limiter.take("anna", 100));
}

TEST(ReadLimiterTest, ZeroIsNoLimit) {
  io::SimClock clock(0);
  ReadLimiter limiter(0, clock);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limiter.take("anna", 100));
}

}  // namespace
}  // namespace millwright::access
