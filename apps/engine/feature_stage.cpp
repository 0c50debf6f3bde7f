#include "engine/feature_stage.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "detection/vibration_bearing.hpp"
#include "detection/vibration_statistics.hpp"

namespace millwright::engine {
namespace {

using asset::FeatureKind;
using core::Block;
using core::Quality;
using detection::SeverityZone;

static_assert(asset::kFeatureSamplesMin == detection::kWindowSamplesMin &&
              asset::kFeatureSamplesMax == detection::kWindowSamplesMax);
constexpr std::uint32_t kNone = UINT32_MAX;
constexpr double kRateTolerance = 0.01;
// A speed older than this is not the speed any more. Slow sensors may be three readings late.
constexpr core::DurationNs kSpeedAge = 10 * core::kSecond;
constexpr double kToleranceBins = 2;
constexpr double kSlip = 0.015;  // a bearing's balls do not only roll
constexpr double kGravity = 9.80665;
// Zone C or worse, zone D.
constexpr std::array kWatched{SeverityZone::kC, SeverityZone::kD};

std::size_t window_samples(const asset::Sensor& sensor) {
  const double wanted = sensor.rate_hz * static_cast<double>(sensor.analysis->window) * 1e-9;
  return detection::Fft::nearest_size(static_cast<std::size_t>(std::llround(wanted)));
}

// The defect's frequency for each turn of the shaft.
double order_of(FeatureKind kind, const detection::DefectOrders& orders) {
  switch (kind) {
    case FeatureKind::kBpfo:
      return orders.bpfo;
    case FeatureKind::kBpfi:
      return orders.bpfi;
    case FeatureKind::kBsf:
      return orders.bsf;
    case FeatureKind::kFtf:
      return orders.ftf;
    default:
      return 0;
  }
}

bool turns_with_shaft(FeatureKind kind) {
  return kind >= FeatureKind::kOrder && kind <= FeatureKind::kFtf;
}

detection::ZoneBoundaries boundaries_of(const asset::ZoneRule& rule) {
  const bool rigid = rule.foundation == asset::Foundation::kRigid;
  return detection::zone_boundaries(static_cast<detection::MachineGroup>(rule.group),
                                    rigid ? detection::Foundation::kRigid : detection::Foundation::kFlexible);
}

}  // namespace

FeatureStage::FeatureStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
                           core::DurationNs settle, alarms::SignalSink& alarms, core::Metrics& metrics)
    : model_(model),
      alarms_(alarms),
      windows_(metrics.counter("millwright_vibration_windows_total", "Windows of waveforms taken apart into features")),
      dropped_(metrics.counter("millwright_vibration_windows_dropped_total",
                               "Windows begun and dropped: a gap, a bad reading, or another rate than the sensor's")),
      states_(model, settle),
      waveform_of_(model.sensors().size(), kNone),
      speed_of_(model.sensors().size(), kNone) {
  for (const asset::Sensor& sensor : model.sensors()) {
    if (sensor.analysis != nullptr && pipeline.shard_of(sensor.id) == shard) add_waveform(sensor);
  }
}

void FeatureStage::add_waveform(const asset::Sensor& sensor) {
  const asset::Analysis& analysis = *sensor.analysis;
  Waveform waveform;
  waveform.sensor = sensor.id;
  waveform.period = std::llround(1e9 / sensor.rate_hz);
  waveform.samples.resize(window_samples(sensor));
  const double hop = static_cast<double>(waveform.samples.size()) * (1 - analysis.overlap);
  waveform.hop = std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(hop)));
  waveform.analyzer = analyzer_index({.samples = waveform.samples.size(),
                                      .rate_hz = sensor.rate_hz,
                                      .envelope_low_hz = analysis.envelope_low,
                                      .envelope_high_hz = analysis.envelope_high});
  const std::string_view unit = sensor.unit != nullptr ? sensor.unit->symbol : "";
  waveform.integrate = unit != "mm/s";
  waveform.to_velocity = unit == "mm/s" ? 1 : unit == "gn" ? 1000 * kGravity : 1000;
  waveform.outputs = outputs_of(sensor);
  if (analysis.speed.valid() && speed_of_[analysis.speed.value] == kNone) {
    speed_of_[analysis.speed.value] = static_cast<std::uint32_t>(speeds_.size());
    speeds_.emplace_back();
  }
  waveform_of_[sensor.id.value] = static_cast<std::uint32_t>(waveforms_.size());
  waveforms_.push_back(std::move(waveform));
}

