// The numbers of the block format, shared by encoder and decoder. docs/format/codec.md says what they mean.
#pragma once

#include <array>
#include <cstdint>

#include "core/time.hpp"

namespace millwright::historian::format {

// Header byte: value type in the low three bits, then flags; the two top bits are zero.
inline constexpr std::uint8_t kTypeMask = 0x07;
inline constexpr std::uint8_t kHasQuality = 0x08;
inline constexpr std::uint8_t kTimesShift = 4;
inline constexpr std::uint8_t kTimesMask = 0x30;
inline constexpr std::uint8_t kReserved = 0xC0;

enum class Times : std::uint8_t { kRegular = 0, kPacked = 1, kVarint = 2 };

enum class Values : std::uint8_t {
  kPlain = 0,     // their own bytes
  kConstant = 1,  // one value for all
  kBits = 2,      // bool: one bit each
  kInteger = 3,   // integer stream
  kDecimal = 4,   // exponent, integer stream, exceptions
  kPattern = 5,   // the bytes of floats taken as integers: integer stream
};

// Times are often whole microseconds or milliseconds: lists are kept in the largest unit that fits all.
inline constexpr std::array<core::DurationNs, 5> kTimeUnits{1, 100, core::kMicrosecond, core::kMillisecond,
                                                            core::kSecond};

}  // namespace millwright::historian::format
