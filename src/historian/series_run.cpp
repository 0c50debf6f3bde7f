#include "historian/series_run.hpp"

#include <algorithm>
#include <cstring>

#include "core/assert.hpp"
#include "historian/reading_order.hpp"
#include "historian/swinging_door.hpp"

namespace millwright::historian {

using core::TimeNs;
using core::ValueType;

void SeriesRun::clear() {
  times_.clear();
  values_.clear();
  runs_.clear();
  doubles_.clear();
  in_order_ = true;
}

void SeriesRun::append(const DecodedBlock& block) {
  ASSERT(times_.empty() || type_ == block.type, "a series is of one type");
  type_ = block.type;
  received_ = block.received;
  const std::size_t had = times_.size();
  times_.resize(had + block.count);
  if (block.times.empty()) {
    TimeNs time = block.start;
    for (std::size_t i = had; i < times_.size(); ++i, time += block.period) times_[i] = time;
  } else {
    std::copy(block.times.begin(), block.times.end(), times_.begin() + static_cast<std::ptrdiff_t>(had));
  }
  // One time twice may be one reading twice: that takes the way of what is out of order.
  const bool rises = block.times.empty() ? block.period > 0 || block.count == 1
                                         : std::adjacent_find(block.times.begin(), block.times.end(),
                                                              std::greater_equal<>()) == block.times.end();
  in_order_ = in_order_ && rises && (had == 0 || times_[had - 1] < times_[had]);
  values_.insert(values_.end(), block.values.begin(), block.values.end());
  for (const core::QualityRun& run : block.quality) {
    if (!runs_.empty() && runs_.back().quality == run.quality) {
      runs_.back().count += run.count;
    } else {
      runs_.push_back(run);
    }
  }
}

void SeriesRun::append(ValueType type, std::span<const Reading> readings) {
  const std::size_t width = core::width(type);
  type_ = type;
  for (const Reading& one : readings) {
    if (!times_.empty() && times_.back() >= one.time) in_order_ = false;
    times_.push_back(one.time);
    const std::size_t at = values_.size();
    values_.resize(at + width);
    std::memcpy(values_.data() + at, &one.bits, width);
    if (runs_.empty() || !(runs_.back().quality == one.quality)) runs_.push_back({0, one.quality});
    ++runs_.back().count;
  }
}

void SeriesRun::append(const SeriesRun& other, std::size_t from, std::size_t to) {
  if (from == to) return;
  const auto offset = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  const std::size_t width = core::width(other.type_);
  in_order_ = in_order_ && other.in_order_ && (times_.empty() || times_.back() < other.times_[from]);
  type_ = other.type_;
  received_ = other.received_;
  times_.insert(times_.end(), other.times_.begin() + offset(from), other.times_.begin() + offset(to));
  values_.insert(values_.end(), other.values_.begin() + offset(from * width),
                 other.values_.begin() + offset(to * width));
  other.take_runs(from, to, runs_);
}

void SeriesRun::take_runs(std::size_t from, std::size_t to, std::vector<core::QualityRun>& runs) const {
  std::size_t at = 0;
  for (const core::QualityRun& run : runs_) {
    const std::size_t begin = std::max(at, from);
    const std::size_t end = std::min(at + run.count, to);
    at += run.count;
    if (begin >= end) continue;
    if (runs.empty() || !(runs.back().quality == run.quality)) runs.push_back({0, run.quality});
    runs.back().count += static_cast<std::uint32_t>(end - begin);
  }
}

Reading SeriesRun::reading(std::size_t i) const {
  Reading one{.time = times_[i], .bits = 0, .quality = {}};
  const std::size_t width = core::width(type_);
  std::memcpy(&one.bits, values_.data() + i * width, width);
  for (const core::QualityRun& run : runs_) {
    if (i < run.count) {
      one.quality = run.quality;
      break;
    }
    i -= run.count;
  }
  return one;
}

void SeriesRun::put_in_order() {
  if (in_order_) return;
  std::vector<Reading> readings;
  readings.reserve(times_.size());
  const std::size_t width = core::width(type_);
  std::size_t i = 0;
  for (const core::QualityRun& run : runs_) {
    for (const std::size_t end = i + run.count; i < end; ++i) {
      Reading one{.time = times_[i], .bits = 0, .quality = run.quality};
      std::memcpy(&one.bits, values_.data() + i * width, width);
      readings.push_back(one);
    }
  }
  sort_and_thin(readings);
  clear();
  append(type_, readings);
  in_order_ = true;
}

TimeNs SeriesRun::latest() const {
  std::size_t end = times_.size();
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (!(run->quality == core::kBadInvalidTimestamp)) return times_[end - 1];
    end -= run->count;
  }
  return INT64_MIN;
}

