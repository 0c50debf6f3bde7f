// LineTargets: the sensors that a line protocol connector feeds, by what lines call them.
//
// A sensor's `address` is a series and a field, as a line has them: "pump,cell=a,line=1 current", tags in any order;
// without a field it is the field `value`. Besides, a line that carries a sensor's full path as its tag `sensor`, or as
// its measurement, feeds that sensor by its field `value`, whatever its address.
//
// Threads: immutable once made; from any thread. Errors: kInvalid where a sensor's address cannot be read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "protocol/line_protocol.hpp"

namespace millwright::connectors {

class LineTargets {
 public:
  // Tags named in `ignored` count nowhere: what agents put on every line, such as the name of the host.
  static core::Result<LineTargets> make(const asset::Model& model, const std::string& connector,
                                        std::vector<std::string> ignored);

  // The targets of a field of a series, by index (0 to size() - 1); empty where there are none.
  [[nodiscard]] std::span<const std::uint32_t> find(protocol::Series series, std::string_view field) const;
  // Why there are none, for a person: "no sensor has …".
  [[nodiscard]] std::string problem(protocol::Series series, std::string_view field) const;
  // " (did you mean 'x'?)" or "".
  [[nodiscard]] std::string hint(protocol::Series series, std::string_view field) const;

  [[nodiscard]] const asset::Sensor& sensor(std::uint32_t target) const { return *sensors_[target]; }
  [[nodiscard]] std::size_t size() const { return sensors_.size(); }

 private:
  LineTargets(const asset::Model& model, std::vector<std::string> ignored)
      : model_(&model), ignored_(std::move(ignored)) {}
  core::Status add(const asset::Sensor& sensor);
  [[nodiscard]] std::string address_of(protocol::Series series, std::string_view field) const;

  const asset::Model* model_;
  std::vector<std::string> ignored_;
  std::vector<const asset::Sensor*> sensors_;                               // by target
  std::unordered_map<std::string, std::vector<std::uint32_t>> by_address_;  // in the one spelling of address_of()
  std::unordered_map<const asset::Sensor*, std::uint32_t> by_sensor_;
};

}  // namespace millwright::connectors
