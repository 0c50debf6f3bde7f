// The `oee` of a machine type or machine as a file gives it, and what becomes of it once the machine's sensors are
// known. Private to asset.
//
// Threads: one at a time. Errors: problems of the document.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "asset/model.hpp"
#include "asset/oee.hpp"
#include "config/document.hpp"

namespace millwright::asset {

struct OeeSpec {
  std::string state = "state";
  std::map<std::string, Activity> states;  // by the state's name, where it is not itself an activity's
  std::string good;
  std::string reject;
  std::string total;
  std::string product;
  core::DurationNs ideal_cycle = 0;
  std::map<std::string, core::DurationNs> products;
  core::DurationNs small_stop = Oee{}.small_stop;
  core::DurationNs start_up = Oee{}.start_up;
  config::Place place;
  std::string key;  // path in its file, for problems
};

// Onto what `spec` already holds.
void read_oee(config::Section section, OeeSpec& spec);

// `sensor` finds one of the machine by "component/sensor" or "sensor". nullptr: problems were told.
using FindSensor = std::function<const Sensor*(const std::string& name)>;
std::shared_ptr<const Oee> make_oee(config::Document& document, const OeeSpec& spec, const FindSensor& sensor);

}  // namespace millwright::asset