std::uint32_t FeatureStage::analyzer_index(const detection::VibrationOptions& options) {
  auto made = detection::VibrationAnalyzer::make(options);
  ASSERT(made.has_value(), "the asset model has checked what an analyzer asks for");
  const detection::VibrationOptions& wanted = made->options();
  const auto same = std::find_if(analyzers_.begin(), analyzers_.end(),
                                 [&](const detection::VibrationAnalyzer& known) { return known.options() == wanted; });
  if (same != analyzers_.end()) return static_cast<std::uint32_t>(same - analyzers_.begin());
  analyzers_.push_back(std::move(*made));
  return static_cast<std::uint32_t>(analyzers_.size() - 1);
}

std::vector<FeatureStage::Output> FeatureStage::outputs_of(const asset::Sensor& sensor) const {
  detection::DefectOrders orders;
  const asset::Component* component = model_.component_of(sensor);
  if (component != nullptr && component->bearing) {
    const asset::Bearing& bearing = *component->bearing;
    orders =
        detection::defect_orders({bearing.balls, bearing.ball_diameter, bearing.pitch_diameter, bearing.contact_angle});
  }
  std::vector<Output> outputs;
  for (const core::SensorId id : sensor.analysis->features) {
    const asset::Feature& feature = *model_.sensor(id).feature;
    const bool order = feature.kind == FeatureKind::kOrder;
    outputs.push_back({.sensor = id,
                       .kind = feature.kind,
                       .low = feature.low,
                       .high = feature.high,
                       .order = order ? feature.order : order_of(feature.kind, orders)});
  }
  return outputs;
}

void FeatureStage::on_batch(core::BlockBatch& batch) {
  if (waveforms_.empty() || batch.purpose == core::BatchPurpose::kBackfill) return;
  const std::size_t blocks = batch.blocks.size();  // what is added below is no waveform
  for (std::size_t i = 0; i < blocks; ++i) {
    const Block block = batch.blocks[i];  // a copy: adding moves them
    const std::uint32_t waveform = waveform_of_[block.sensor.value];
    if (batch.purpose == core::BatchPurpose::kStatus) {
      if (waveform != kNone) pass_on_status(waveforms_[waveform], block, batch);
      continue;
    }
    states_.take(block);
    note_speed(block);
    if (waveform != kNone) take(waveforms_[waveform], block, batch);
  }
}

void FeatureStage::note_speed(const Block& block) {
  const std::uint32_t index = speed_of_[block.sensor.value];
  if (index == kNone || block.quality[block.quality_runs - 1].quality.is_bad()) return;
  speeds_[index] = {std::abs(block.as_double(block.count - 1)), block.last_time()};
}

void FeatureStage::take(Waveform& waveform, const Block& block, core::BlockBatch& batch) {
  std::uint32_t i = 0;
  for (const core::QualityRun& run : block.qualities()) {
    const std::uint32_t end = i + run.count;
    if (run.quality.is_bad()) {
      drop(waveform);
      i = end;
    }
    for (; i < end; ++i) {
      add_sample(waveform, block.as_double(i), block.time(i), run.quality.is_good(), block.received, batch);
    }
  }
}

void FeatureStage::add_sample(Waveform& waveform, double value, core::TimeNs time, bool good, core::TimeNs received,
                              core::BlockBatch& batch) {
  if (waveform.filled > 0 && std::abs(time - waveform.last - waveform.period) > waveform.period / 2) drop(waveform);
  if (waveform.filled == 0) waveform.counted_from = time - waveform.period;
  ++waveform.fresh;
  if (!good) waveform.last_uncertain = static_cast<std::ptrdiff_t>(waveform.filled);
  waveform.samples[waveform.filled++] = value;
  waveform.last = time;
  if (waveform.filled == waveform.samples.size()) compute(waveform, received, batch);
}

