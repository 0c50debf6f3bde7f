#include "simulator/machine_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/assert.hpp"

namespace millwright::simulator {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr core::DurationNs kTick = 10 * core::kMillisecond;
constexpr double kTickS = 0.01;
constexpr double kFastRateHz = 100;  // faster sensors come in pieces
constexpr double kPieceOfStreamS = 0.1;
constexpr double kLoadMean = 0.70;
constexpr double kLoadSwing = 0.10;       // with the cycle
constexpr double kLoadSwingTwice = 0.04;  // with half the cycle
constexpr double kSpinUpS = 1.2;
constexpr double kWindingS = 180;
constexpr double kBearingS = 120;
constexpr double kOilS = 300;
constexpr double kWearHeatS = 15;
constexpr double kWearHeat = 28;     // °C that a fully worn bearing adds
constexpr double kNeighbour = 0.25;  // of a component's fault, felt at the others
constexpr double kGravity = 9.80665;
constexpr double kSlip = 0.012;  // of an induction motor at rated load
// 6310, nominal.
constexpr detection::BearingGeometry kUsualBearing{.balls = 8, .ball_diameter = 19.05, .pitch_diameter = 80};

// FNV-1a: every machine and sensor draws from a stream of its own, whatever else is in the plant.
std::uint64_t mix(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ seed * 0x9E3779B97F4A7C15ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A lag's share of the way to its target within one step.
double towards(double seconds, double time_constant) {
  return 1 - std::exp(-seconds / time_constant);
}

double steps_per_unit(const asset::Sensor& sensor, SensorRole role, double span) {
  if (sensor.type == core::ValueType::kInt64 || sensor.type == core::ValueType::kState) return 1;
  if (role == SensorRole::kVibration) return span > 50 ? 100 : 1000;
  if (span > 2000) return 1;
  if (span > 200) return 10;
  return span > 20 ? 100 : 1000;
}

// What the source has to send so that the plant's calibration makes `value` of it.
double to_raw(const asset::Calibration& calibration, double value) {
  const auto& c = calibration.coefficients;
  if (c.size() != 2 || c[1] == 0) return value;  // curves are not undone
  return std::round((value - c[0]) / c[1] * 1e6) / 1e6;
}

double nominal_rpm(double high) {
  if (high > 6000) return 0.375 * high;
  if (high > 2000) return std::min(2950.0, 0.66 * high);
  return std::min(1480.0, 0.82 * high);
}

detection::DefectOrders bearing_of(const asset::Component* component) {
  if (component == nullptr || !component->bearing) return detection::defect_orders(kUsualBearing);
  const asset::Bearing& bearing = *component->bearing;
  return detection::defect_orders(
      {bearing.balls, bearing.ball_diameter, bearing.pitch_diameter, bearing.contact_angle});
}

}  // namespace

MachineSimulation::MachineSimulation(const asset::Model& model, core::MachineId machine, std::uint64_t seed,
                                     core::TimeNs start, const MachineSimulationOptions& options)
    : machine_(model.machine(machine)), options_(options), start_(start), random_(mix(seed, machine_.name)) {
  cycle_s_ = 6 + 6 * random_.uniform();
  phase_1_ = kTurn * random_.uniform();
  phase_2_ = kTurn * random_.uniform();
  ambient_ = 20 + 4 * random_.uniform();
  compressor_ = contains(machine_.type, "compressor");
  pieces_per_cycle_ = contains(machine_.type, "conveyor") ? 6 : 1;
  good_ = static_cast<std::int64_t>(20'000 + random_.below(200'000));
  scrap_ = good_ / 50;
  next_change_ = options_.first_idle_after + static_cast<core::DurationNs>(random_.below(4 * core::kMinute));
  for (const core::SensorId id : machine_.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    if (!sensor.feature && role_of(sensor) == SensorRole::kSpeed && sensor.range)
      nominal_rpm_ = nominal_rpm(sensor.range->high);
  }
  for (const core::SensorId id : machine_.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    // No signal makes a text, and features come of waveforms.
    const bool made = sensor.type != core::ValueType::kText && !sensor.feature;
    if (made) channels_.push_back(make_channel(model, sensor, seed));
  }
  settle_heat();
  load_ = clean_load(0);
}

