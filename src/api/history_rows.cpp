#include "api/history_rows.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/views.hpp"
#include "core/quality.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using historian::Aggregate;
using historian::Processed;
using historian::Reading;

// Quoted where it must be.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + "\"";
}

// What JSON cannot say (NaN, Infinity) CSV can.
std::string csv_number(const Json& json, double value) {
  return json.is_number() && std::isfinite(value) ? json.dump() : core::format_double(value);
}

std::string csv_value(core::ValueType type, std::uint64_t bits) {
  const Json json = value_json(type, bits);
  if (!json.is_number_float()) return json.dump();
  return core::format_double(json.get<double>());
}

}  // namespace

std::string json_row(const asset::Sensor& sensor, const Reading& reading) {
  Json row = {{"time", core::format_time(reading.time)}, {"value", value_json(sensor.type, reading.bits)}};
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = state_name(sensor, reading.bits);
    row["state_name"] = name == nullptr ? Json() : Json(*name);
  }
  row["quality"] = core::quality_name(reading.quality);
  row["quality_code"] = reading.quality.code;
  return to_text(row);
}

std::string json_row(const asset::Sensor& sensor, const Aggregate& a) {
  const bool any = a.count != 0;
  const auto one_of_them = [&](double value) { return any ? statistic_json(sensor.type, value) : Json(); };
  const auto made_of_them = [&](double value) { return any ? Json(value) : Json(); };
  return to_text({{"time", core::format_time(a.start)},
                  {"count", a.count},
                  {"bad_count", a.bad_count},
                  {"min", one_of_them(a.min)},
                  {"max", one_of_them(a.max)},
                  {"mean", made_of_them(a.mean())},
                  {"first", one_of_them(a.first)},
                  {"last", one_of_them(a.last)},
                  {"sum", made_of_them(a.sum)},
                  {"stddev", made_of_them(a.stddev())},
                  {"time_weighted_mean", made_of_them(a.time_weighted_mean())}});
}

std::string json_row(const asset::Sensor&, const Processed& value) {
  return to_text({{"time", core::format_time(value.start)},
                  {"value", Json(value.value)},
                  {"quality", core::quality_name(value.quality)},
                  {"quality_code", value.quality.code}});
}

std::string csv_row(const asset::Sensor& sensor, const Reading& reading) {
  std::string row = core::format_time(reading.time) + "," + csv_value(sensor.type, reading.bits);
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = state_name(sensor, reading.bits);
    row += "," + (name == nullptr ? std::string() : csv_field(*name));
  }
  return row + fmt::format(",{},{}\n", core::quality_name(reading.quality), reading.quality.code);
}

std::string csv_row(const asset::Sensor& sensor, const Aggregate& a) {
  if (a.count == 0) return fmt::format("{},0,{},,,,,,,,\n", core::format_time(a.start), a.bad_count);
  const auto number = [&](double value) { return csv_number(statistic_json(sensor.type, value), value); };
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", core::format_time(a.start), a.count, a.bad_count,
                     number(a.min), number(a.max), core::format_double(a.mean()), number(a.first), number(a.last),
                     core::format_double(a.sum), core::format_double(a.stddev()),
                     core::format_double(a.time_weighted_mean()));
}

std::string csv_row(const asset::Sensor&, const Processed& value) {
  return fmt::format("{},{},{},{}\n", core::format_time(value.start), core::format_double(value.value),
                     core::quality_name(value.quality), value.quality.code);
}

std::string_view csv_header_of_readings(const asset::Sensor& sensor) {
  return sensor.type == core::ValueType::kState ? "time,value,state_name,quality,quality_code\n"
                                                : "time,value,quality,quality_code\n";
}
std::string_view csv_header_of_aggregates() {
  return "time,count,bad_count,min,max,mean,first,last,sum,stddev,time_weighted_mean\n";
}
std::string_view csv_header_of_processed() {
  return "time,value,quality,quality_code\n";
}

}  // namespace millwright::api