void FeatureStage::drop(Waveform& waveform) {
  if (waveform.filled > 0) dropped_.Increment();
  waveform.filled = 0;
  waveform.fresh = 0;
  waveform.last_uncertain = -1;
}

void FeatureStage::compute(Waveform& waveform, core::TimeNs received, core::BlockBatch& batch) {
  // Samples that are each about where they should be may yet together have another rate.
  const core::DurationNs took = waveform.last - waveform.counted_from;
  const auto off =
      static_cast<double>(std::abs(took - static_cast<core::DurationNs>(waveform.fresh) * waveform.period));
  if (off > kRateTolerance * static_cast<double>(took) + static_cast<double>(waveform.period)) {
    drop(waveform);
    return;
  }
  analyzers_[waveform.analyzer].take(waveform.samples);
  windows_.Increment();
  const bool good = waveform.last_uncertain < 0;
  const auto shaft = shaft_hz(*model_.sensor(waveform.sensor).analysis, waveform.last);
  for (const Output& output : waveform.outputs) {
    const Value value = value_of(waveform, output, shaft);
    const Quality quality = !value.known ? core::kBadNoData : good ? core::kGood : core::kUncertainDataSubNormal;
    if (output.kind == FeatureKind::kZone) {
      const auto code = static_cast<std::int32_t>(value.value);
      batch.add_reading(output.sensor, core::ValueType::kState, code, waveform.last, quality, received);
      if (good) judge_zone(waveform, output, static_cast<SeverityZone>(code), received);
    } else {
      batch.add_reading(output.sensor, core::ValueType::kFloat32, static_cast<float>(value.value), waveform.last,
                        quality, received);
    }
  }
  slide(waveform);
}

// Keeps what the next window has in common with this one.
void FeatureStage::slide(Waveform& waveform) {
  std::copy(waveform.samples.begin() + static_cast<std::ptrdiff_t>(waveform.hop), waveform.samples.end(),
            waveform.samples.begin());
  waveform.filled -= waveform.hop;
  waveform.counted_from = waveform.last;
  waveform.fresh = 0;
  waveform.last_uncertain =
      std::max<std::ptrdiff_t>(-1, waveform.last_uncertain - static_cast<std::ptrdiff_t>(waveform.hop));
}

std::optional<double> FeatureStage::shaft_hz(const asset::Analysis& analysis, core::TimeNs time) const {
  double rpm = analysis.nominal_rpm;
  if (analysis.speed.valid()) {
    const Speed& speed = speeds_[speed_of_[analysis.speed.value]];
    const double readings_s = 3 / model_.sensor(analysis.speed).rate_hz;
    const auto age = std::max(kSpeedAge, static_cast<core::DurationNs>(std::min(readings_s, 1e8) * 1e9));
    if (speed.time < time - age || speed.time > time + age) return std::nullopt;
    rpm = speed.rpm;
  }
  return rpm / 60 * analysis.speed_ratio;
}

FeatureStage::Value FeatureStage::value_of(const Waveform& waveform, const Output& output,
                                           std::optional<double> shaft_hz) {
  detection::VibrationAnalyzer& analyzer = analyzers_[waveform.analyzer];
  const double bins = kToleranceBins * analyzer.resolution_hz();
  if (turns_with_shaft(output.kind)) {
    if (!shaft_hz) return {0, false};
    const double hz = output.order * *shaft_hz;
    if (hz < bins) return {};  // it stands still, or as good as: nothing turns
    const double amplitude =
        output.kind == FeatureKind::kOrder ? analyzer.tone(hz, bins) : analyzer.defect(hz, std::max(bins, kSlip * hz));
    return std::isnan(amplitude) ? Value{0, false} : Value{amplitude, true};
  }
  const auto velocity = [&] {
    return waveform.to_velocity * (waveform.integrate ? analyzer.integrated_rms(output.low, output.high)
                                                      : analyzer.band_rms(output.low, output.high));
  };
  switch (output.kind) {
    case FeatureKind::kRms:
      return {analyzer.statistics().rms};
    case FeatureKind::kPeak:
      return {analyzer.statistics().peak};
    case FeatureKind::kPeakToPeak:
      return {analyzer.statistics().peak_to_peak};
    case FeatureKind::kCrestFactor:
      return {analyzer.statistics().crest_factor};
    case FeatureKind::kKurtosis:
      return {analyzer.statistics().kurtosis};
    case FeatureKind::kSkewness:
      return {analyzer.statistics().skewness};
    case FeatureKind::kVelocityRms:
      return {velocity()};
    case FeatureKind::kBand:
      return {analyzer.band_rms(output.low, output.high)};
    default:  // kZone
      break;
  }
  const auto boundaries = boundaries_of(*model_.sensor(waveform.sensor).analysis->zone);
  return {static_cast<double>(detection::severity_zone(boundaries, velocity()))};
}

