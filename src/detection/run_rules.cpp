#include "detection/run_rules.hpp"

#include <algorithm>
#include <bit>

namespace millwright::detection {
namespace {

constexpr RuleSet nelson(int number) {
  return static_cast<RuleSet>(1U << (number - 1));
}

void push(std::uint16_t& bits, bool bit) {
  bits = static_cast<std::uint16_t>((bits << 1) | static_cast<std::uint16_t>(bit));
}

// Whether the last point and at least `wanted` of the last `of` have the bit.
bool has(std::uint16_t bits, int wanted, int of) {
  const auto window = static_cast<std::uint16_t>((1U << of) - 1);
  return (bits & 1U) != 0 && std::popcount(static_cast<std::uint16_t>(bits & window)) >= wanted;
}

constexpr std::array<std::string_view, 9> kSayings = {"a point beyond 3 sigmas",
                                                      "nine in a row on one side of the centre",
                                                      "six in a row, each beyond the one before",
                                                      "fourteen in a row, up and down in turn",
                                                      "two of three beyond 2 sigmas",
                                                      "four of five beyond 1 sigma",
                                                      "fifteen in a row within 1 sigma",
                                                      "eight in a row beyond 1 sigma, on either side",
                                                      "eight in a row on one side of the centre"};

}  // namespace

std::optional<RuleSet> rule_of(std::string_view name) {
  constexpr std::array<RuleSet, 12> kRules = {nelson(1), nelson(2), nelson(3), nelson(4), nelson(5), nelson(6),
                                              nelson(7), nelson(8), nelson(1), nelson(5), nelson(6), kEightOnASide};
  const auto* at = std::find(kRuleNames.begin(), kRuleNames.end(), name);
  if (at == kRuleNames.end()) return std::nullopt;
  return kRules[static_cast<std::size_t>(at - kRuleNames.begin())];
}

std::string_view describe_rule(RuleSet rules) {
  const auto first = static_cast<std::size_t>(std::countr_zero(rules));
  return first < kSayings.size() ? kSayings[first] : std::string_view();
}

void RunRules::Side::note(double z) {
  push(any, z > 0);
  push(beyond_1, z > 1);
  push(beyond_2, z > 2);
}

RuleSet RunRules::Side::broken() const {
  RuleSet broken = 0;
  if (has(any, 9, 9)) broken |= nelson(2);
  if (has(any, 8, 8)) broken |= kEightOnASide;
  if (has(beyond_2, 2, 3)) broken |= nelson(5);
  if (has(beyond_1, 4, 5)) broken |= nelson(6);
  return broken;
}

void RunRules::note(double z) {
  if (known_ != 0) {
    const bool up = z > last_;
    const bool down = z < last_;
    const bool turned = (up && falling_ > 0) || (down && rising_ > 0);
    alternating_ = up || down ? static_cast<std::uint8_t>(turned ? std::min(alternating_ + 1, 200) : 1) : 0;
    rising_ = up ? static_cast<std::uint8_t>(std::min(rising_ + 1, 200)) : 0;
    falling_ = down ? static_cast<std::uint8_t>(std::min(falling_ + 1, 200)) : 0;
  }
  last_ = z;
  push(known_, true);
  above_.note(z);
  below_.note(-z);
  push(within_1_, z >= -1 && z <= 1);
}

RuleSet RunRules::add(double z, RuleSet wanted) {
  note(z);
  RuleSet broken = above_.broken() | below_.broken();
  if (z > 3 || z < -3) broken |= nelson(1);
  if (rising_ >= 5 || falling_ >= 5) broken |= nelson(3);
  if (alternating_ >= 13) broken |= nelson(4);
  if (has(within_1_, 15, 15)) broken |= nelson(7);
  const auto beyond = static_cast<std::uint16_t>(above_.beyond_1 | below_.beyond_1);
  if (has(beyond, 8, 8)) broken |= nelson(8);
  return broken & wanted;
}

}  // namespace millwright::detection
