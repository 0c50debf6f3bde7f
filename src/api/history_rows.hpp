// The rows of history as clients read them: readings, statistics of intervals, calculated values; JSON or CSV (RFC
// 4180, where NaN and Infinity are those words; in JSON they are null).
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "asset/model.hpp"
#include "historian/historian.hpp"
#include "historian/processed.hpp"

namespace millwright::api {

std::string json_row(const asset::Sensor& sensor, const historian::Reading& reading);
std::string json_row(const asset::Sensor& sensor, const historian::Aggregate& interval);
std::string json_row(const asset::Sensor& sensor, const historian::Processed& value);

// With the end of the line.
std::string csv_row(const asset::Sensor& sensor, const historian::Reading& reading);
std::string csv_row(const asset::Sensor& sensor, const historian::Aggregate& interval);
std::string csv_row(const asset::Sensor& sensor, const historian::Processed& value);

std::string_view csv_header_of_readings(const asset::Sensor& sensor);
std::string_view csv_header_of_aggregates();
std::string_view csv_header_of_processed();

}  // namespace millwright::api
