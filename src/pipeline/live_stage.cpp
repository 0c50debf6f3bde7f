#include "pipeline/live_stage.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace millwright::pipeline {
namespace {

using core::Block;
using core::TimeNs;

// A late reading does not replace a newer one. But a source whose clock was set back, or a recording played again, is
// not late for ever: once nothing newer has come for this long, what comes is the present.
constexpr core::DurationNs kStaleAfter = 5 * core::kSecond;
// How long after a second's end the readings of it may still arrive before it is published.
constexpr core::DurationNs kRollupDelay = core::kSecond;

// Adds values [from, to) of one second, all usable.
template <typename T>
void accumulate(Rollup& rollup, std::span<const T> values) {
  double low = rollup.count != 0 ? rollup.min : static_cast<double>(values[0]);
  double high = rollup.count != 0 ? rollup.max : low;
  double sum = 0;
  double squares = 0;
  for (const T value : values) {
    const auto x = static_cast<double>(value);
    low = x < low ? x : low;
    high = x > high ? x : high;
    sum += x;
    squares += x * x;
  }
  if (rollup.count == 0) rollup.first = static_cast<double>(values[0]);
  rollup.last = static_cast<double>(values.back());
  rollup.min = low;
  rollup.max = high;
  rollup.sum += sum;
  rollup.sum_squares += squares;
  rollup.count += values.size();
}

void accumulate(Rollup& rollup, const Block& block, std::uint32_t from, std::uint32_t to) {
  switch (block.type) {
    case core::ValueType::kFloat64:
      return accumulate<double>(rollup, block.as<double>().subspan(from, to - from));
    case core::ValueType::kFloat32:
      return accumulate<float>(rollup, block.as<float>().subspan(from, to - from));
    case core::ValueType::kInt64:
      return accumulate<std::int64_t>(rollup, block.as<std::int64_t>().subspan(from, to - from));
    case core::ValueType::kState:
    case core::ValueType::kText:
      return accumulate<std::int32_t>(rollup, block.as<std::int32_t>().subspan(from, to - from));
    case core::ValueType::kBool:
      return accumulate<std::uint8_t>(rollup, block.as<std::uint8_t>().subspan(from, to - from));
  }
}

// The first index from `i` on whose time is at or after `end`; times within a block rise.
std::uint32_t first_at_or_after(const Block& block, std::uint32_t i, std::uint32_t limit, TimeNs end) {
  if (block.times == nullptr && block.period > 0) {
    const TimeNs steps = (end - block.start + block.period - 1) / block.period;
    return static_cast<std::uint32_t>(std::clamp<TimeNs>(steps, i, limit));
  }
  while (i < limit && block.time(i) < end) ++i;
  return i;
}

bool has_readings(const Rollup& rollup) {
  return rollup.start != 0 && rollup.count + rollup.bad_count != 0;
}

}  // namespace

LiveStage::LiveStage(LiveTable& live) : live_(live), open_(live.size()) {}

void LiveStage::on_batch(core::BlockBatch& batch) {
  if (batch.purpose == core::BatchPurpose::kBackfill) return;
  for (const Block& block : batch.blocks) {
    if (batch.purpose == core::BatchPurpose::kStatus) {
      take_status(block);
    } else {
      take(block);
      add_to_rollup(block);
    }
  }
}

void LiveStage::take_status(const Block& block) {
  LiveValue now = live_.read(block.sensor);
  now.quality = block.quality[block.quality_runs - 1].quality;
  live_.write(block.sensor, now);
}

void LiveStage::take(const Block& block) {
  LiveValue now = live_.read(block.sensor);
  now.readings += block.count;
  const core::Quality quality = block.quality[block.quality_runs - 1].quality;
  if (quality == core::kBadInvalidTimestamp) {
    // A time in the far future would make all that follows look late.
    now.quality = quality;
  } else if (block.last_time() >= now.source_time || block.received - now.received > kStaleAfter) {
    now.type = block.type;
    now.quality = quality;
    now.source_time = block.last_time();
    now.received = block.received;
    now.bits = 0;
    const std::size_t width = core::width(block.type);
    std::memcpy(&now.bits, block.values + (block.count - 1) * width, width);
  }
  live_.write(block.sensor, now);
}

void LiveStage::add_to_rollup(const Block& block) {
  Rollup& open = open_[block.sensor.value];
  // A block may be of many seconds: only the last one that it ends is ever seen.
  Rollup ended;
  bool begun = false;
  std::uint32_t i = 0;
  for (const core::QualityRun& run : block.qualities()) {
    const std::uint32_t run_end = i + run.count;
    while (i < run_end) {
      const TimeNs second = core::floor_to(block.time(i), core::kSecond);
      const std::uint32_t end = first_at_or_after(block, i, run_end, second + core::kSecond);
      if (run.quality == core::kBadInvalidTimestamp || second < open.start) {
        // Late for the live view; the history has it.
      } else {
        if (second != open.start) {
          if (has_readings(open)) ended = open;
          open = {.start = second};
          begun = true;
        }
        if (run.quality.is_bad()) {
          open.bad_count += end - i;
        } else {
          accumulate(open, block, i, end);
        }
      }
      i = std::max(end, i + 1);
    }
  }
  if (has_readings(ended)) live_.write_rollup(block.sensor, ended);
  if (begun) touched_.push_back(block.sensor.value);
}

void LiveStage::close_second(std::uint32_t sensor) {
  if (has_readings(open_[sensor])) live_.write_rollup(core::SensorId(sensor), open_[sensor]);
}

void LiveStage::on_tick(TimeNs now) {
  std::erase_if(touched_, [&](std::uint32_t sensor) {
    if (open_[sensor].start + core::kSecond + kRollupDelay > now) return false;
    close_second(sensor);
    return true;
  });
}

}  // namespace millwright::pipeline
