// Faults that the simulator plays, as text and as strength over time.
//
//   bearing-wear:pump-1:start=40s:ramp=10s:duration=60s
//   stuck:pump-1/pump/flow:start=1min:duration=30s
//   network-loss:*:start=2min:duration=20s
//
// The target is machine, machine/component or machine/component/sensor; a network loss names a machine, a connector or
// '*' for everything. "sensor=flow" behind a machine says the same as machine/flow. Times count from the simulation's
// start.
//
// Threads: value types. Errors: kInvalid, with what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/random.hpp"

namespace millwright::simulator {

enum class FaultKind : std::uint8_t {
  kBearingWear,   // defect harmonics, velocity RMS and bearing temperature grow
  kCavitation,    // broadband vibration; pressure and flow flutter and drop
  kMisalignment,  // twice the shaft's frequency
  kStuck,         // a sensor keeps its last value
  kDrift,         // a sensor walks away by a tenth of its range
  kNetworkLoss,   // the OPC UA server goes silent, the burst client hangs up
};
std::string_view to_string(FaultKind kind);  // "bearing-wear", …

struct Fault {
  FaultKind kind = FaultKind::kBearingWear;
  std::string machine;
  std::string component;  // "": the machine as a whole
  std::string sensor;     // only kStuck and kDrift
  core::DurationNs start = 0;
  core::DurationNs ramp = 5 * core::kSecond;  // until full strength
  core::DurationNs duration = core::kMinute;  // from start; 0: without end

  [[nodiscard]] bool active(core::DurationNs since_start) const;
  // 0 outside, else up to 1 as the ramp goes.
  [[nodiscard]] double strength(core::DurationNs since_start) const;
};

core::Result<Fault> parse_fault(std::string_view text);
std::string to_string(const Fault& fault);  // the text that parse_fault() reads
// Whether the fault's target exists in the model, and is of a kind that the fault can befall.
core::Status check_fault(const Fault& fault, const asset::Model& model);

// The demo's schedule, the same for the same seed: a worn bearing on a pump at 35 s, then another fault every minute
// without end, each for 40 s.
class DemoSchedule {
 public:
  // The model outlives the schedule and has at least one machine.
  DemoSchedule(const asset::Model& model, std::uint64_t seed);
  // The fault after the last one given; starts rise.
  Fault next();

 private:
  const asset::Machine& pick_machine(std::string_view type_part);

  const asset::Model& model_;
  io::Random random_;
  std::uint64_t given_ = 0;
  std::string last_machine_;
};

}  // namespace millwright::simulator