void FeatureStage::judge_zone(Waveform& waveform, const Output& output, SeverityZone zone, core::TimeNs received) {
  const asset::Sensor& sensor = model_.sensor(waveform.sensor);
  const core::TimeNs begin = waveform.last - static_cast<core::DurationNs>(waveform.samples.size()) * waveform.period;
  if (states_.settled(sensor.machine, begin) != kRunning) {
    for (ZoneWatch& watch : waveform.watches) watch.since = 0;
    return;
  }
  const asset::ZoneRule& rule = *sensor.analysis->zone;
  for (std::size_t i = 0; i < kWatched.size(); ++i) {
    ZoneWatch& watch = waveform.watches[i];
    const bool over = zone >= kWatched[i];
    if (watch.since == 0 || over != watch.over || waveform.last < watch.since) {
      watch.since = begin;
      watch.over = over;
    }
    if (watch.told == over || waveform.last - watch.since < rule.delay) continue;
    watch.told = over;
    report_zone(waveform, output, i, received);
  }
}

void FeatureStage::report_zone(const Waveform& waveform, const Output& output, std::size_t watched,
                               core::TimeNs received) {
  const asset::Sensor& sensor = model_.sensor(waveform.sensor);
  const bool over = *waveform.watches[watched].told;
  const bool severe = kWatched[watched] == SeverityZone::kD;
  const detection::ZoneBoundaries boundaries = boundaries_of(*sensor.analysis->zone);
  const double limit = severe ? boundaries.cd : boundaries.bc;
  Output as_number = output;
  as_number.kind = FeatureKind::kVelocityRms;
  const double velocity = value_of(waveform, as_number, std::nullopt).value;
  const std::string where = sensor.component.empty() ? sensor.name : sensor.component + " " + sensor.name;
  const std::string_view zone = severe ? "D, severe enough to do damage" : "C or D, not for long operation";
  alarms_.signal(
      {.condition = sensor.path + (severe ? "#iso20816-zone-d" : "#iso20816-zone"),
       .in_alarm = over,
       .sensor = sensor.id,
       .machine = sensor.machine,
       .component = sensor.component,
       .priority = severe ? alarms::Priority::kHigh : alarms::Priority::kMedium,
       .message = over ? fmt::format("{}: velocity RMS {:.2f} mm/s is in ISO 20816 zone {} (above {:.1f} mm/s)", where,
                                     velocity, zone, limit)
                       : fmt::format("{}: velocity RMS {:.2f} mm/s is back below {:.1f} mm/s", where, velocity, limit),
       .value = velocity,
       .limit = limit,
       .source_time = waveform.last,
       .received = over && sensor.analysis->zone->delay > 0 ? 0 : received});  // the delay is no latency
}

void FeatureStage::pass_on_status(const Waveform& waveform, const Block& block, core::BlockBatch& batch) {
  const Quality quality = block.quality[block.quality_runs - 1].quality;
  for (const Output& output : waveform.outputs) {
    const core::ValueType type = model_.sensor(output.sensor).type;
    Block& status = batch.add(output.sensor, type, 1, block.last_time(), 0, block.received);
    std::fill_n(status.values, core::width(type), std::byte{});
    core::BlockBatch::set_quality(status, quality);
  }
}

}  // namespace millwright::engine
