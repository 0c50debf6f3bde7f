// Run rules: patterns of consecutive points that chance alone hardly makes. L. S. Nelson's eight (Journal of Quality
// Technology, 1984) and Western Electric's four (1956), of which three are the same.
//
//   nelson-1  one point beyond 3 sigmas                          = western-electric-1
//   nelson-2  nine in a row on one side of the centre            western-electric-4: eight
//   nelson-3  six in a row, each above the one before, or below
//   nelson-4  fourteen in a row, up and down in turn
//   nelson-5  two of three beyond 2 sigmas, on the same side     = western-electric-2
//   nelson-6  four of five beyond 1 sigma, on the same side      = western-electric-3
//   nelson-7  fifteen in a row within 1 sigma
//   nelson-8  eight in a row beyond 1 sigma, on either side
//
// Threads: one owner. Plain data. The last point of a pattern must itself belong to it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millwright::detection {

// A set of rules, a bit each: 0 to 7 Nelson's, 8 Western Electric's fourth.
using RuleSet = std::uint16_t;
inline constexpr RuleSet kEightOnASide = 1U << 8;
inline constexpr RuleSet kBeyondLimits = 1U << 0;

inline constexpr std::array<std::string_view, 12> kRuleNames = {
    "nelson-1", "nelson-2", "nelson-3",           "nelson-4",           "nelson-5",           "nelson-6",
    "nelson-7", "nelson-8", "western-electric-1", "western-electric-2", "western-electric-3", "western-electric-4"};
std::optional<RuleSet> rule_of(std::string_view name);
// What the first rule of the set says, for a person: "nine in a row on one side of the centre".
std::string_view describe_rule(RuleSet rules);

class RunRules {
 public:
  // Takes the next point, in sigmas from the centre; gives those of `wanted` that it completes.
  RuleSet add(double z, RuleSet wanted);
  void clear() { *this = {}; }

 private:
  void note(double z);
  // Bit i of each: the point i ago was …
  struct Side {
    std::uint16_t any = 0;  // on this side of the centre
    std::uint16_t beyond_1 = 0;
    std::uint16_t beyond_2 = 0;
    void note(double z);  // z > 0: this side
    [[nodiscard]] RuleSet broken() const;
  };
  Side above_;
  Side below_;
  std::uint16_t within_1_ = 0;
  std::uint16_t known_ = 0;
  double last_ = 0;
  std::uint8_t rising_ = 0;       // steps up in a row
  std::uint8_t falling_ = 0;      // steps down in a row
  std::uint8_t alternating_ = 0;  // steps in a row, each the other way than the one before
};

}  // namespace millwright::detection
