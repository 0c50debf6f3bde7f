#include "detection/vibration_severity.hpp"

#include <array>

#include "core/assert.hpp"

namespace millwright::detection {
namespace {

struct GroupRow {
  ZoneBoundaries rigid;
  ZoneBoundaries flexible;
};
// Groups 1 to 4.
constexpr std::array<GroupRow, 4> kGroups{{
    {{2.3, 4.5, 7.1}, {3.5, 7.1, 11.0}},
    {{1.4, 2.8, 4.5}, {2.3, 4.5, 7.1}},
    {{2.3, 4.5, 7.1}, {3.5, 7.1, 11.0}},
    {{1.4, 2.8, 4.5}, {2.3, 4.5, 7.1}},
}};

}  // namespace

ZoneBoundaries zone_boundaries(MachineGroup group, Foundation foundation) {
  const auto number = static_cast<std::size_t>(group);
  ASSERT(number >= 1 && number <= kGroups.size(), "a group of the standard");
  const GroupRow& row = kGroups[number - 1];
  return foundation == Foundation::kRigid ? row.rigid : row.flexible;
}

SeverityZone severity_zone(const ZoneBoundaries& boundaries, double velocity_rms) {
  if (velocity_rms <= boundaries.ab) return SeverityZone::kA;
  if (velocity_rms <= boundaries.bc) return SeverityZone::kB;
  return velocity_rms <= boundaries.cd ? SeverityZone::kC : SeverityZone::kD;
}

}  // namespace millwright::detection
