// Defect frequencies of a rolling bearing, as multiples of its shaft's speed, from its geometry.
//
// Threads: pure functions. Units: diameters alike (mm), the contact angle in degrees. The outer ring stands, the inner
// turns with the shaft, and nothing slips; real bearings are a per cent or two away from it.
// Source: Randall and Antoni, "Rolling element bearing diagnostics: a tutorial", MSSP 25 (2011), equations 1 to 4.
#pragma once

namespace millwright::detection {

struct BearingGeometry {
  double balls = 0;           // or rollers, of one row
  double ball_diameter = 0;   // less than the pitch diameter
  double pitch_diameter = 0;  // of the circle through the balls' centres
  double contact_angle = 0;   // degrees; 0 for deep-groove bearings
};

struct DefectOrders {
  double bpfo = 0;  // balls pass a spot of the outer ring
  double bpfi = 0;  // balls pass a spot of the inner ring
  double bsf = 0;   // a ball turns: a spot on it strikes each ring once a turn
  double ftf = 0;   // the cage turns
};

DefectOrders defect_orders(const BearingGeometry& geometry);

}  // namespace millwright::detection
