// Quality of a reading: an OPC UA status code (OPC 10000-4, 7.39), which always travels with the value.
// The two top bits are the severity: 00 good, 01 uncertain, 10 bad.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millwright::core {

struct Quality {
  std::uint32_t code = 0;

  constexpr bool operator==(const Quality&) const = default;
  [[nodiscard]] constexpr bool is_good() const { return (code >> 30) == 0; }
  [[nodiscard]] constexpr bool is_uncertain() const { return (code >> 30) == 1; }
  [[nodiscard]] constexpr bool is_bad() const { return (code >> 30) >= 2; }
  // The classic OPC DA quality byte, for readers that know nothing else.
  [[nodiscard]] constexpr std::uint8_t legacy() const { return is_good() ? 192 : is_uncertain() ? 68 : 0; }
  // The worse of the two by severity; of two alike, this one.
  [[nodiscard]] constexpr Quality worse(Quality other) const {
    return (other.code >> 30) > (code >> 30) ? other : *this;
  }
};

// Standard codes (OPC 10000-6, Annex A) that the platform itself gives.
inline constexpr Quality kGood{0x00000000};
inline constexpr Quality kUncertain{0x40000000};
inline constexpr Quality kUncertainLastUsable{0x40900000};     // UncertainLastUsableValue
inline constexpr Quality kUncertainNotAccurate{0x40930000};    // UncertainSensorNotAccurate: the sensor is doubted
inline constexpr Quality kUncertainEuExceeded{0x40940000};     // UncertainEngineeringUnitsExceeded: outside its range
inline constexpr Quality kUncertainDataSubNormal{0x40A40000};  // calculated, and not all that went in was good
inline constexpr Quality kBad{0x80000000};
inline constexpr Quality kBadWaitingForInitialData{0x80320000};  // nothing received yet
inline constexpr Quality kBadNotConnected{0x808A0000};
inline constexpr Quality kBadNoCommunication{0x80310000};   // was connected, is not now
inline constexpr Quality kBadSensorFailure{0x808C0000};     // NaN or infinity from the source
inline constexpr Quality kBadInvalidTimestamp{0x80230000};  // time in the far future
inline constexpr Quality kBadTypeMismatch{0x80740000};
inline constexpr Quality kBadNodeIdUnknown{0x80340000};
inline constexpr Quality kBadNoData{0x809B0000};  // nothing to calculate from

// "Good", "UncertainLastUsableValue", "BadSensorFailure", …; the class alone for codes not listed above.
std::string_view quality_name(Quality quality);

// Text that stands for exactly this code: its name, or "0x80AB0000" where no name says all of it.
std::string format_quality(Quality quality);
// What format_quality() writes, and a code as a decimal number.
std::optional<Quality> parse_quality(std::string_view text);

}  // namespace millwright::core
