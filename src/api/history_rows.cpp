#include "api/history_rows.hpp"

#include "api/machine_view.hpp"
#include "core/quality.hpp"

namespace millwright::api {

using core::ValueType;

void HistoryRows::begin(core::TimeNs time, std::string& out) {
  if (csv_) return time_.append(time, out);
  out += first_ ? R"({"time":")" : R"(,{"time":")";
  first_ = false;
  time_.append(time, out);
  out += '"';
}

void HistoryRows::append_text(std::string_view text, std::string& out) const {
  if (csv_) return core::append_csv_field(text, out);
  core::append_json_text(text, out);
}

// Mostly that of the row before.
void HistoryRows::append_quality(core::Quality quality, std::string& out) {
  if (quality_text_.empty() || !(quality == quality_)) {
    quality_ = quality;
    quality_text_ = csv_ ? "," : R"(,"quality":")";
    quality_text_ += core::quality_name(quality);
    quality_text_ += csv_ ? "," : R"(","quality_code":)";
    core::append_number(quality.code, quality_text_);
    quality_text_ += csv_ ? '\n' : '}';
  }
  out += quality_text_;
}

void HistoryRows::append(const historian::Reading& reading, std::string& out) {
  begin(reading.time, out);
  out += csv_ ? "," : R"(,"value":)";
  if (sensor_.type == ValueType::kText) {
    append_text(texts_.of(reading.bits), out);
  } else if (csv_ || !core::is_real(sensor_.type)) {
    core::append_value(sensor_.type, reading.bits, out);
  } else {
    append_json_real(sensor_.type, core::as_double(sensor_.type, reading.bits), out);
  }
  if (sensor_.type == ValueType::kState) {
    const std::string* name = state_name(sensor_, reading.bits);
    out += csv_ ? "," : R"(,"state_name":)";
    if (name != nullptr) {
      append_text(*name, out);
    } else if (!csv_) {
      out += "null";
    }
  }
  append_quality(reading.quality, out);
}

void HistoryRows::append_statistic(const char* name, ValueType type, double value, bool known, std::string& out) const {
  out += ',';
  if (!csv_) ((out += '"') += name) += "\":";
  if (!known) {
    out += csv_ ? "" : "null";
  } else if (csv_) {
    core::append_statistic(type, value, out);
  } else {
    append_json_real(type, value, out);
  }
}

void HistoryRows::append(const historian::Aggregate& a, std::string& out) {
  begin(a.start, out);
  out += csv_ ? "," : R"(,"count":)";
  core::append_number(a.count, out);
  out += csv_ ? "," : R"(,"bad_count":)";
  core::append_number(a.bad_count, out);
  const bool any = a.count != 0 && sensor_.type != ValueType::kText;
  // Those that are values of readings print as such.
  const ValueType own = sensor_.type == ValueType::kFloat32 ? ValueType::kFloat32 : ValueType::kFloat64;
  append_statistic("min", own, a.min, any, out);
  append_statistic("max", own, a.max, any, out);
  append_statistic("mean", ValueType::kFloat64, any ? a.mean() : 0, any, out);
  append_statistic("first", own, a.first, any, out);
  append_statistic("last", own, a.last, any, out);
  append_statistic("sum", ValueType::kFloat64, a.sum, any, out);
  append_statistic("stddev", ValueType::kFloat64, a.stddev(), any, out);
  append_statistic("time_weighted_mean", ValueType::kFloat64, any ? a.time_weighted_mean() : 0, any, out);
  out += csv_ ? '\n' : '}';
}

void HistoryRows::append(const historian::Processed& value, std::string& out) {
  begin(value.start, out);
  out += csv_ ? "," : R"(,"value":)";
  if (csv_) {
    core::append_statistic(ValueType::kFloat64, value.value, out);
  } else {
    append_json_real(ValueType::kFloat64, value.value, out);
  }
  append_quality(value.quality, out);
}

std::string_view csv_header_of_readings(const asset::Sensor& sensor) {
  return sensor.type == ValueType::kState ? "time,value,state_name,quality,quality_code\n"
                                          : "time,value,quality,quality_code\n";
}
std::string_view csv_header_of_aggregates() {
  return "time,count,bad_count,min,max,mean,first,last,sum,stddev,time_weighted_mean\n";
}
std::string_view csv_header_of_processed() {
  return "time,value,quality,quality_code\n";
}

}  // namespace millwright::api
