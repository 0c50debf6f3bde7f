// The `analytics` section of the plant's file (docs/oee.md).
//
// Threads: values; reading one at a time, as the document. Errors: problems of the document.
#pragma once

#include <memory>
#include <string>

#include "analytics/calendar_file.hpp"
#include "analytics/reasons.hpp"
#include "config/document.hpp"

namespace millwright::analytics {

struct OrdersOptions;

struct Options {
  CalendarFile calendars;
  Reasons reasons = Reasons::usual();
  core::DurationNs downtime_interval = 10 * core::kSecond;  // between looks for new downtime
  std::shared_ptr<const OrdersOptions> orders;              // production orders over MQTT; nullptr: none
};

// `directory` is the file's; `node` names the client to a broker.
Options read_options(config::Section section, const std::string& directory, const std::string& node);

}  // namespace millwright::analytics