MachineSimulation::Channel MachineSimulation::make_channel(const asset::Model& model, const asset::Sensor& sensor,
                                                           std::uint64_t seed) const {
  Channel channel;
  channel.sensor = &sensor;
  channel.role = role_of(sensor);
  channel.random = io::Random(mix(seed, sensor.path));
  channel.own = channel.random.uniform();
  channel.drive_end = !sensor.name.ends_with("nde");
  if (sensor.range) {
    channel.low = sensor.range->low;
    channel.high = sensor.range->high;
  } else if (channel.role == SensorRole::kVibration) {
    channel.low = -200;
    channel.high = 200;
  }
  channel.steps_per_unit = steps_per_unit(sensor, channel.role, channel.high - channel.low);
  channel.period = std::max<core::DurationNs>(1, std::llround(1e9 / sensor.rate_hz));
  if (sensor.rate_hz > kFastRateHz) {
    channel.chunk = static_cast<std::uint32_t>(std::llround(sensor.rate_hz * kPieceOfStreamS));
  }
  if (channel.role == SensorRole::kVibration || channel.role == SensorRole::kVibrationVelocity) {
    // By component and end, so that a waveform and the velocity RMS beside it belong together.
    const std::string place = machine_.name + "/" + sensor.component + (channel.drive_end ? "/de" : "/nde");
    channel.vibration = std::make_unique<VibrationPoint>(nominal_rpm_ / 60, bearing_of(model.component_of(sensor)),
                                                         io::Random(mix(seed, place)));
  }
  return channel;
}

void MachineSimulation::add_fault(const Fault& fault) {
  const auto since_start = static_cast<core::DurationNs>(ticks_) * kTick;
  std::erase_if(faults_, [&](const Fault& f) { return f.start < since_start && !f.active(since_start); });
  if (fault.machine == machine_.name && fault.kind != FaultKind::kNetworkLoss) faults_.push_back(fault);
}

double MachineSimulation::clean_load(double seconds) const {
  const double turn = kTurn * seconds / cycle_s_;
  return kLoadMean + kLoadSwing * std::sin(turn + phase_1_) + kLoadSwingTwice * std::sin(2 * turn + phase_2_);
}

namespace {
// The heat of a load, 1 on average over the cycle.
double heat_of(double load) {
  constexpr double kMean = kLoadMean * kLoadMean + kLoadSwing * kLoadSwing / 2 + kLoadSwingTwice * kLoadSwingTwice / 2;
  return load * load / kMean;
}
}  // namespace

// Where a lag driven by the cycle stands after running for ever, so that no temperature creeps at the start.
void MachineSimulation::settle_heat() {
  const auto settled = [&](double time_constant) {
    constexpr int kSteps = 400;
    double sum = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double ago = (i + 0.5) * cycle_s_ / kSteps;
      sum += std::exp(-ago / time_constant) * heat_of(clean_load(-ago)) * cycle_s_ / kSteps;
    }
    return sum / time_constant / (1 - std::exp(-cycle_s_ / time_constant));
  };
  heat_ = {settled(kWindingS), settled(kBearingS), settled(kOilS)};
}

void MachineSimulation::step(core::TimeNs now, core::BlockBatch& out) {
  while (start_ + static_cast<core::DurationNs>(ticks_) * kTick <= now) tick();
  for (Channel& channel : channels_) flush(channel, now, out);
}

void MachineSimulation::tick() {
  const auto since_start = static_cast<core::DurationNs>(ticks_) * kTick;
  const double seconds = static_cast<double>(ticks_) * kTickS;
  if (ticks_ > 0) {
    change_state(since_start);
    speed_ += ((running_ ? 1.0 : 0.0) - speed_) * kTickS / kSpinUpS;
    load_noise_ += -load_noise_ * kTickS / 0.5 + 0.0012 * random_.normal();
    flutter_ += -flutter_ * kTickS / 0.15 + 0.36 * random_.normal();
    const double heat = running_ ? heat_of(clean_load(seconds)) : 0;
    heat_.winding += (heat - heat_.winding) * kTickS / kWindingS;
    heat_.bearing += (heat - heat_.bearing) * kTickS / kBearingS;
    heat_.oil += (heat - heat_.oil) * kTickS / kOilS;
    count_pieces(kTickS);
  }
  load_ = (clean_load(seconds) + load_noise_) * speed_;
  for (Channel& channel : channels_) read(channel, since_start);
  ++ticks_;
}

