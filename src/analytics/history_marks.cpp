#include "analytics/history_marks.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace millwright::analytics {
namespace {

constexpr std::size_t kHoursMax = 1'000'000;

// SplitMix64's finisher: every bit of the input turns half of the output's.
std::uint64_t mixed(std::uint64_t mark, std::uint64_t more) {
  mark += more + 0x9e3779b97f4a7c15U;
  mark = (mark ^ (mark >> 30)) * 0xbf58476d1ce4e5b9U;
  mark = (mark ^ (mark >> 27)) * 0x94d049bb133111ebU;
  return mark ^ (mark >> 31);
}

std::uint64_t mark_of(core::SensorId sensor, const historian::Aggregate& hour) {
  std::uint64_t mark = mixed(sensor.value, static_cast<std::uint64_t>(hour.start));
  for (const std::uint64_t count : {hour.count, hour.bad_count}) mark = mixed(mark, count);
  for (const core::TimeNs time : {hour.first_time, hour.last_time}) {
    mark = mixed(mark, static_cast<std::uint64_t>(time));
  }
  for (const double value : {hour.min, hour.max, hour.sum, hour.first, hour.last}) {
    mark = mixed(mark, std::bit_cast<std::uint64_t>(value));
  }
  return mark;
}

core::TimeNs hour_of(core::TimeNs time) {
  return core::floor_to(time, core::kHour);
}

}  // namespace

core::Result<HistoryMarks> HistoryMarks::read(const historian::Historian& historian, const asset::Oee& oee,
                                              const Interval& range) {
  HistoryMarks marks;
  marks.range_ = {hour_of(range.from), hour_of(range.to) + core::kHour};
  std::map<core::TimeNs, std::uint64_t> hours;
  for (const core::SensorId sensor : {oee.state, oee.total, oee.good, oee.reject, oee.product}) {
    if (!sensor.valid()) continue;
    const auto rows =
        historian.aggregates(sensor, {marks.range_.from, marks.range_.to}, core::kHour, kHoursMax, nullptr);
    if (!rows) return core::unexpected(rows.error());
    for (const historian::Aggregate& row : *rows) hours[row.start] += mark_of(sensor, row);
  }
  std::uint64_t sum = 0;
  for (const auto& [hour, mark] : hours) marks.sums_.emplace_back(hour, sum += mark);
  return marks;
}

std::uint64_t HistoryMarks::before(core::TimeNs hour) const {
  const auto at =
      std::partition_point(sums_.begin(), sums_.end(), [&](const auto& entry) { return entry.first < hour; });
  return at == sums_.begin() ? 0 : std::prev(at)->second;
}

std::uint64_t HistoryMarks::of(const Interval& range) const {
  return before(range.to) - before(hour_of(range.from));
}

}  // namespace millwright::analytics
