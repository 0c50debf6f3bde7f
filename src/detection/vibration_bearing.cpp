#include "detection/vibration_bearing.hpp"

#include <cmath>
#include <numbers>

#include "core/assert.hpp"

namespace millwright::detection {

DefectOrders defect_orders(const BearingGeometry& geometry) {
  ASSERT(geometry.ball_diameter > 0 && geometry.ball_diameter < geometry.pitch_diameter, "balls that fit");
  const double ratio =
      geometry.ball_diameter / geometry.pitch_diameter * std::cos(geometry.contact_angle * std::numbers::pi / 180);
  return {.bpfo = geometry.balls / 2 * (1 - ratio),
          .bpfi = geometry.balls / 2 * (1 + ratio),
          .bsf = geometry.pitch_diameter / (2 * geometry.ball_diameter) * (1 - ratio * ratio),
          .ftf = (1 - ratio) / 2};
}

}  // namespace millwright::detection
