// SensorNames: which sensor a name in somebody's file means.
//
// In this order: what the mapping says; a sensor's path; the end of one path alone ("pump-1/motor/current", "current");
// the address of one sensor alone (a column of a replay, a node).
// Threads: one owner.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "asset/model.hpp"
#include "core/result.hpp"

namespace millwright::history {

class SensorNames {
 public:
  explicit SensorNames(const asset::Model& model);
  // A mapping file: a line a name, "<name in the file>,<sensor>", the sensor as above; '#' begins a comment. kInvalid
  // with file and line where a sensor is unknown or a name comes twice.
  core::Status read_mapping(const std::string& path);

  // kNotFound with the nearest name, kInvalid where several sensors could be meant. Remembers what it was asked.
  core::Result<const asset::Sensor*> find(std::string_view name);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <typename T>
  using ByName = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  core::Result<const asset::Sensor*> look_up(std::string_view name) const;

  const asset::Model& model_;
  ByName<const asset::Sensor*> by_end_;      // nullptr: several
  ByName<const asset::Sensor*> by_address_;  // nullptr: several
  ByName<core::Result<const asset::Sensor*>> known_;
};

}  // namespace millwright::history