void MachineSimulation::change_state(core::DurationNs since_start) {
  if (!options_.idles || since_start < next_change_) return;
  running_ = !running_;
  const double seconds = running_ ? 360 + 480 * random_.uniform() : 15 + 25 * random_.uniform();
  next_change_ = since_start + static_cast<core::DurationNs>(seconds * 1e9);
}

void MachineSimulation::count_pieces(double seconds) {
  if (!running_) return;
  piece_ += seconds * pieces_per_cycle_ / cycle_s_;
  if (piece_ < 1) return;
  piece_ -= 1;
  const auto since_start = static_cast<core::DurationNs>(ticks_) * kTick;
  const bool faulty =
      std::any_of(faults_.begin(), faults_.end(), [&](const Fault& f) { return f.active(since_start); });
  ++(random_.uniform() < (faulty ? 0.1 : 0.02) ? scrap_ : good_);
}

MachineSimulation::Faults MachineSimulation::faults_of(const Channel& channel, core::DurationNs since_start) const {
  Faults result;
  for (const Fault& fault : faults_) {
    if (!fault.active(since_start)) continue;
    const double strength = fault.strength(since_start);
    const bool here = fault.component.empty() || fault.component == channel.sensor->component;
    const double felt = strength * (here ? 1 : kNeighbour);
    const bool this_sensor = here && fault.sensor == channel.sensor->name;
    switch (fault.kind) {
      case FaultKind::kBearingWear:
        result.bearing_wear = std::max(result.bearing_wear, felt * (channel.drive_end ? 1 : 0.4));
        break;
      case FaultKind::kCavitation:
        result.cavitation = std::max(result.cavitation, felt);
        break;
      case FaultKind::kMisalignment:
        result.misalignment = std::max(result.misalignment, felt);
        break;
      case FaultKind::kStuck:
        result.stuck = result.stuck || this_sensor;
        break;
      case FaultKind::kDrift:
        result.drift = std::max(result.drift, this_sensor ? strength : 0.0);
        break;
      case FaultKind::kNetworkLoss:
        break;
    }
  }
  return result;
}

// Takes the readings that are due at this tick.
void MachineSimulation::read(Channel& channel, core::DurationNs since_start) {
  const auto time_of = [&](std::uint64_t index) { return static_cast<core::DurationNs>(index) * channel.period; };
  while (time_of(channel.next + channel.chunk - 1) <= since_start) {
    const Faults faults = faults_.empty() ? Faults{} : faults_of(channel, since_start);
    if (channel.pending.empty()) channel.pending_start = start_ + time_of(channel.next);
    const std::size_t from = channel.pending.size();
    if (channel.role == SensorRole::kVibration) {
      channel.vibration->sample(vibration_of(faults), static_cast<double>(channel.period) * 1e-9, channel.chunk,
                                channel.pending);
    } else {
      for (std::uint32_t i = 0; i < channel.chunk; ++i) {
        channel.pending.push_back(value(channel, faults, since_start));
      }
    }
    for (std::size_t i = from; i < channel.pending.size(); ++i) {
      channel.pending[i] = finish(channel, faults, channel.pending[i]);
      channel.last = channel.pending[i];
      channel.has_last = true;
    }
    channel.next += channel.chunk;
  }
}

