#include "forwarding/second_rollups.hpp"

#include <algorithm>

#include "core/value_text.hpp"

namespace millwright::forwarding {
namespace {

using core::kSecond;

constexpr core::DurationNs kNear = 30 * kSecond;  // seconds this near each other are one question
constexpr std::size_t kPage = 100'000;

core::Quality quality_of(const historian::Aggregate& second) {
  if (second.count == 0) return core::kBadNoData;
  return second.bad_count == 0 ? core::kGood : core::kUncertainDataSubNormal;
}

std::string line_of(const ReadingSeries& series, const historian::Aggregate& second) {
  std::string out = "{\"machine\":";
  const auto number = [&](std::string_view name, std::uint64_t value) {
    out += name;
    core::append_number(value, out);
  };
  const auto statistic = [&](std::string_view name, double value) {
    out += name;
    core::append_statistic(series.type, value, out);
  };
  core::append_json_text(series.machine, out);
  out += ",\"sensor\":";
  core::append_json_text(series.sensor, out);
  out += ",\"tier\":\"1s\",\"t\":";
  core::append_value(core::ValueType::kInt64, core::to_bits(second.start), out);
  number(",\"count\":", second.count);
  number(",\"bad\":", second.bad_count);
  if (second.count != 0) {
    statistic(",\"min\":", second.min);
    statistic(",\"max\":", second.max);
    out += ",\"avg\":";
    core::append_statistic(core::ValueType::kFloat64, second.mean(), out);
    statistic(",\"first\":", second.first);
    statistic(",\"last\":", second.last);
  }
  number(",\"q\":", quality_of(second).code);
  out += "}\n";
  return out;
}

}  // namespace

SecondRollups::Sensor SecondRollups::sensor(const ReadingSeries& series) const {
  Sensor sensor;
  sensor.series = series;
  if (series.type != core::ValueType::kText) sensor.known = model_.find_sensor(series.machine + "/" + series.sensor);
  return sensor;
}

void SecondRollups::touch(Sensor& sensor, const historian::DecodedBlock& block) {
  for (std::uint32_t i = 0; i < block.count; ++i) {
    const core::TimeNs start = core::floor_to(block.time(i), kSecond);
    if (sensor.touched.empty() || sensor.touched.back() != start) sensor.touched.push_back(start);
  }
}

core::Status SecondRollups::tell(Sensor& sensor, const std::function<void(std::string_view)>& row) const {
  std::vector<core::TimeNs>& touched = sensor.touched;
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  for (std::size_t first = 0; first < touched.size();) {
    std::size_t last = first;
    while (last + 1 < touched.size() && touched[last + 1] - touched[last] <= kNear) ++last;
    if (auto told = tell(sensor, touched[first], touched[last] + kSecond, row); !told) return told;
    first = last + 1;
  }
  touched.clear();
  return {};
}

core::Status SecondRollups::tell(Sensor& sensor, core::TimeNs from, core::TimeNs to,
                                 const std::function<void(std::string_view)>& row) const {
  std::optional<core::TimeNs> next = from;
  while (next) {
    const auto seconds = history_.aggregates(sensor.known->id, {.from = *next, .to = to}, kSecond, kPage, &next);
    if (!seconds) return core::unexpected(seconds.error());
    for (const historian::Aggregate& second : *seconds) {
      if (!std::binary_search(sensor.touched.begin(), sensor.touched.end(), second.start)) continue;
      const std::string line = line_of(sensor.series, second);
      const Sensor::Told now{.start = second.start, .hash = std::hash<std::string>{}(line)};
      auto known = std::find_if(sensor.told.begin(), sensor.told.end(),
                                [&](const Sensor::Told& told) { return told.start == second.start; });
      if (known != sensor.told.end() && known->hash == now.hash) continue;
      if (known == sensor.told.end()) known = sensor.told.begin() + (sensor.next_told++ % sensor.told.size());
      *known = now;
      row(line);
    }
  }
  return {};
}

}  // namespace millwright::forwarding
