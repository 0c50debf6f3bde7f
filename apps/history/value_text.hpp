// Readings from text, as every text format of `millwright history` has them (core/value_text.hpp writes them). Quick: a
// time is compared with the one before.
//
// Threads: free functions; a TimeReader has one owner. Formats: docs/format/exports.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asset/model.hpp"
#include "core/block.hpp"
#include "core/quality.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"
#include "core/value_text.hpp"

namespace millwright::history {

// The bits of a value of the sensor's type, or nothing where the text is none. A state may be its code or its name; a
// text may be any that `texts` takes.
std::optional<std::uint64_t> parse_value(const asset::Sensor& sensor, std::string_view text, core::Texts& texts);
// The same from a number; nothing where the type cannot hold it, as a text cannot. A float32 rounds.
std::optional<std::uint64_t> bits_of(core::ValueType type, double value);
std::optional<std::uint64_t> bits_of(core::ValueType type, std::int64_t value);
// A whole number: int64, bool, state.
std::int64_t value_as_int(core::ValueType type, std::uint64_t bits);

// Reads what core::parse_time reads, and seconds since 1970 as a decimal number.
class TimeReader {
 public:
  core::Result<core::TimeNs> read(std::string_view text);

 private:
  bool read_quickly(std::string_view text, core::TimeNs& time) const;

  std::string date_;  // "2026-11-21"
  core::TimeNs day_ = 0;
};

}  // namespace millwright::history
