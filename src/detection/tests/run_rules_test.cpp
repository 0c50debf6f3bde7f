#include "detection/run_rules.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace millwright::detection {
namespace {

constexpr RuleSet kAll = 0x1FF;

// The number of the point (from 1) at which `rule` is broken first; 0: never.
int broken_at(std::string_view rule, const std::vector<double>& points) {
  RunRules rules;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (rules.add(points[i], *rule_of(rule)) != 0) return static_cast<int>(i + 1);
  }
  return 0;
}

TEST(RunRules, OnePointBeyondThreeSigmas) {
  EXPECT_EQ(broken_at("nelson-1", {0, 2.9, -3.1}), 3);
  EXPECT_EQ(broken_at("western-electric-1", {0, 2.9, 3}), 0);
}

TEST(RunRules, ManyOnOneSide) {
  const std::vector<double> points = {-0.1, 0.5, 0.1, 0.2, 0.9, 0.4, 0.3, 0.1, 0.2, 0.6};
  EXPECT_EQ(broken_at("western-electric-4", points), 9);
  EXPECT_EQ(broken_at("nelson-2", points), 10);
  EXPECT_EQ(broken_at("nelson-2", {1, 1, 1, 1, 0, 1, 1, 1, 1, 1}), 0) << "the centre is on no side";
}

TEST(RunRules, SixInARowRising) {
  EXPECT_EQ(broken_at("nelson-3", {0, 1, 2, 1, 1.1, 1.2, 1.3, 1.4, 1.5}), 9);
  EXPECT_EQ(broken_at("nelson-3", {0, -0.1, -0.2, -0.3, -0.4, -0.5}), 6);
  EXPECT_EQ(broken_at("nelson-3", {0, 0, 0, 0, 0, 0, 0}), 0);
}

TEST(RunRules, FourteenUpAndDown) {
  std::vector<double> points;
  for (int i = 0; i < 14; ++i) points.push_back(i % 2 == 0 ? 0.5 : -0.5);
  EXPECT_EQ(broken_at("nelson-4", points), 14);
  points[6] = -0.5;
  EXPECT_EQ(broken_at("nelson-4", points), 0);
}

TEST(RunRules, SomeFarOutOnTheSameSide) {
  EXPECT_EQ(broken_at("nelson-5", {2.1, 0, 2.1}), 3);
  EXPECT_EQ(broken_at("western-electric-2", {2.1, 0, -2.1}), 0);
  EXPECT_EQ(broken_at("nelson-6", {1.1, 1.1, 0, -1.2, 1.1, 1.1}), 0);
  EXPECT_EQ(broken_at("western-electric-3", {1.1, 1.1, 0, 1.1, 1.1}), 5);
  EXPECT_EQ(broken_at("nelson-5", {2.1, 2.1, 0}), 2);
}

TEST(RunRules, TooQuietAndTooWide) {
  EXPECT_EQ(broken_at("nelson-7", std::vector<double>(20, 0.5)), 15);
  EXPECT_EQ(broken_at("nelson-8", {1.1, -1.1, 1.2, -1.3, -1.4, 1.5, 1.2, -1.2}), 8);
}

TEST(RunRules, KeepQuietOnNoneWanted) {
  RunRules rules;
  EXPECT_EQ(rules.add(10, 0), 0);
  EXPECT_EQ(rules.add(10, kAll) & kBeyondLimits, kBeyondLimits);
  EXPECT_FALSE(rule_of("nelson-9"));
  EXPECT_EQ(describe_rule(kBeyondLimits), "a point beyond 3 sigmas");
}

}  // namespace
}  // namespace millwright::detection