// What the converter makes of the value: units, the sensor's own faults, its steps and its range.
double MachineSimulation::finish(Channel& channel, const Faults& faults, double value) const {
  if (faults.stuck && channel.has_last) return channel.last;
  const asset::Sensor& sensor = *channel.sensor;
  const bool in_g = channel.role == SensorRole::kVibration && sensor.unit != nullptr && sensor.unit->symbol == "g";
  if (in_g) value /= kGravity;
  value += faults.drift * 0.1 * (channel.high - channel.low);
  const bool discrete = sensor.type == core::ValueType::kInt64 || sensor.type == core::ValueType::kState ||
                        sensor.type == core::ValueType::kBool;
  if (discrete) return std::round(value);
  value = std::round(value * channel.steps_per_unit) / channel.steps_per_unit;
  value = std::clamp(value, channel.low, channel.high);
  return to_raw(sensor.calibration, value) + 0.0;  // + 0: no negative zero from a converter
}

VibrationCondition MachineSimulation::vibration_of(const Faults& faults) const {
  return {.shaft_hz = nominal_rpm_ / 60 * speed_ * (1 - kSlip * load_),
          .speed = speed_,
          .load = load_,
          .bearing_wear = faults.bearing_wear,
          .cavitation = faults.cavitation,
          .misalignment = faults.misalignment};
}

double MachineSimulation::value(Channel& channel, const Faults& faults, core::DurationNs since_start) {
  const asset::Sensor& sensor = *channel.sensor;
  io::Random& random = channel.random;
  switch (channel.role) {
    case SensorRole::kState: {
      const auto code = state_code(sensor, running_ ? "running" : "idle");
      return static_cast<double>(code.value_or(running_ ? 1 : 0));
    }
    case SensorRole::kRunning:
      return running_ ? 1 : 0;
    case SensorRole::kGoodCount:
      return static_cast<double>(good_);
    case SensorRole::kScrapCount:
      return static_cast<double>(scrap_);
    case SensorRole::kSpeed:
      return nominal_rpm_ * speed_ * (1 - kSlip * load_) + nominal_rpm_ * 3e-4 * speed_ * random.normal();
    case SensorRole::kLinearSpeed:
      return 0.5 * channel.high * speed_ * (1 - kSlip * load_ + 0.002 * random.normal());
    case SensorRole::kTension:
      return channel.high * (0.25 + 0.35 * load_ + 0.003 * random.normal());
    case SensorRole::kVibrationVelocity:
      return channel.vibration->velocity_rms(vibration_of(faults)) * (1 + 0.02 * random.normal());
    case SensorRole::kVibration:
      break;  // sampled as a waveform
    case SensorRole::kLoad:
    case SensorRole::kTorque:
    case SensorRole::kCurrent:
    case SensorRole::kVoltage:
    case SensorRole::kPower:
      return electrical(channel, faults);
    case SensorRole::kFlow:
    case SensorRole::kSuctionPressure:
    case SensorRole::kDischargePressure:
    case SensorRole::kAuxiliaryPressure:
      return hydraulic(channel, faults);
    case SensorRole::kBearingTemperature:
    case SensorRole::kWindingTemperature:
    case SensorRole::kOilTemperature:
    case SensorRole::kOtherTemperature: {
      const double seconds = static_cast<double>(channel.period) * 1e-9;
      channel.fault_heat += (kWearHeat * faults.bearing_wear - channel.fault_heat) * towards(seconds, kWearHeatS);
      return temperature(channel);
    }
    case SensorRole::kGeneric: {
      const double swing = (clean_load(static_cast<double>(since_start) * 1e-9) - kLoadMean) / kLoadSwing;
      const double middle = 0.35 + 0.3 * channel.own;
      return channel.low + (channel.high - channel.low) * (middle + 0.08 * swing + 0.005 * random.normal());
    }
  }
  return 0;
}

double MachineSimulation::electrical(Channel& channel, const Faults& faults) {
  const double noise = channel.random.normal();
  const double load = load_ * (1 + 0.04 * faults.misalignment + 0.05 * faults.bearing_wear - 0.08 * faults.cavitation);
  const double high = channel.high;
  switch (channel.role) {
    case SensorRole::kLoad:
      return 100 * load + 0.3 * noise;
    case SensorRole::kTorque:
      return high * (0.55 * load + 0.002 * noise * speed_);
    case SensorRole::kCurrent:
      return high * ((0.18 + 0.45 * load) * speed_ + 0.0015 * noise * speed_);
    case SensorRole::kVoltage:
      return (high > 420 && high < 600 ? 400 : 0.85 * high) * (1 + 0.0025 * noise);
    default:
      return high * ((0.08 + 0.60 * load) * speed_ + 0.0018 * noise * speed_);
  }
}

