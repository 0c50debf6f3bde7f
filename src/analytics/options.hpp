// The `analytics` section of the plant's file (docs/oee.md).
//
// Threads: values; reading one at a time, as the document. Errors: problems of the document.
#pragma once

#include <optional>
#include <string>

#include "analytics/calendar_file.hpp"
#include "analytics/reasons.hpp"
#include "config/document.hpp"
#include "mqtt/options.hpp"

namespace millwright::analytics {

struct OrdersOptions {
  mqtt::Options broker;
  std::string topic;
};

struct Options {
  CalendarFile calendars;
  Reasons reasons = Reasons::usual();
  core::DurationNs downtime_interval = 10 * core::kSecond;  // between looks for new downtime
  std::optional<OrdersOptions> orders;                      // production orders over MQTT
};

// `directory` is the file's; `node` names the client to a broker.
Options read_options(config::Section section, const std::string& directory, const std::string& node);

}  // namespace millwright::analytics
