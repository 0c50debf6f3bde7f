// Readings as text and back, as every text format of `millwright history` writes them: shortest numbers that read back
// as the same bits, times in UTC to the nanosecond. Both directions are quick: a time is compared with the one before.
//
// Threads: free functions; a TimeWriter or TimeReader has one owner. Formats: docs/format/exports.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asset/model.hpp"
#include "core/block.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"

namespace millwright::history {

// The value whose bytes are `bits`: 12.5, -3, true; NaN, -NaN, Infinity, -Infinity.
void append_value(core::ValueType type, std::uint64_t bits, std::string& out);
// A statistic of values of `type`, which for min, max, first and last is one of them.
void append_statistic(core::ValueType type, double value, std::string& out);
// The bits of a value of the sensor's type, or nothing where the text is none. A state may be its code or its name.
std::optional<std::uint64_t> parse_value(const asset::Sensor& sensor, std::string_view text);
// The same from a number; nothing where the type cannot hold it. A float32 rounds.
std::optional<std::uint64_t> bits_of(core::ValueType type, double value);
std::optional<std::uint64_t> bits_of(core::ValueType type, std::int64_t value);
// A whole number: int64, bool, state.
std::int64_t value_as_int(core::ValueType type, std::uint64_t bits);

// Appends as core::format_time writes.
class TimeWriter {
 public:
  void append(core::TimeNs time, std::string& out);

 private:
  core::TimeNs second_ = 0;
  std::string text_;  // of second_, without the 'Z'; empty: none yet
};

// Reads what core::parse_time reads, and seconds since 1970 as a decimal number.
class TimeReader {
 public:
  core::Result<core::TimeNs> read(std::string_view text);

 private:
  bool read_quickly(std::string_view text, core::TimeNs& time) const;

  std::string date_;  // "2026-11-21"
  core::TimeNs day_ = 0;
};

// RFC 4180: quoted where it must be.
void append_csv_field(std::string_view text, std::string& out);

}  // namespace millwright::history
