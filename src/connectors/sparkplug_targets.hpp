// SparkplugTargets: the sensors that a Sparkplug host feeds, by node, device and metric.
//
// A sensor's `address` is "group/node/device#metric", or "group/node#metric" for a metric of the node itself; a
// metric's name may hold slashes, and go on into what the metric holds: "motor/speed", "curve[2]"
// (sparkplug_structure.hpp). A sensor whose address has no # is found by names: a device, or a node, that is
// called as its machine, and a metric "component/sensor" or "sensor".
//
// Threads: immutable once made; from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "asset/model.hpp"

namespace millwright::connectors {

struct SparkplugPlace {
  std::string node;    // "group/node"
  std::string device;  // "": the node itself
  std::string metric;
};
// Of an address with a #; nothing where it is none.
std::optional<SparkplugPlace> parse_sparkplug_address(const std::string& address);

class SparkplugTargets {
 public:
  SparkplugTargets(const asset::Model& model, const std::string& connector);

  // `node` is "group/node"; `device` is "" for the node itself. Nothing where no sensor of this connector is meant.
  [[nodiscard]] std::vector<const asset::Sensor*> find(std::string_view node, std::string_view device,
                                                       std::string_view metric) const;
  // What sensors name within a metric: "motor/speed" and "motor[2]" of "motor".
  struct Part {
    std::string name;  // with the metric's
    std::vector<const asset::Sensor*> sensors;
  };
  [[nodiscard]] std::vector<Part> parts_of(std::string_view node, std::string_view device,
                                           const std::string& metric) const;
  // The metrics that sensors name of a device, in order.
  [[nodiscard]] const std::vector<std::string>& metrics_of(std::string_view node, std::string_view device) const;
  // Whether anything of the node could feed a sensor.
  [[nodiscard]] bool wants(std::string_view node) const { return by_name_ || nodes_.count(std::string(node)) != 0; }
  // The nodes that addresses name.
  [[nodiscard]] const std::unordered_set<std::string>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<const asset::Sensor*>& sensors() const { return sensors_; }
  // Sensors whose address is none: a # and not two or three names before it.
  [[nodiscard]] const std::vector<const asset::Sensor*>& misaddressed() const { return misaddressed_; }

 private:
  [[nodiscard]] const asset::Machine* machine_of(std::string_view node, std::string_view device) const;
  [[nodiscard]] bool by_name(const asset::Sensor& sensor) const;

  const asset::Model& model_;
  const std::string connector_;
  bool by_name_ = false;
  std::vector<const asset::Sensor*> sensors_;
  std::vector<const asset::Sensor*> misaddressed_;
  std::unordered_set<std::string> nodes_;
  std::unordered_map<std::string, std::vector<const asset::Sensor*>> by_address_;
  std::unordered_map<std::string, std::vector<std::string>> metrics_;  // by "group/node[/device]"
};

}  // namespace millwright::connectors
