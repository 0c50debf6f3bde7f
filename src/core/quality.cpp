#include "core/quality.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace millwright::core {
namespace {

struct Named {
  Quality quality;
  std::string_view name;
};
constexpr std::array<Named, 15> kNamed{{
    {kGood, "Good"},
    {kUncertain, "Uncertain"},
    {kUncertainLastUsable, "UncertainLastUsableValue"},
    {kUncertainNotAccurate, "UncertainSensorNotAccurate"},
    {kUncertainEuExceeded, "UncertainEngineeringUnitsExceeded"},
    {kUncertainDataSubNormal, "UncertainDataSubNormal"},
    {kBad, "Bad"},
    {kBadWaitingForInitialData, "BadWaitingForInitialData"},
    {kBadNotConnected, "BadNotConnected"},
    {kBadNoCommunication, "BadNoCommunication"},
    {kBadSensorFailure, "BadSensorFailure"},
    {kBadInvalidTimestamp, "BadInvalidTimestamp"},
    {kBadTypeMismatch, "BadTypeMismatch"},
    {kBadNodeIdUnknown, "BadNodeIdUnknown"},
    {kBadNoData, "BadNoData"},
}};

}  // namespace

// The low half of a code is flags, which have no part in the name.
std::string_view quality_name(Quality quality) {
  for (const Named& known : kNamed) {
    if (known.quality.code == (quality.code & 0xFFFF0000u)) return known.name;
  }
  return quality.is_good() ? "Good" : quality.is_uncertain() ? "Uncertain" : "Bad";
}

std::string format_quality(Quality quality) {
  const auto known =
      std::find_if(kNamed.begin(), kNamed.end(), [&](const Named& one) { return one.quality == quality; });
  return known != kNamed.end() ? std::string(known->name) : fmt::format("0x{:08X}", quality.code);
}

std::optional<Quality> parse_quality(std::string_view text) {
  for (const Named& known : kNamed) {
    if (known.name == text) return known.quality;
  }
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  Quality quality;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, quality.code, hex ? 16 : 10);
  return error == std::errc{} && stop == end ? std::optional(quality) : std::nullopt;
}

}  // namespace millwright::core
