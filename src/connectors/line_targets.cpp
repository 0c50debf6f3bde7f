#include "connectors/line_targets.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::connectors {
namespace {

constexpr std::string_view kValue = "value";      // the field where a name is the sensor's whole
constexpr std::string_view kSensor = "sensor";    // the tag that names it
constexpr std::size_t kHintCandidatesMax = 4096;  // looking through more costs more than a hint is worth

// The path by which a line names a sensor itself.
const std::string& path_of(const protocol::Series& series) {
  const std::string* named = series.tag(kSensor);
  return named != nullptr ? *named : series.measurement;
}

}  // namespace

core::Result<LineTargets> LineTargets::make(const asset::Model& model, const std::string& connector,
                                            std::vector<std::string> ignored) {
  LineTargets targets(model, std::move(ignored));
  for (const core::SensorId id : model.sensors_of(connector)) {
    if (auto added = targets.add(model.sensor(id)); !added) return core::unexpected(added.error());
  }
  return targets;
}

core::Status LineTargets::add(const asset::Sensor& sensor) {
  const std::string& address = sensor.source.address;
  const std::size_t end = protocol::series_end(address);
  auto series = protocol::split_series(std::string_view(address).substr(0, end));
  if (!series) {
    return core::unexpected(series.error().within(fmt::format(
        "{}: the address '{}' is no series and field such as 'pump,line=1 current'", sensor.path, address)));
  }
  const std::string field =
      end < address.size() ? protocol::unescape_name(core::trim(std::string_view(address).substr(end))) : "";
  const auto target = static_cast<std::uint32_t>(sensors_.size());
  sensors_.push_back(&sensor);
  by_sensor_.emplace(&sensor, target);
  by_address_[address_of(std::move(*series), field.empty() ? kValue : field)].push_back(target);
  return {};
}

std::string LineTargets::address_of(protocol::Series series, std::string_view field) const {
  std::erase_if(series.tags, [&](const auto& tag) {
    return std::find(ignored_.begin(), ignored_.end(), tag.first) != ignored_.end();
  });
  return series.text() + " " + protocol::escape_name(field);
}

std::span<const std::uint32_t> LineTargets::find(protocol::Series series, std::string_view field) const {
  if (field == kValue) {
    const auto named = by_sensor_.find(model_->find_sensor(path_of(series)));
    if (named != by_sensor_.end()) return {&named->second, 1};
  }
  const auto found = by_address_.find(address_of(std::move(series), field));
  return found != by_address_.end() ? std::span<const std::uint32_t>(found->second) : std::span<const std::uint32_t>{};
}

std::string LineTargets::problem(protocol::Series series, std::string_view field) const {
  const asset::Sensor* named = model_->find_sensor(path_of(series));
  if (named != nullptr && named->feature) return fmt::format("{} is computed, not read", named->path);
  if (named != nullptr && !by_sensor_.contains(named)) {
    return fmt::format("{} is read by the connector '{}'", named->path, named->source.connector);
  }
  if (named != nullptr) return fmt::format("the readings of {} are the field 'value', not '{}'", named->path, field);
  return fmt::format("no sensor has the address '{}'", address_of(std::move(series), field));
}

std::string LineTargets::hint(protocol::Series series, std::string_view field) const {
  if (by_address_.size() > kHintCandidatesMax) return {};
  std::vector<std::string_view> addresses;
  addresses.reserve(by_address_.size());
  for (const auto& [address, targets] : by_address_) addresses.push_back(address);
  return core::did_you_mean(address_of(std::move(series), field), addresses);
}

}  // namespace millwright::connectors
