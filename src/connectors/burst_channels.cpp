#include "connectors/burst_channels.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "connectors/exactly.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using core::Block;
using core::ValueType;
using protocol::burst::DataBlock;
using protocol::burst::ErrorNumber;

// A bool is one byte, 0 or 1, on the wire and in a block.
struct Bool {};

template <typename From>
std::conditional_t<std::is_same_v<From, Bool>, std::int32_t, From> load(const std::byte* from, std::size_t i) {
  if constexpr (std::is_same_v<From, Bool>) {
    return from[i] != std::byte{0} ? 1 : 0;
  } else {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));
    return value;
  }
}

template <typename From, typename To>
bool convert(const std::byte* from, std::byte* to, std::uint32_t count) {
  bool exact = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = load<From>(from, i);
    if constexpr (std::is_same_v<To, Bool>) {
      exact &= value == 0 || value == 1;
      to[i] = value != 0 ? std::byte{1} : std::byte{0};
    } else {
      To converted{};
      exact &= exactly<To>(value, converted);
      std::memcpy(to + i * sizeof(To), &converted, sizeof(To));
    }
  }
  return exact;
}

template <typename From>
bool convert_from(ValueType type, const std::byte* from, std::byte* to, std::uint32_t count) {
  switch (type) {
    case ValueType::kFloat64:
      return convert<From, double>(from, to, count);
    case ValueType::kFloat32:
      return convert<From, float>(from, to, count);
    case ValueType::kInt64:
      return convert<From, std::int64_t>(from, to, count);
    case ValueType::kBool:
      return convert<From, Bool>(from, to, count);
    case ValueType::kState:
      return convert<From, std::int32_t>(from, to, count);
    case ValueType::kText:
      return false;
  }
  return false;
}

// False where a value would change.
bool copy_values(const DataBlock& from, Block& to) {
  const std::byte* bytes = from.values.data();
  if (from.type == to.type && from.type != ValueType::kBool) {
    std::memcpy(to.values, bytes, from.values.size());
    return true;
  }
  switch (from.type) {
    case ValueType::kFloat64:
      return convert_from<double>(to.type, bytes, to.values, to.count);
    case ValueType::kFloat32:
      return convert_from<float>(to.type, bytes, to.values, to.count);
    case ValueType::kInt64:
      return convert_from<std::int64_t>(to.type, bytes, to.values, to.count);
    case ValueType::kBool:
      return convert_from<Bool>(to.type, bytes, to.values, to.count);
    case ValueType::kState:
      return convert_from<std::int32_t>(to.type, bytes, to.values, to.count);
    case ValueType::kText:
      return false;
  }
  return false;
}

void copy_times_and_quality(const DataBlock& from, core::BlockBatch& batch, Block& to) {
  if (!from.times.empty()) {
    auto* times = batch.allocate_array<core::TimeNs>(from.count);
    std::memcpy(times, from.times.data(), from.times.size());
    to.times = times;
    to.start = times[0];
  }
  if (from.runs.empty()) return;
  auto* runs = batch.allocate_array<core::QualityRun>(from.run_count());
  for (std::size_t i = 0; i < from.run_count(); ++i) runs[i] = from.run(i);
  to.quality = runs;
  to.quality_runs = static_cast<std::uint32_t>(from.run_count());
}

}  // namespace

BurstAddresses::BurstAddresses(const asset::Model& model, const std::string& connector) {
  for (const core::SensorId id : model.sensors_of(connector)) {
    const asset::Sensor& sensor = model.sensor(id);
    targets_[sensor.source.address].push_back({id, sensor.type, sensor.path});
  }
}

const std::vector<BurstAddresses::Target>& BurstAddresses::find(std::string_view channel) const {
  static const std::vector<Target> kNone;
  const auto found = targets_.find(std::string(channel));
  return found != targets_.end() ? found->second : kNone;
}

std::string BurstAddresses::hint(std::string_view channel) const {
  std::vector<std::string_view> names;
  names.reserve(targets_.size());
  for (const auto& [name, targets] : targets_) names.push_back(name);
  return core::did_you_mean(channel, names);
}

std::optional<BurstChannels::Refused> BurstChannels::refuse(Channel& channel, std::uint32_t number, Refusal why,
                                                            std::string text) {
  channel.refused = why;
  const auto code = why == Refusal::kWrongType ? ErrorNumber::kWrongType : ErrorNumber::kUnknownChannel;
  return Refused{code, number, std::move(text)};
}

std::optional<BurstChannels::Refused> BurstChannels::declare(const protocol::burst::Declaration& declaration) {
  Channel& channel = channels_[declaration.channel];
  channel = {std::string(declaration.name), declaration.type, std::nullopt, &addresses_.find(declaration.name)};
  if (!channel.targets->empty()) return std::nullopt;
  return refuse(channel, declaration.channel, Refusal::kUnknownAddress,
                fmt::format("no sensor has the channel '{}' as its address", declaration.name));
}

std::optional<BurstChannels::Refused> BurstChannels::undeclared(const DataBlock& block) {
  intake_.refuse(Refusal::kUnknownAddress, block.count);
  if (undeclared_told_) return std::nullopt;
  undeclared_told_ = true;
  return Refused{ErrorNumber::kUnknownChannel, block.channel,
                 fmt::format("channel {} was not declared on this connection", block.channel)};
}

std::optional<BurstChannels::Refused> BurstChannels::add(const DataBlock& block, core::TimeNs received,
                                                         pipeline::Inlet& inlet) {
  const auto found = channels_.find(block.channel);
  if (found == channels_.end()) return undeclared(block);
  Channel& channel = found->second;
  std::optional<Refused> told;
  if (!channel.refused && block.type != channel.type) {
    told = refuse(channel, block.channel, Refusal::kWrongType,
                  fmt::format("the channel '{}' was declared {} and sends {}", channel.name, to_string(channel.type),
                              to_string(block.type)));
  }
  if (channel.refused) {
    intake_.refuse(*channel.refused, block.count);
    return told;
  }
  for (const BurstAddresses::Target& target : *channel.targets) {
    core::BlockBatch& batch = inlet.batch_for(target.sensor);
    Block& added = batch.add(target.sensor, target.type, block.count, block.start, block.period, received);
    if (!copy_values(block, added)) {
      batch.blocks.pop_back();
      intake_.refuse(Refusal::kWrongType, block.count);
      told = refuse(channel, block.channel, Refusal::kWrongType,
                    fmt::format("a {} value of the channel '{}' does not fit into the {} of {} unchanged; send {}, or "
                                "give the sensor another type",
                                to_string(block.type), channel.name, to_string(target.type), target.path,
                                to_string(target.type)));
      continue;
    }
    copy_times_and_quality(block, batch, added);
    intake_.inspect(batch, added);
  }
  return told;
}

std::vector<BurstAddresses::Target> BurstChannels::sensors() const {
  std::vector<BurstAddresses::Target> all;
  for (const auto& [number, channel] : channels_) {
    if (!channel.refused && channel.targets != nullptr) {
      all.insert(all.end(), channel.targets->begin(), channel.targets->end());
    }
  }
  return all;
}

}  // namespace millwright::connectors