bool SeriesRun::is_slow(std::size_t each) const {
  if (times_.empty() || std::any_of(runs_.begin(), runs_.end(), [](const core::QualityRun& run) {
        return run.quality == core::kBadInvalidTimestamp;
      })) {
    return false;
  }
  const Intervals seconds(core::kSecond);
  std::size_t occupied = 0;
  TimeNs second = 0;
  for (const TimeNs time : times_) {
    const TimeNs start = seconds.start_of(time);
    if (occupied == 0 || start != second) ++occupied;
    second = start;
  }
  return times_.size() <= each * occupied;
}

core::Block SeriesRun::block(std::size_t from, std::size_t to) {
  block_runs_.clear();
  take_runs(from, to, block_runs_);
  core::Block made;
  made.type = type_;
  made.count = static_cast<std::uint32_t>(to - from);
  made.start = times_[from];
  made.times = times_.data() + from;
  made.received = received_;
  made.values = values_.data() + from * core::width(type_);
  made.quality = block_runs_.data();
  made.quality_runs = static_cast<std::uint32_t>(block_runs_.size());
  return made;
}

void SeriesRun::make_doubles() {
  if (!doubles_.empty()) return;
  core::Block all;
  all.type = type_;
  all.count = static_cast<std::uint32_t>(times_.size());
  all.values = values_.data();
  doubles_.resize(times_.size());
  const auto convert = [&]<typename T>(std::span<T> values) {
    std::transform(values.begin(), values.end(), doubles_.begin(), [](T value) { return static_cast<double>(value); });
  };
  switch (type_) {
    case ValueType::kFloat64:
      return convert(all.as<double>());
    case ValueType::kFloat32:
      return convert(all.as<float>());
    case ValueType::kInt64:
      return convert(all.as<std::int64_t>());
    case ValueType::kState:
    case ValueType::kText:
      return convert(all.as<std::int32_t>());
    case ValueType::kBool:
      return convert(all.as<std::uint8_t>());
  }
}

void SeriesRun::sum_up(std::size_t from, std::size_t to, const Intervals& intervals, std::vector<RollupRow>& rows) {
  make_doubles();
  std::size_t at = 0;
  for (const core::QualityRun& run : runs_) {
    std::size_t i = std::max(at, from);
    at += run.count;
    const std::size_t run_end = std::min(at, to);
    if (run.quality == core::kBadInvalidTimestamp) continue;
    while (i < run_end) {
      const TimeNs start = intervals.start_of(times_[i]);
      std::size_t end = i + 1;
      while (end < run_end && times_[end] - start < intervals.width) ++end;
      if (rows.empty() || rows.back().of.start != start) rows.push_back({.of = {.start = start}, .whole = false});
      add(rows.back().of, std::span(times_).subspan(i, end - i), std::span(doubles_).subspan(i, end - i), run.quality);
      i = end;
    }
  }
}

Aggregate SeriesRun::statistics() {
  std::vector<RollupRow> rows;
  sum_up(0, size(), core::kHour, rows);
  return total(rows);
}

void SeriesRun::thin(double bound) {
  make_doubles();
  std::vector<core::Quality> qualities;
  if (runs_.size() > 1) {
    for (const core::QualityRun& run : runs_) qualities.insert(qualities.end(), run.count, run.quality);
  }
  const auto kept = swinging_door(times_, doubles_, qualities, bound);
  if (kept.size() == size()) return;
  std::vector<Reading> readings;
  readings.reserve(kept.size());
  for (const std::uint32_t i : kept) readings.push_back(reading(i));
  clear();
  append(type_, readings);
}

Aggregate total(std::span<const RollupRow> rows) {
  Aggregate all;
  for (const RollupRow& row : rows) combine(all, row.of);
  return all;
}

void sum_up(std::span<const RollupRow> rows, core::DurationNs width, std::vector<RollupRow>& coarser) {
  const Intervals intervals(width);
  for (const RollupRow& row : rows) {
    const TimeNs start = intervals.start_of(row.of.start);
    if (coarser.empty() || coarser.back().of.start != start)
      coarser.push_back({.of = {.start = start}, .whole = false});
    combine(coarser.back().of, row.of);
  }
}

}  // namespace millwright::historian
