// The first byte of an integer stream, shared by its writer and its reader. docs/format/codec.md says what follows.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millwright::historian::format {

// 0 to 64: the width; 65 to 121: patched, the width + 65; with bit 7, differences are kept.
inline constexpr std::uint8_t kDeltaFlag = 0x80;
inline constexpr unsigned kMaxWidth = 64;
inline constexpr unsigned kPatched = 65;
inline constexpr unsigned kMaxPatchedWidth = 56;
// Without bit 7.
inline constexpr std::uint8_t kDictionary = 122;
inline constexpr std::uint8_t kRuns = 123;

inline constexpr std::size_t kMaxDictionary = 256;

}  // namespace millwright::historian::format
