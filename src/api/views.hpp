// JSON views of the model, live values, alarms and history: one function per shape of the API (schemas in
// openapi.json).
//
// Threads: free functions over const data. Times are RFC 3339 in UTC; what is not finite is null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "alarms/control.hpp"
#include "alarms/performance.hpp"
#include "api/http.hpp"
#include "api/identity.hpp"
#include "api/server.hpp"
#include "asset/model.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::api {

using Json = nlohmann::ordered_json;

// What is no UTF-8 is replaced, never an error.
std::string to_text(const Json& json);
Response json_response(std::string body);
// Whether an Accept field asks for CSV rather than JSON.
bool accepts_csv(std::string_view accept);

Json time_or_null(core::TimeNs time);  // 0: null
// A value by its own bytes: number, true, false or text; null where it is not finite. A float32 prints as the shortest
// number that reads back as the same float32.
Json value_json(core::ValueType type, std::uint64_t bits, const core::Texts& texts);
// A statistic of values of `type`, which for min, max, first and last is one of them.
Json statistic_json(core::ValueType type, double value);
// The name of a state's code, or nullptr.
const std::string* state_name(const asset::Sensor& sensor, std::uint64_t bits);

// The machines' active alarms, gathered once per request.
class ActiveAlarms {
 public:
  explicit ActiveAlarms(const std::vector<alarms::Alarm>& active);
  struct Count {
    std::size_t alarms = 0;
    alarms::Priority highest = alarms::Priority::kLow;
  };
  // By machine name; nothing: none active.
  [[nodiscard]] Count of(const std::string& machine) const;

 private:
  std::unordered_map<std::string, Count> by_machine_;
};

// What the machines page, the twin and the stream say of a machine as a whole.
struct MachineSummary {
  std::string_view state = "unknown";  // running, idle, down, unknown
  std::string state_name;              // as the machine's own states call it; "": it has none
  std::string_view quality = "good";   // the worst of its sensors': good, uncertain, bad
  ActiveAlarms::Count active;
};
MachineSummary summarize(const asset::Model& model, const pipeline::LiveTable& live, const asset::Machine& machine,
                         const ActiveAlarms& active);

Json machine_json(const asset::Machine& machine, const MachineSummary& summary);
Json control_chart_json(const asset::Sensor& sensor, const ControlChart& chart);
Json control_json(const alarms::Control& control);
Json performance_json(const alarms::Performance& performance);
Json twin_json(const Services& services, const asset::Machine& machine, const MachineSummary& summary,
               const std::vector<alarms::Alarm>& active);
// Of an event stream: a machine, with its sensors' values where asked for.
Json stream_machine_json(const Services& services, const asset::Machine& machine, const MachineSummary& summary,
                         bool with_sensors);

// The sites, with areas, lines, cells and machines in them.
Json hierarchy_json(const asset::Model& model, const Identity& who);
Json stats_json(const PlantStatus& status, const Services& services);
// Who does not see the whole plant is told nothing of its connectors, outputs and totals.
Json plant_json(const PlantStatus& status, const Services& services, const Identity& who);
// Whether somebody sees an alarm: its sensor, else its machine; the platform's own are of the whole plant.
bool sees(const Identity& who, const asset::Model& model, const alarms::Alarm& alarm);

}  // namespace millwright::api
