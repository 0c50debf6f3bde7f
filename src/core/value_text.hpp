// Readings as text: shortest numbers that read back as the same bits, times in UTC to the nanosecond, fields of CSV.
// All that writes readings as text writes them so. Quick: a date is written once for the times that follow each other.
//
// Threads: free functions; a TimeWriter has one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/block.hpp"
#include "core/time.hpp"

namespace millwright::core {

// The value whose bytes are `bits`: 12.5, -3, true; NaN, -NaN, Infinity, -Infinity. Of a text its number: whoever
// writes texts looks it up.
void append_value(ValueType type, std::uint64_t bits, std::string& out);
// A statistic of values of `type`, which for min, max, first and last is one of them.
void append_statistic(ValueType type, double value, std::string& out);
void append_number(std::uint64_t number, std::string& out);

// Appends as format_time writes.
class TimeWriter {
 public:
  void append(TimeNs time, std::string& out);

 private:
  TimeNs day_ = 0;
  std::string date_;  // of day_, with the 'T'; empty: none yet
};

// A string of JSON, with its quotes. The text is UTF-8.
void append_json_text(std::string_view text, std::string& out);
// The text of an HTML element or quoted attribute.
std::string html_text(std::string_view text);
// RFC 4180: quoted where it must be.
void append_csv_field(std::string_view text, std::string& out);

}  // namespace millwright::core
