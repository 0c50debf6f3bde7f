// What the API says of a machine and of its sensors' live values, written straight (JsonWriter): these are what pages
// and programs ask for again and again. Schemas: openapi.json.
//
// Threads: free functions over const data. Times are RFC 3339 in UTC; what is not finite is null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/active_alarms.hpp"
#include "api/json_writer.hpp"
#include "asset/model.hpp"
#include "core/texts.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::api {

// The name of a state's code, or nullptr.
const std::string* state_name(const asset::Sensor& sensor, std::uint64_t bits);

// What the machines page, the twin and the stream say of a machine as a whole.
struct MachineSummary {
  std::string_view state = "unknown";  // running, idle, down, unknown
  std::string_view state_name;         // as the machine's own states call it; "": it has none
  std::string_view quality = "good";   // the worst of its sensors': good, uncertain, bad
  ActiveAlarms::Count active;
};

// Writes into `json`; all else outlives it.
class MachineView {
 public:
  MachineView(const asset::Model& model, const pipeline::LiveTable& live, const core::Texts& texts, JsonWriter& json)
      : model_(model), live_(live), texts_(texts), json_(json) {}

  [[nodiscard]] MachineSummary summary(const asset::Machine& machine, const ActiveAlarms& active) const;

  // A line of the machines' list.
  void machine(const asset::Machine& machine, const MachineSummary& summary);
  // Of an event stream: a machine, with its sensors' values where asked for.
  void streamed(const asset::Machine& machine, const MachineSummary& summary, bool with_sensors);

  // Members of an object that the caller has begun:
  void state(const MachineSummary& summary);  // state, state_name, quality
  void hierarchy(const asset::Machine& machine);
  void components(const asset::Machine& machine);  // components and the machine's own sensors, with values
  // A twin's `reported`: a value by the sensor's key.
  void reported(const asset::Sensor& sensor);
  // The sensor's value alone.
  void value(const asset::Sensor& sensor);

 private:
  void alarm_count(const MachineSummary& summary);
  void value(const pipeline::LiveValue& live);
  void sensor(const asset::Sensor& sensor);
  void streamed(const asset::Sensor& sensor);
  void last_second(const asset::Sensor& sensor);
  void mean_min_max(const asset::Sensor& sensor, const pipeline::Rollup& rollup, bool mean_first);

  const asset::Model& model_;
  const pipeline::LiveTable& live_;
  const core::Texts& texts_;
  JsonWriter& json_;
};

}  // namespace millwright::api
