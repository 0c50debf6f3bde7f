// BurstChannels: what the channel numbers of one burst connection mean here: which sensors, and how a value becomes
// theirs. Puts data blocks into the pipeline's batches.
//
// A channel that no sensor has, or whose type does not fit, is refused once (the caller tells the sender) and its
// readings are counted and skipped from then on; the rest flows.
// Values: the sensor's own type bit for bit; another type where every value of the block stays exactly what it is.
//
// Threads: BurstAddresses is immutable, from any thread; BurstChannels belongs to one connection's reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "asset/model.hpp"
#include "connectors/intake.hpp"
#include "core/block.hpp"
#include "pipeline/pipeline.hpp"
#include "protocol/burst.hpp"

namespace millwright::connectors {

// The sensors that a burst connector feeds, by channel name. One channel may feed several.
class BurstAddresses {
 public:
  BurstAddresses(const asset::Model& model, const std::string& connector);

  struct Target {
    core::SensorId sensor;
    core::ValueType type = core::ValueType::kFloat32;
    std::string_view path;
  };
  // Empty where no sensor has this address.
  [[nodiscard]] const std::vector<Target>& find(std::string_view channel) const;
  // " (did you mean 'x'?)" or "".
  [[nodiscard]] std::string hint(std::string_view channel) const;
  [[nodiscard]] std::size_t size() const { return targets_.size(); }

 private:
  std::unordered_map<std::string, std::vector<Target>> targets_;
};

class BurstChannels {
 public:
  BurstChannels(const BurstAddresses& addresses, Intake& intake) : addresses_(addresses), intake_(intake) {}

  struct Refused {
    protocol::burst::ErrorNumber number = protocol::burst::ErrorNumber::kUnknownChannel;
    std::uint32_t channel = 0;
    std::string text;
  };
  // Nothing where the channel is welcome.
  std::optional<Refused> declare(const protocol::burst::Declaration& declaration);
  // Adds the block to the inlet's batches, or counts and skips it; tells of a channel just found unfit.
  std::optional<Refused> add(const protocol::burst::DataBlock& block, core::TimeNs received, pipeline::Inlet& inlet);

  // Every sensor that the welcome channels feed.
  [[nodiscard]] std::vector<BurstAddresses::Target> sensors() const;

 private:
  struct Channel {
    std::string name;
    core::ValueType type = core::ValueType::kFloat32;
    std::optional<Refusal> refused;
    const std::vector<BurstAddresses::Target>* targets = nullptr;
  };
  std::optional<Refused> refuse(Channel& channel, std::uint32_t number, Refusal why, std::string text);

  std::optional<Refused> undeclared(const protocol::burst::DataBlock& block);

  const BurstAddresses& addresses_;
  Intake& intake_;
  bool undeclared_told_ = false;
  std::unordered_map<std::uint32_t, Channel> channels_;
};

}  // namespace millwright::connectors
