// The rows of history as clients read them: readings, statistics of intervals, calculated values; JSON or CSV (RFC
// 4180, where NaN and Infinity are those words; in JSON they are null). Written straight into the answer, for they are
// many.
//
// Threads: one owner.
#pragma once

#include <string>
#include <string_view>

#include "asset/model.hpp"
#include "core/texts.hpp"
#include "core/value_text.hpp"
#include "historian/historian.hpp"
#include "historian/processed.hpp"

namespace millwright::api {

class HistoryRows {
 public:
  HistoryRows(const asset::Sensor& sensor, const core::Texts& texts, bool csv)
      : sensor_(sensor), texts_(texts), csv_(csv) {}

  // A line of CSV, or an object of JSON with a comma before it but for the first.
  void append(const historian::Reading& reading, std::string& out);
  void append(const historian::Aggregate& interval, std::string& out);
  void append(const historian::Processed& value, std::string& out);

 private:
  void begin(core::TimeNs time, std::string& out);
  void append_text(std::string_view text, std::string& out) const;
  void append_quality(core::Quality quality, std::string& out);
  void append_statistic(const char* name, core::ValueType type, double value, bool known, std::string& out) const;

  const asset::Sensor& sensor_;
  const core::Texts& texts_;
  const bool csv_;
  bool first_ = true;
  core::TimeWriter time_;
  core::Quality quality_;
  std::string quality_text_;  // of quality_, to the row's end; empty: none yet
};

std::string_view csv_header_of_readings(const asset::Sensor& sensor);
std::string_view csv_header_of_aggregates();
std::string_view csv_header_of_processed();

}  // namespace millwright::api