// A centrifugal pump delivers along its curve: what the valve (the load) lets through costs head.
double MachineSimulation::hydraulic(Channel& channel, const Faults& faults) {
  const double noise = channel.random.normal();
  const double span = channel.high - channel.low;
  const double flow = load_ / kLoadMean;  // of nominal
  const double cavity = faults.cavitation;
  switch (channel.role) {
    case SensorRole::kFlow:
      return 0.6 * channel.high * (flow * (1 - 0.15 * cavity + 0.06 * cavity * flutter_) + 0.004 * noise * speed_);
    case SensorRole::kSuctionPressure: {
      const double at_rest = channel.low < 0 && channel.high <= -2 * channel.low ? 0 : channel.low + 0.22 * span;
      return at_rest - 0.015 * span * flow - 0.03 * span * cavity + 0.001 * span * noise;
    }
    case SensorRole::kAuxiliaryPressure:
      return channel.high * ((0.3 + 0.15 * channel.own) * speed_ * (1 - 0.03 * flow) + 0.002 * noise);
    default:
      break;
  }
  if (compressor_) return channel.high * (0.47 + 0.02 * (flow - 1) + 0.0015 * noise);  // the net holds it
  const double head = 1.28 * speed_ * speed_ - 0.28 * flow * flow;
  const double shaken = head * (1 - 0.18 * cavity + 0.08 * cavity * flutter_);
  return channel.low + span * (0.04 + 0.36 * shaken + 0.0015 * noise);
}

double MachineSimulation::temperature(Channel& channel) {
  double rise = 0.40;  // of what the range leaves above ambient
  double heat = heat_.bearing;
  switch (channel.role) {
    case SensorRole::kWindingTemperature:
      rise = 0.33;
      heat = heat_.winding;
      break;
    case SensorRole::kBearingTemperature:
      rise = channel.drive_end ? 0.24 : 0.20;
      break;
    case SensorRole::kOilTemperature:
      rise = 0.30;
      heat = heat_.oil;
      break;
    default:
      break;
  }
  const double above = (channel.high - ambient_) * (rise + 0.04 * channel.own) * heat;
  return ambient_ + above + channel.fault_heat + 0.08 * channel.random.normal();
}

// Hands over what the channel gathered, in blocks.
void MachineSimulation::flush(Channel& channel, core::TimeNs now, core::BlockBatch& out) const {
  const auto fill = [&]<typename T>(core::Block& block, const double* from, T) {
    std::transform(from, from + block.count, block.as<T>().begin(), [](double v) { return static_cast<T>(v); });
  };
  for (std::size_t done = 0; done < channel.pending.size();) {
    const auto count =
        static_cast<std::uint32_t>(std::min<std::size_t>(core::kMaxBlockReadings, channel.pending.size() - done));
    const core::TimeNs start = channel.pending_start + static_cast<core::DurationNs>(done) * channel.period;
    const asset::Sensor& sensor = *channel.sensor;
    core::Block& block = out.add(sensor.id, sensor.type, count, start, channel.period, now);
    const double* from = channel.pending.data() + done;
    switch (sensor.type) {
      case core::ValueType::kFloat64:
        fill(block, from, double{});
        break;
      case core::ValueType::kFloat32:
        fill(block, from, float{});
        break;
      case core::ValueType::kInt64:
        fill(block, from, std::int64_t{});
        break;
      case core::ValueType::kState:
        fill(block, from, std::int32_t{});
        break;
      case core::ValueType::kBool:
        fill(block, from, std::uint8_t{});
        break;
      case core::ValueType::kText:
        ASSERT(false, "texts have no channel");
    }
    done += count;
  }
  channel.pending.clear();
}

}  // namespace millwright::simulator
