#include "connectors/value_lane.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "connectors/joint_receipt.hpp"
#include "connectors/reading_bits.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using core::BatchPurpose;
using core::MutexLock;
using core::TimeNs;
using core::ValueType;

constexpr core::DurationNs kTellEvery = core::kSecond;
constexpr std::size_t kShownBytes = 200;

std::optional<std::uint64_t> state_named(std::string_view name, const asset::Sensor& sensor) {
  for (const auto& [code, known] : sensor.states) {
    if (known == name) return reading_bits(code, ValueType::kState);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> bits_of(const LaneValue& value, const asset::Sensor& sensor, core::Texts& texts) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (sensor.type == ValueType::kState) return state_named(*text, sensor);
    if (sensor.type != ValueType::kText) return std::nullopt;
    const auto number = texts.number(*text);
    return number ? std::optional(core::to_bits(*number)) : std::nullopt;
  }
  if (const auto* real = std::get_if<double>(&value)) return reading_bits(*real, sensor.type);
  if (const auto* real = std::get_if<float>(&value)) return reading_bits(*real, sensor.type);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return reading_bits(*whole, sensor.type);
  if (const auto* truth = std::get_if<bool>(&value)) return reading_bits(std::int64_t{*truth}, sensor.type);
  const auto* large = std::get_if<std::uint64_t>(&value);
  if (large == nullptr) return 0;
  if (*large > INT64_MAX) return reading_bits(static_cast<double>(*large), sensor.type);
  return reading_bits(static_cast<std::int64_t>(*large), sensor.type);
}

// What a payload's own bytes got into, for logs and JSON: characters that are none, and control characters, are '?'.
std::string readable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = core::utf8_length(text);
    const bool plain = size != 0 && static_cast<unsigned char>(text.front()) >= ' ';
    out += plain ? text.substr(0, size) : "?";
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace

// How much of what was handed over is on disk. Receipts share it, and may outlive the connector.
class ValueLane::Progress {
 public:
  void settle(bool durable) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (durable) ++settled_;
    changed_.notify_all();
  }
  // Waits for a while for `count` to be there.
  bool reached(std::uint64_t count, core::DurationNs patience) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (settled_ < count && patience > 0) changed_.wait_for(mutex_, std::chrono::nanoseconds(patience));
    return settled_ >= count;
  }

 private:
  core::Mutex mutex_;
  core::Condition changed_;
  std::uint64_t settled_ GUARDED_BY(mutex_) = 0;
};

ValueLane::ValueLane(const ConnectorContext& context, const std::string& source, core::DurationNs future_limit,
                     const std::string& logger)
    : context_(context),
      source_(source),
      log_(core::logger(logger)),
      intake_(context, source, future_limit),
      live_(context.pipeline, context.sources.add(source)),
      late_(context.pipeline, context.sources.add(source), BatchPurpose::kBackfill),
      epoch_(new_epoch(context, context.sources.add(source))),
      progress_(std::make_shared<Progress>()) {}

bool ValueLane::put(const asset::Sensor& sensor, const LaneReading& reading) {
  const bool none = std::holds_alternative<std::monostate>(reading.value);
  const auto bits = bits_of(reading.value, sensor, context_.texts);
  if (!bits) return false;
  pipeline::Inlet& inlet = reading.purpose == BatchPurpose::kBackfill ? late_ : live_;
  core::BlockBatch& batch = inlet.batch_for(sensor.id);
  core::Block& block = batch.add(sensor.id, sensor.type, 1, reading.time, 0, reading.received);
  std::memcpy(block.values, &*bits, core::width(sensor.type));
  block.quality[0].quality = none ? reading.quality.worse(core::kBadNoData) : reading.quality;
  intake_.inspect(batch, block);
  return true;
}

bool ValueLane::put_wave(const asset::Sensor& sensor, const protocol::Waveform& waveform, TimeNs received) {
  if (!core::is_real(sensor.type)) return false;
  core::BlockBatch& batch = live_.batch_for(sensor.id);
  const auto period = static_cast<core::DurationNs>(std::llround(1e9 / waveform.rate_hz));
  const bool even = static_cast<double>(period) * waveform.rate_hz == 1e9;  // else every sample has its own time
  for (std::size_t first = 0; first < waveform.samples.size(); first += core::kMaxBlockReadings) {
    const std::size_t count = std::min<std::size_t>(waveform.samples.size() - first, core::kMaxBlockReadings);
    core::Block& block = batch.add(sensor.id, sensor.type, static_cast<std::uint32_t>(count), waveform.time(first),
                                   even ? period : 0, received);
    const auto* samples = waveform.samples.data() + first;
    if (sensor.type == ValueType::kFloat32) {
      std::copy_n(samples, count, block.as<float>().begin());
    } else {
      std::copy_n(samples, count, block.as<double>().begin());
    }
    if (!even) {
      auto* times = batch.allocate_array<TimeNs>(count);
      for (std::size_t i = 0; i < count; ++i) times[i] = waveform.time(first + i);
      block.times = times;
    }
    intake_.inspect(batch, block);
  }
  return true;
}

void ValueLane::flush() {
  submit(live_);
  submit(late_);
}

void ValueLane::submit(pipeline::Inlet& inlet) {
  if (inlet.pending() == 0) return;
  ++submitted_;
  auto receipt = std::make_shared<JointReceipt>([progress = progress_](bool durable) { progress->settle(durable); });
  inlet.submit(epoch_, ++sequence_, std::move(receipt));
}

bool ValueLane::settled(core::DurationNs patience) {
  return progress_->reached(submitted_, patience);
}

void ValueLane::say(std::span<const asset::Sensor* const> sensors, core::Quality quality) {
  flush();
  const TimeNs now = context_.clock.now();
  for (const asset::Sensor* sensor : sensors) {
    core::Block& block = live_.batch_for(sensor->id).add(sensor->id, sensor->type, 1, now, 0, now);
    const std::uint64_t last = context_.live.read(sensor->id).bits;
    std::memcpy(block.values, &last, core::width(sensor->type));
    block.quality[0].quality = quality;
  }
  live_.submit_status();
}

void ValueLane::refuse(Refusal why, std::string_view where, std::string_view what, std::uint64_t count) {
  intake_.refuse(why, count);
  tell(where, what);
}

void ValueLane::tell(std::string_view where, std::string_view what) {
  problem_ = readable(fmt::format("{}: {}", where.substr(0, kShownBytes), what));
  const TimeNs now = context_.clock.monotonic();
  if (told_ != 0 && now - told_ < kTellEvery) return;
  told_ = now;
  log_->warn("{}: {}", source_, problem_);
}

}  // namespace millwright::connectors
